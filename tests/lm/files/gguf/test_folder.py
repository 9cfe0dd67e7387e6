"""GGUF files as llama.cpp's converter writes them: logits and tokens are those of the model that was converted, and of
transformers' own reading of the file; what cannot be read is refused with a sentence, and nothing is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from gguf.constants import GGMLQuantizationType as Kind
from gguf.constants import GGUFValueType

from app.errors import AppError, InvalidError, UnavailableError
from app.lm.files import checkpoint
from app.lm.files.checkpoint import load_model
from app.lm.files.gguf.header import KINDS
from app.lm.files.importing import import_file
from app.lm.text.tokenizer import Tokenizer
from app.model_info.weights import CheckpointError
from tests.lm.files.gguf.gguf_files import write_gguf
from tests.lm.files.imported_models import LLAMA3_ROPE, save_random_model

transformers = pytest.importorskip("transformers")
WIDE = {"hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 1}
LONG_LLAMA3 = {**LLAMA3_ROPE, "original_max_position_embeddings": 8192, "rope_theta": 500_000.0}
PLAIN_YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 64}
# case -> sizes beside the usual ones, and whether transformers reads the file as the model that was converted
FAMILIES: dict[str, tuple[dict[str, Any], bool]] = {
    "llama": ({}, True),
    "llama-tied": ({}, True),
    "llama-biases": ({}, False),
    "llama-linear": ({}, False),
    "llama-llama3": ({"rope_parameters": LONG_LLAMA3}, False),
    "llama-yarn": ({"rope_parameters": PLAIN_YARN}, False),
    "mistral": ({}, True),
    "qwen2": ({}, True),
    "qwen3": ({"head_dim": 128}, True),
    "smollm3-default": ({}, False),
}


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(5, 400, (2, 40), generator=torch.Generator().manual_seed(1))


def read_by_transformers(file: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    ).eval()


def logits(model: Any, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        given = model(ids)
    return given if isinstance(given, torch.Tensor) else given.logits


@pytest.mark.parametrize("case", FAMILIES)
def test_logits_are_those_of_the_model_that_was_converted(case: str, tmp_path: Path, ids: torch.Tensor) -> None:
    sizes, read_alike = FAMILIES[case]
    wanted = logits(save_random_model(tmp_path / "model", case, others=sizes), ids)
    file = write_gguf(tmp_path / "model", tmp_path / "gguf" / "tiny.gguf")
    imported = import_file(file, tmp_path / "version")
    assert (imported.name, imported.plain_format) == ("tiny", False)
    found = logits(load_model(tmp_path / "version")[0], ids)
    assert wanted.std() > 0.1, "a flat model proves nothing"
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    if read_alike:
        torch.testing.assert_close(found, logits(read_by_transformers(file), ids), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS[1:], ids=lambda kind: kind.name)
def test_blocks_become_the_numbers_that_transformers_reads(kind: Kind, tmp_path: Path, ids: torch.Tensor) -> None:
    save_random_model(tmp_path / "model", "llama-tied", others=WIDE)
    file = write_gguf(tmp_path / "model", tmp_path / "gguf" / "tiny.gguf", kind)
    import_file(file, tmp_path / "version")
    wanted = logits(read_by_transformers(file), ids)
    assert wanted.std() > 0.1, "a flat model proves nothing"
    torch.testing.assert_close(logits(load_model(tmp_path / "version")[0], ids), wanted, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", [Kind.Q5_0, Kind.Q5_1, Kind.Q8_0], ids=lambda kind: kind.name)
def test_what_stands_for_k_blocks_in_narrow_models_is_read(kind: Kind, tmp_path: Path) -> None:
    """Where rows are no whole blocks of 256 (SmolLM2-135M's 576 numbers, Qwen2-0.5B's 896), llama.cpp writes Q5_0 in
    files that are called Q4_K, Q5_1 in those called Q5_K, and Q8_0 in those called Q6_K."""
    save_random_model(tmp_path / "model", "llama-tied", others={"intermediate_size": 64})
    file = write_gguf(tmp_path / "model", tmp_path / "tiny.Q4_K_M.gguf", kind)
    assert import_file(file, tmp_path / "version").name == "tiny.Q4_K_M"


@pytest.mark.parametrize("style", ["chatml", "llama3", "mistral", "smollm2"])
def test_conversations_have_the_tokens_of_the_models_own_tokenizer(style: str, tmp_path: Path) -> None:
    save_random_model(tmp_path / "model", "llama", style=style)
    file = write_gguf(tmp_path / "model", tmp_path / "tiny.gguf")
    import_file(file, tmp_path / "version")
    ours, theirs = Tokenizer.load(tmp_path / "version"), Tokenizer.load(tmp_path / "model")
    opened = transformers.AutoTokenizer.from_pretrained(tmp_path / "version")
    asked = "How do I wash my hands with soap? 怎么泡茶 3 <|im_end|>"
    written = [{"role": "user", "content": "How do I wash my hands with soap? 怎么泡茶 3"}]
    found = ours.encode_conversation([{"role": "user", "content": written[0]["content"]}])
    assert opened.apply_chat_template(written, add_generation_prompt=True, return_dict=False) == found
    assert ours.end_id == theirs.end_id
    assert ours.decode(ours.encode(asked)).strip() == asked
    if style == "mistral":  # its file has scores in place of merges, of which there are more
        read = transformers.AutoTokenizer.from_pretrained(tmp_path, gguf_file=file.name)
        assert ours.encode("How do I wash my hands?") == read.encode(
            "How do I wash my hands?", add_special_tokens=False
        )
    else:
        assert found == theirs.encode_conversation([{"role": "user", "content": written[0]["content"]}])
        assert ours.encode(asked) == theirs.encode(asked)


def _entry(name: str, value: Any) -> Callable[[GGUFWriter], object]:
    def change(writer: GGUFWriter) -> None:
        writer.kv_data[0].pop(name, None)
        if isinstance(value, list):
            writer.add_array(name, value)
        else:
            writer.add_key_value(name, value, GGUFValueType.STRING if isinstance(value, str) else GGUFValueType.UINT32)

    return change


WRONG: dict[str, tuple[dict[str, Any], type[AppError], str]] = {
    "another family": (
        {"change": _entry("general.architecture", "gemma3")}, InvalidError, r"family \(gemma3\); supported are"
    ),
    "a part of several": (
        {"change": _entry("split.count", 3), "without": ("general.name",)}, InvalidError, "3 parts.*llama-gguf-split"
    ),
    "heads that share none": (
        {"change": _entry("llama.attention.head_count", 3)}, CheckpointError, "tiny.gguf.*3 query heads.*Download"
    ),
    "an empty template": ({"change": _entry("tokenizer.chat_template", " ")}, InvalidError, "no chat template"),
    "a template of nothing": ({"change": _entry("tokenizer.chat_template", "{{ '' }}")}, InvalidError, "leaves out"),
    "experts": ({"change": _entry("llama.expert_count", 8)}, InvalidError, "expert_count"),
    "a part rotates": ({"change": _entry("llama.rope.dimension_count", 4)}, InvalidError, "rope.dimension_count"),
    "layers differ": ({"change": _entry("llama.feed_forward_length", [48, 32, 48])}, InvalidError, "trait"),
    "no template": ({"without": ("tokenizer.chat_template",)}, InvalidError, "no chat template.*--plain"),
    "no size": ({"without": ("llama.context_length",)}, CheckpointError, "context_length.*Download"),
    "absurd size": ({"change": _entry("llama.embedding_length", 1 << 30)}, CheckpointError, "embedding_length"),
    "other size": ({"change": _entry("llama.feed_forward_length", 64)}, CheckpointError, "ffn_gate.weight is"),
    "other cut": ({"pre": "falcon"}, InvalidError, "falcon.*smollm"),
    "other tokenizer": ({"change": _entry("tokenizer.ggml.model", "t5")}, InvalidError, "t5.*supported are"),
    "too many tokens": (
        {"change": _entry("tokenizer.ggml.tokens", [f"t{number}" for number in range(600)]),
         "without": ("tokenizer.ggml.token_type",)},
        CheckpointError,
        "600 tokens, but embeddings for 512",
    ),
    "foreign merge": (
        {"change": _entry("tokenizer.ggml.merges", ["zz qq"])}, CheckpointError,
        r"makes no model that can be used: tokenizer\.json cannot be read",
    ),
    "foreign end": ({"change": _entry("tokenizer.ggml.eos_token_id", 512)}, CheckpointError, "eos_token_id"),
    "one tensor more": ({"tensors": {"blk.0.ssm_a": np.ones(4)}}, CheckpointError, "ssm_a"),
    "not numbers": (
        {"tensors": {"output_norm.weight": np.full(32, np.nan)}},
        CheckpointError,
        r"^tiny\.gguf makes no model that can be used: it has weights that are not numbers \(model\.norm\.weight\)\. "
        r"Download the file again, or choose another one\.$",
    ),
    "own positions": ({"tensors": {"rope_freqs.weight": np.array([1.0, 2, 3, 4])}}, InvalidError, "positions"),
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    save_random_model(made, "llama")
    return made


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_read_says_so_and_changes_nothing(what: str, model: Path, tmp_path: Path) -> None:
    changed, kind, said = WRONG[what]
    file = write_gguf(model, tmp_path / "tiny.gguf", **changed)
    (tmp_path / "version").mkdir()
    with pytest.raises(kind, match=f"(?s){said}"):
        import_file(file, tmp_path / "version")
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.gguf", "version"}
    assert not list((tmp_path / "version").iterdir())


def test_a_base_model_comes_in_where_it_is_expected(model: Path, tmp_path: Path) -> None:
    file = write_gguf(model, tmp_path / "tiny.gguf", without=("tokenizer.chat_template",))
    assert import_file(file, tmp_path / "version", plain=True).plain_format
    tokenizer = Tokenizer.load(tmp_path / "version")
    assert tokenizer.decode(tokenizer.encode_conversation([{"role": "user", "content": "Hi"}])).endswith("Assistant:")


def test_languages_are_those_of_the_file_unless_said(model: Path, tmp_path: Path) -> None:
    file = write_gguf(model, tmp_path / "tiny.gguf", change=lambda writer: writer.add_languages(["en", "klingon!"]))
    assert import_file(file, tmp_path / "version").languages == ["en"]
    assert import_file(file, tmp_path / "version", languages={"zh"}).languages == ["zh"]


def test_a_model_that_does_not_fit_into_memory_is_refused_first(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "available_bytes", lambda: 1000)
    with pytest.raises(UnavailableError, match="GiB are free"):
        import_file(write_gguf(model, tmp_path / "tiny.gguf"), tmp_path / "version")
