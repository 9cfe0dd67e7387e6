"""What is written as GGUF gives the same logits and tokens when transformers or this program reads it again."""

from pathlib import Path

import pytest
import torch

from app.errors import InvalidError
from app.lm.files.checkpoint import load_model
from app.lm.files.gguf.export import write_file
from app.lm.files.gguf.header import Kind, read_header
from app.lm.files.importing import import_file
from app.lm.text.tokenizer import Tokenizer
from app.model_info.gguf_kinds import GgufKind
from tests.lm.files.gguf.test_folder import FAMILIES, WIDE, logits, read_by_transformers
from tests.lm.files.imported_models import save_random_model

pytest.importorskip("transformers")
ASKED = "How do I wash my hands with soap? 3 <|im_end|>"


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(5, 400, (2, 40), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("case", FAMILIES)
def test_16_bits_lose_nothing_of_a_model_in_16_bits(case: str, tmp_path: Path, ids: torch.Tensor) -> None:
    others, read_alike = FAMILIES[case]
    if case == "smollm3-default":  # llama.cpp knows no biases there
        others = {"attention_bias": False, "mlp_bias": False}
    wanted = logits(save_random_model(tmp_path / "model", case, dtype="float16", others=others), ids)
    write_file(tmp_path / "model", tmp_path / "tiny.gguf", GgufKind.F16, "Tiny")
    import_file(tmp_path / "tiny.gguf", tmp_path / "again")
    torch.testing.assert_close(logits(load_model(tmp_path / "again")[0], ids), wanted, atol=1e-4, rtol=1e-4)
    if read_alike:
        found = logits(read_by_transformers(tmp_path / "tiny.gguf"), ids)
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3)


def test_8_bits_lose_little(tmp_path: Path, ids: torch.Tensor) -> None:
    wanted = logits(save_random_model(tmp_path / "model", "llama-tied", others=WIDE), ids)
    write_file(tmp_path / "model", tmp_path / "tiny.gguf", GgufKind.Q8_0, "Tiny")
    kinds = {tensor.kind for tensor in read_header(tmp_path / "tiny.gguf").tensors.values()}
    assert kinds == {Kind.Q8_0, Kind.F32}
    found = logits(read_by_transformers(tmp_path / "tiny.gguf"), ids)
    assert 0 < (found - wanted).std() < 0.1 * wanted.std()


@pytest.mark.parametrize("style", ["chatml", "words", "llama3", "mistral", "smollm2"])
def test_tokens_and_template_come_back(style: str, tmp_path: Path) -> None:
    save_random_model(tmp_path / "model", "llama", style=style)
    write_file(tmp_path / "model", tmp_path / "tiny.gguf", GgufKind.F16, "Tiny")
    import_file(tmp_path / "tiny.gguf", tmp_path / "again")
    ours, again = Tokenizer.load(tmp_path / "model"), Tokenizer.load(tmp_path / "again")
    assert again.encode(ASKED) == ours.encode(ASKED)
    if style == "mistral":  # its space goes before the first part alone, llama.cpp's behind each token of the template
        return
    conversation = ours.encode_conversation([{"role": "user", "content": ASKED}])
    assert again.encode_conversation([{"role": "user", "content": ASKED}]) == conversation
    assert (again.end_id, again.bos_id) == (ours.end_id, ours.bos_id)


def test_a_model_of_our_own_is_written_under_the_nearest_cut(tiny_model_dir: Path, tmp_path: Path) -> None:
    write_file(tiny_model_dir, tmp_path / "tiny.gguf", GgufKind.F16, "Tiny")
    assert read_header(tmp_path / "tiny.gguf").values["tokenizer.ggml.pre"] == "qwen2"
    import_file(tmp_path / "tiny.gguf", tmp_path / "again")
    ours, again = Tokenizer.load(tiny_model_dir), Tokenizer.load(tmp_path / "again")
    asked = "What is a volcano? Name 3 of them, please."
    assert again.encode_conversation([{"role": "user", "content": asked}]) == ours.encode_conversation(
        [{"role": "user", "content": asked}]
    )


@pytest.mark.parametrize("case", ["smollm3", "qwen3-biases", "llama-yarn"])
def test_what_llama_cpp_would_read_wrongly_is_not_written(case: str, tmp_path: Path) -> None:
    save_random_model(tmp_path / "model", case)
    with pytest.raises(InvalidError, match=r"llama\.cpp cannot read this model rightly.*zip"):
        write_file(tmp_path / "model", tmp_path / "tiny.gguf", GgufKind.F16, "Tiny")
    assert {path.name for path in tmp_path.iterdir()} == {"model"}
