"""Versions on disk: nothing is lost, frozen weights take half, and what two versions have in common is there once."""

import errno
import os
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from safetensors import safe_open

from app.lm.files.checkpoint import load_model, save_model
from app.lm.files.weight_files import exactly, weight_paths
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer
from app.model_info.weights import content_hash, share_files, verify_directory
from app.services.lifecycle.removal import freed_bytes
from app.training.policy.shared_weights import copy_to_train

PARTS = 4  # embeddings, two layers, the rest


@pytest.fixture
def frozen(model: Llama) -> Llama:
    """As an imported model in bfloat16 is loaded: every number is one of bfloat16."""
    copy = copy_to_train(model, 0)
    with torch.no_grad():
        for weight in copy.parameters():
            weight.copy_(weight.bfloat16().float())
    return copy


def policy_of(model: Llama, seed: int) -> Llama:
    """Trained above the embeddings and the lowest layer."""
    policy = copy_to_train(model, 1)
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in policy.parameters():
            if weight.requires_grad:
                weight.add_(1e-4 * torch.randn_like(weight))
    return policy


def saved(directory: Path, model: Llama, tokenizer: Tokenizer) -> Path:
    save_model(directory, model, tokenizer, dtype=None)
    return directory


def types_of(directory: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in weight_paths(directory):
        with safe_open(path, framework="pt") as file:
            found |= {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118  no dict
    return found


def test_what_is_loaded_is_what_was_saved_to_the_bit(tmp_path: Path, frozen: Llama, tokenizer: Tokenizer) -> None:
    policy = policy_of(frozen, 1)
    loaded, _ = load_model(saved(tmp_path / "policy", policy, tokenizer))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
    for name, weight in policy.state_dict().items():
        for other in (loaded.state_dict()[name], theirs.state_dict()[name]):
            assert other.dtype is torch.float32
            assert torch.equal(other.view(torch.int32), weight.view(torch.int32)), name
    types = types_of(tmp_path / "policy")
    assert types["model.embed_tokens.weight"] == types["model.layers.0.mlp.up_proj.weight"] == "BF16"
    assert types["model.layers.1.mlp.up_proj.weight"] == types["model.norm.weight"] == "F32"
    ids = torch.tensor([[1, 5, 6, 7]])
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).logits, loaded(ids), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ([1.0, -0.0, 0.5], torch.bfloat16),
        ([1.0, 2.0**120, float("inf")], torch.bfloat16),
        ([1.0009765625], torch.float16),  # eleven bits
        ([1.0009765625, 2.0**120], torch.float32),
        ([0.1], torch.float32),
        ([1e-45], torch.float32),
        ([float("nan"), 0.1], torch.float32),
    ],
)
def test_the_smallest_type_that_keeps_each_bit(numbers: list[float], kind: torch.dtype) -> None:
    tensor = torch.tensor(numbers)
    found = exactly(tensor)
    assert found.dtype is kind
    assert torch.equal(found.float().view(torch.int32), tensor.view(torch.int32))
    assert exactly(tensor.bfloat16()).dtype is torch.bfloat16


def inodes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in weight_paths(directory)}


def test_what_versions_have_in_common_is_there_once(tmp_path: Path, frozen: Llama, tokenizer: Tokenizer) -> None:
    first = saved(tmp_path / "1", policy_of(frozen, 1), tokenizer)
    second = saved(tmp_path / "2", policy_of(frozen, 2), tokenizer)
    before, alone = content_hash(second), freed_bytes([second])
    share_files(second, [tmp_path / "gone", first])
    assert content_hash(second) == before
    verify_directory(second, before)
    shared = {name for name, inode in inodes(second).items() if inodes(first)[name] == inode}
    assert shared == {"model-00001-of-00004.safetensors", "model-00002-of-00004.safetensors"}
    common = sum((first / name).stat().st_size for name in shared)
    assert freed_bytes([second]) == alone - common
    shutil.rmtree(first)  # removed: the other one keeps its own
    load_model(second)
    assert freed_bytes([second]) == alone
    assert not list(second.glob(".*"))


def test_a_damaged_file_is_not_shared(tmp_path: Path, frozen: Llama, tokenizer: Tokenizer) -> None:
    first = saved(tmp_path / "1", frozen, tokenizer)
    second = saved(tmp_path / "2", frozen, tokenizer)
    harmed = first / "model-00001-of-00004.safetensors"
    content = bytearray(harmed.read_bytes())
    content[-1] ^= 1
    harmed.write_bytes(bytes(content))
    share_files(second, [first])
    equal = [name for name, inode in inodes(second).items() if inodes(first)[name] == inode]
    assert len(equal) == PARTS - 1
    load_model(second)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EXDEV, errno.EMLINK])
def test_where_links_cannot_be_made_the_copy_stays(
    tmp_path: Path, frozen: Llama, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    first, second = (saved(tmp_path / name, frozen, tokenizer) for name in ("1", "2"))
    before = inodes(second)

    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refused)
    share_files(second, [first])
    assert inodes(second) == before
    load_model(second)
