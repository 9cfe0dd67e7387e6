"""Saving and loading: what comes back, what is refused, and what the refusal says."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model, save_model
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer
from app.model_info.weights import CheckpointError, atomic_directory, content_hash


def test_comes_back_equal(directory: Path, model: Llama, tokenizer: Tokenizer) -> None:
    loaded, words = load_model(directory)
    assert loaded.config == model.config
    assert words.vocab_size == tokenizer.vocab_size
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name


def test_others_may_read_the_files(directory: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o644}


def test_hash_depends_on_content_alone(tmp_path: Path, model: Llama, tokenizer: Tokenizer, directory: Path) -> None:
    again = save_model(tmp_path / "again", model, tokenizer, dtype=torch.float32)
    assert again == content_hash(directory)
    (directory / "training.json").write_text("{}")
    assert again == content_hash(directory)
    assert save_model(tmp_path / "again", model, tokenizer) != again  # bf16, over the old one
    assert not list(tmp_path.glob(".again*"))


def test_the_shipped_model_keeps_its_hash(tmp_path: Path) -> None:
    """Its files are as this program writes them today: opened and saved again, they are the same bytes."""
    shipped = SFT_MODEL
    if not (shipped / "model.safetensors").is_file():
        pytest.skip("no shipped weights")
    model, tokenizer = load_model(shipped)
    assert save_model(tmp_path / "again", model, tokenizer) == content_hash(shipped)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(bytes(content))


FILES = ["config.json", "model.safetensors", "tokenizer.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", [Path.unlink, _truncate, _flip])
def test_harmed_files_are_named(directory: Path, name: str, harm: Callable[[Path], None]) -> None:
    harm(directory / name)
    with pytest.raises(CheckpointError, match=name) as caught:
        load_model(directory)
    assert "activate another version" in caught.value.message


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", [Path.unlink, _truncate])
def test_harm_is_seen_without_checksums(directory: Path, name: str, harm: Callable[[Path], None]) -> None:
    """A directory from elsewhere has no list of checksums."""
    (directory / "checksums.json").unlink()
    harm(directory / name)
    with pytest.raises(CheckpointError, match=name):
        load_model(directory)


def test_sizes_that_do_not_fit(directory: Path) -> None:
    (directory / "checksums.json").unlink()
    path = directory / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"intermediate_size": 80}))
    with pytest.raises(CheckpointError, match="does not fit"):
        load_model(directory)


def test_what_is_wrong_with_a_file_is_said_without_the_paths_of_the_machine(tmp_path: Path) -> None:
    folder = tmp_path / "2-reward"
    folder.mkdir()
    (folder / "config.json").mkdir()
    for broken in (tmp_path / "9-policy", folder):
        with pytest.raises(CheckpointError) as refused:
            load_model(broken)
        for said in (refused.value.message, refused.value.page_message):
            assert broken.name in said
            assert str(tmp_path) not in said


def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        load_model(tmp_path / "nowhere")


def _half(target: Path) -> None:
    with atomic_directory(target) as fresh:
        (fresh / "half").write_text("x")
        raise RuntimeError("power cut")


def test_a_failed_save_leaves_the_old_one(directory: Path) -> None:
    before = content_hash(directory)
    with pytest.raises(RuntimeError, match="power cut"):
        _half(directory)
    assert content_hash(directory) == before
    assert [path.name for path in directory.parent.iterdir()] == [directory.name]
