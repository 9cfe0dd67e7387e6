"""Directories from elsewhere: what is copied, what is refused, and that a refusal leaves nothing behind."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.errors import AppError, InvalidError, UnavailableError
from app.lm.files import checkpoint
from app.lm.files.checkpoint import load_model
from app.lm.files.importing import LEAST_ANSWER, PROBE, import_directory
from app.lm.text.tokenizer import Tokenizer
from app.model_info.weights import CheckpointError, verify_directory
from tests.lm.files.imported_models import change_json, save_random_model, save_tokenizer

pytest.importorskip("transformers")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    save_random_model(tmp_path / "SmolTest-1M", "llama")
    return tmp_path / "SmolTest-1M"


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    save_random_model(tmp_path / "sharded", "qwen2", max_shard_size="20KB")
    return tmp_path / "sharded"


def test_a_whole_copy_with_its_origin(source: Path, tmp_path: Path) -> None:
    (source / "pytorch_model.bin").write_bytes(b"a pickle")
    (source / "run_me.py").write_text("print()")
    imported = import_directory(source, tmp_path / "data" / "1-sft")
    assert (imported.name, imported.model_type, imported.context_tokens, imported.plain_format) == (
        "SmolTest-1M", "llama", 256, False,
    )  # fmt: skip
    verify_directory(tmp_path / "data" / "1-sft", imported.content_hash)
    names = {path.name for path in (tmp_path / "data" / "1-sft").iterdir()}
    assert names == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", "checksums.json",
    }  # fmt: skip
    assert (tmp_path / "data" / "1-sft" / "config.json").read_bytes() == (source / "config.json").read_bytes()
    assert imported.metrics["imported_from"] == "SmolTest-1M"
    assert imported.parameters == sum(weight.numel() for weight in load_model(source)[0].parameters())


def test_languages_are_those_that_were_said_or_those_of_its_card(source: Path, tmp_path: Path) -> None:
    assert "languages" not in import_directory(source, tmp_path / "copy").metrics
    (source / "README.md").write_text("---\nlanguage: en\n---\n", encoding="utf-8")
    assert import_directory(source, tmp_path / "copy").metrics["languages"] == ["en"]
    assert import_directory(source, tmp_path / "copy", languages={"zh", "de"}).metrics["languages"] == ["de", "zh"]


def test_a_snapshot_of_the_hubs_cache_is_named_by_its_model(source: Path, tmp_path: Path) -> None:
    snapshots = tmp_path / "models--org--SmolTest-2M" / "snapshots"
    snapshots.mkdir(parents=True)
    snapshot = source.rename(snapshots / "12fd25f77366fa6b3b4b768ec3050bf629380bac")
    assert import_directory(snapshot, tmp_path / "copy").metrics["imported_from"] == "SmolTest-2M"


def test_a_name_may_hold_any_bytes(source: Path, tmp_path: Path) -> None:
    """What is no UTF-8 could be shown on no page. (safetensors takes no such path, but one that links to it.)"""
    link = tmp_path / "link"
    link.symlink_to(source.rename(tmp_path / os.fsdecode(b"m\xe9")))
    assert import_directory(link, tmp_path / "copy").metrics["imported_from"] == "m\ufffd"


@pytest.mark.parametrize("field", ["max_position_embeddings", "sliding_window"])
def test_a_context_that_holds_no_question_and_answer_is_refused(source: Path, tmp_path: Path, field: str) -> None:
    question = len(load_model(source)[1].encode_conversation([PROBE]))
    for context in (1, question, question + LEAST_ANSWER - 1):
        change_json(source / "config.json", **{"model_type": "mistral", field: context})
        with pytest.raises(InvalidError, match=f"reads {context} tokens .* for a question and an answer"):
            import_directory(source, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()
    change_json(source / "config.json", **{field: question + LEAST_ANSWER})
    assert import_directory(source, tmp_path / "copy").context_tokens == question + LEAST_ANSWER


def test_shards_are_copied_and_checked(sharded: Path, tmp_path: Path) -> None:
    imported = import_directory(sharded, tmp_path / "copy")
    assert len(list((tmp_path / "copy").glob("model-*.safetensors"))) > 2
    verify_directory(tmp_path / "copy", imported.content_hash)
    [shard, *_] = sorted((tmp_path / "copy").glob("model-*.safetensors"))
    content = bytearray(shard.read_bytes())
    content[-3] ^= 1
    shard.write_bytes(content)
    with pytest.raises(CheckpointError, match=shard.name):
        verify_directory(tmp_path / "copy", imported.content_hash)


def test_links_are_followed(source: Path, tmp_path: Path) -> None:
    """A download folder of the hub holds links into a store."""
    linked = tmp_path / "linked"
    linked.mkdir()
    for path in source.iterdir():
        (linked / path.name).symlink_to(path)
    import_directory(linked, tmp_path / "copy")
    assert not any(path.is_symlink() for path in (tmp_path / "copy").iterdir())


def test_a_base_model_gets_the_plain_format(source: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    save_tokenizer(source, "mistral", template=None)
    (source / "chat_template.jinja").unlink()
    imported = import_directory(source, tmp_path / "copy")
    assert imported.plain_format
    ours, theirs = Tokenizer.load(tmp_path / "copy"), AutoTokenizer.from_pretrained(tmp_path / "copy")
    ids = ours.encode_conversation([{"role": "user", "content": "Hi"}])
    assert ours.decode(ids) == "User: Hi\nAssistant:"
    rendered = theirs.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, return_dict=False
    )
    assert rendered == ids


def _tensors(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def _weights_only_as_pickle(source: Path) -> None:
    (source / "model.safetensors").rename(source / "pytorch_model.bin")


def _not_numbers(source: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["model.norm.weight"][3] = torch.nan

    _tensors(source / "model.safetensors", change)


def _too_large(source: Path) -> None:
    """Finite weights, answers that are not."""

    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["model.layers.0.mlp.up_proj.weight"].fill_(3e38)
        tensors["model.layers.0.mlp.down_proj.weight"].fill_(3e38)

    _tensors(source / "model.safetensors", change)


def _without_a_tensor(source: Path) -> None:
    _tensors(source / "model.safetensors", lambda tensors: tensors.pop("model.layers.1.mlp.up_proj.weight"))


def _with_a_tensor_too_many(source: Path) -> None:
    _tensors(source / "model.safetensors", lambda tensors: tensors.update({"model.extra": torch.ones(2)}))


def _as_whole_numbers(source: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["lm_head.weight"] = tensors["lm_head.weight"].to(torch.int8)

    _tensors(source / "model.safetensors", change)


def _truncated(source: Path) -> None:
    path = source / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-50])


def _larger_vocabulary(source: Path) -> None:
    change_json(source / "tokenizer.json", added_tokens=[_added(number) for number in range(400, 600)])


def _added(number: int) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": f"<{number}>", "special": True, **flags}


def _tokenizer_part(source: Path, **parts: object) -> None:
    change_json(source / "tokenizer.json", **parts)


def _replacing(pattern: str) -> dict[str, object]:
    return {"type": "Replace", "pattern": {"Regex": pattern}, "content": "x"}


HARMS: list[tuple[Callable[[Path], object], type[AppError], str]] = [
    (_weights_only_as_pickle, InvalidError, r"pytorch_model.bin only.*safe_serialization"),
    (_not_numbers, CheckpointError, r"not numbers \(model.norm.weight\)"),
    (_too_large, CheckpointError, "answers that are not numbers"),
    (_without_a_tensor, CheckpointError, "has no tensor model.layers.1.mlp.up_proj.weight"),
    (_with_a_tensor_too_many, CheckpointError, "model.extra too many"),
    (_as_whole_numbers, InvalidError, "type I8"),
    (_truncated, CheckpointError, "model.safetensors cannot be read"),
    (_larger_vocabulary, CheckpointError, "more than 512 tokens"),
    (lambda source: (source / "tokenizer.json").unlink(), CheckpointError, "tokenizer.json is missing"),
    (lambda source: (source / "config.json").unlink(), CheckpointError, "config.json is missing"),
    (lambda source: (source / "config.json").write_text("[]"), CheckpointError, "not a JSON object"),
    (lambda source: (source / "config.json").write_text("[" * 10**6), CheckpointError, "config.json cannot be read"),
    (lambda source: (source / "chat_template.jinja").write_text(" " * 2**25), CheckpointError, "larger than 16 MiB"),
    (lambda source: (source / "model.safetensors").unlink(), CheckpointError, "model.safetensors is missing"),
    (lambda source: (source / "tokenizer.json").write_text("{}"), CheckpointError, "tokenizer.json cannot be read"),
    (lambda source: (source / "chat_template.jinja").write_text("{{"), InvalidError, "chat template"),
    (lambda source: _tokenizer_part(source, normalizer=_replacing("(a+)+$")), InvalidError, "split a text of 2,000"),
    (lambda source: _tokenizer_part(source, decoder=_replacing("b")), InvalidError, "decoder has a part"),
]  # fmt: skip


@pytest.mark.parametrize(("harm", "kind", "words"), HARMS, ids=[words for *_, words in HARMS])
def test_what_is_wrong_is_named_and_nothing_is_left(
    harm: Callable[[Path], object], kind: type[AppError], words: str, source: Path, tmp_path: Path
) -> None:
    harm(source)
    (tmp_path / "data").mkdir()
    with pytest.raises(kind, match=words):
        import_directory(source, tmp_path / "data" / "1-sft")
    assert list((tmp_path / "data").iterdir()) == []


def test_a_missing_shard(sharded: Path, tmp_path: Path) -> None:
    [*_, last] = sorted(sharded.glob("model-*.safetensors"))
    last.unlink()
    with pytest.raises(CheckpointError, match=f"{last.name} is missing"):
        import_directory(sharded, tmp_path / "copy")


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "model.bin"])
def test_an_index_that_leads_elsewhere(name: str, sharded: Path, tmp_path: Path) -> None:
    index = sharded / "model.safetensors.index.json"
    listed = json.loads(index.read_text())
    listed["weight_map"]["model.norm.weight"] = name
    index.write_text(json.dumps(listed))
    with pytest.raises(CheckpointError, match="not a safetensors file beside it"):
        import_directory(sharded, tmp_path / "copy")


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere is not a directory"):
        import_directory(tmp_path / "nowhere", tmp_path / "copy")


def test_a_model_that_does_not_fit_into_memory_is_refused_first(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the system ends the process for it, without a word."""
    monkeypatch.setattr(checkpoint, "available_bytes", lambda: 1000)
    with pytest.raises(UnavailableError, match=r"SmolTest-1M needs .* GiB are free"):
        import_directory(source, tmp_path / "data" / "1-sft")
    assert not (tmp_path / "data" / "1-sft").exists()


def test_a_failed_import_leaves_the_former_one(source: Path, tmp_path: Path) -> None:
    imported = import_directory(source, tmp_path / "copy")
    _not_numbers(source)
    with pytest.raises(CheckpointError):
        import_directory(source, tmp_path / "copy")
    verify_directory(tmp_path / "copy", imported.content_hash)


def test_opening_needs_one_copy_of_the_weights(tmp_path: Path) -> None:
    """In a process of its own: the weights in float32, the file's pages, and what tokenizer and programs need. torch's
    compiler is not among these: it takes longer to load than the shipped model."""
    from bench.import_model import MIB, make_model

    make_model(
        tmp_path / "wide",
        hidden_size=1_024,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=16,
        num_key_value_heads=1,
    )
    stored = (tmp_path / "wide" / "model.safetensors").stat().st_size
    command = [sys.executable, "-m", "bench.import_model", "--action", "load", "--source", str(tmp_path / "wide")]
    taken = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert taken["own"] < 2 * stored + 70 * MIB
    assert taken["peak"] < 3 * stored + 70 * MIB
    assert not taken["torch_compiler"]


def test_a_stored_output_layer_that_equals_the_embeddings(tmp_path: Path) -> None:
    """Old tools stored it even where config.json ties it."""
    save_random_model(tmp_path / "tied", "llama-tied")
    _tensors(
        tmp_path / "tied" / "model.safetensors",
        lambda tensors: tensors.update({"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}),
    )
    import_directory(tmp_path / "tied", tmp_path / "copy")
    assert "lm_head.weight" not in load_model(tmp_path / "copy")[0].state_dict()
