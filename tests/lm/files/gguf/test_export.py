"""What is written as GGUF gives the same logits and tokens when llama.cpp, transformers or this program reads it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from app.chat import Message
from app.errors import InvalidError
from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model
from app.lm.files.gguf import export
from app.lm.files.gguf.export import write_file
from app.lm.files.gguf.header import Kind, read_header
from app.lm.files.importing import import_file
from app.lm.text.tokenizer import Tokenizer
from app.model_info.gguf_kinds import GgufKind
from tests.lm.files.gguf.llama_cpp import LlamaCpp, Opener, running_llama_cpp
from tests.lm.files.gguf.test_folder import FAMILIES, WIDE, logits, read_by_transformers
from tests.lm.files.imported_models import save_random_model
from tests.small_disk import small_disk

pytest.importorskip("transformers")
ASKED = "How do I wash my hands with soap? 3 <|im_end|>"
LONG = 100  # tokens, more than the answers have
TURNS: list[Message] = [
    {"role": "user", "content": "How do I wash my hands with soap? 3"},
    {"role": "assistant", "content": "With warm water."},
    {"role": "user", "content": "It's 12345 o'clock,  Émile!\n\n 水 HELLO"},
]


@pytest.fixture(scope="module")
def llama_cpp() -> Iterator[Opener]:
    with running_llama_cpp() as opener:
        yield opener


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(5, 400, (2, 40), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("case", FAMILIES)
def test_16_bits_lose_nothing_of_a_model_in_16_bits(
    case: str, tmp_path: Path, ids: torch.Tensor, llama_cpp: Opener
) -> None:
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
    # llama.cpp multiplies numbers of 16 bits by numbers of 16 bits.
    assert _difference(llama_cpp.open(tmp_path / "tiny.gguf"), ids, wanted) < 0.01


def _difference(opened: LlamaCpp, ids: torch.Tensor, wanted: torch.Tensor) -> float:
    """Of llama.cpp's log-probabilities behind the first row from those that our logits give: its deviation, over the
    deviation of ours between tokens."""
    ours = wanted[0, -1].log_softmax(-1)
    theirs = opened.logprobs(ids[0].tolist(), len(ours))
    return float((theirs - ours).std() / ours.std())


def test_8_bits_lose_little(tmp_path: Path, ids: torch.Tensor, llama_cpp: Opener) -> None:
    wanted = logits(save_random_model(tmp_path / "model", "llama-tied", others=WIDE), ids)
    write_file(tmp_path / "model", tmp_path / "tiny.gguf", GgufKind.Q8_0, "Tiny")
    kinds = {tensor.kind for tensor in read_header(tmp_path / "tiny.gguf").tensors.values()}
    assert kinds == {Kind.Q8_0, Kind.F32}
    found = logits(read_by_transformers(tmp_path / "tiny.gguf"), ids)
    assert 0 < (found - wanted).std() < 0.1 * wanted.std()
    # It makes the numbers that it multiplies by of 8 bits, too.
    assert _difference(llama_cpp.open(tmp_path / "tiny.gguf"), ids, found) < 0.1


@pytest.mark.parametrize("style", ["chatml", "words", "llama3", "mistral", "smollm2"])
def test_tokens_and_template_come_back(style: str, tmp_path: Path, llama_cpp: Opener) -> None:
    save_random_model(tmp_path / "model", "llama", style=style)
    write_file(tmp_path / "model", tmp_path / "tiny.gguf", GgufKind.F16, "Tiny")
    import_file(tmp_path / "tiny.gguf", tmp_path / "again")
    ours, again = Tokenizer.load(tmp_path / "model"), Tokenizer.load(tmp_path / "again")
    theirs = llama_cpp.open(tmp_path / "tiny.gguf")
    assert theirs.tokens(ASKED) == again.encode(ASKED) == ours.encode(ASKED)
    if style == "mistral":  # its space goes before the first part alone, llama.cpp's behind each token of the template
        return
    conversation = ours.encode_conversation([{"role": "user", "content": ASKED}])
    assert again.encode_conversation([{"role": "user", "content": ASKED}]) == conversation
    assert (again.end_id, again.bos_id) == (ours.end_id, ours.bos_id)
    assert read_header(tmp_path / "tiny.gguf").values["tokenizer.ggml.eos_token_id"] == ours.end_id
    assert theirs.conversation(TURNS) == ours.encode_conversation(TURNS)


def test_a_model_of_our_own_is_written_under_the_nearest_cut(tiny_model_dir: Path, tmp_path: Path) -> None:
    write_file(tiny_model_dir, tmp_path / "tiny.gguf", GgufKind.F16, "Tiny")
    assert read_header(tmp_path / "tiny.gguf").values["tokenizer.ggml.pre"] == "qwen2"
    import_file(tmp_path / "tiny.gguf", tmp_path / "again")
    ours, again = Tokenizer.load(tiny_model_dir), Tokenizer.load(tmp_path / "again")
    asked = "What is a volcano? Name 3 of them, please."
    assert again.encode_conversation([{"role": "user", "content": asked}]) == ours.encode_conversation(
        [{"role": "user", "content": asked}]
    )


@pytest.mark.parametrize("kind", GgufKind)
def test_llama_cpp_answers_with_the_shipped_model_as_we_do(kind: GgufKind, tmp_path: Path, llama_cpp: Opener) -> None:
    """From what a person asks to the token that ends the answer; in 8 bits the likeliest token may be another one."""
    write_file(SFT_MODEL, tmp_path / "shipped.gguf", kind, "Shipped")
    theirs = llama_cpp.open(tmp_path / "shipped.gguf")
    model, tokenizer = load_model(SFT_MODEL)
    for question in ("What is a volcano?", "Name some birds.", "火山是什么？"):
        asked: list[Message] = [{"role": "user", "content": question}]
        ids = tokenizer.encode_conversation(asked)
        assert theirs.conversation(asked) == ids
        answer = theirs.greedy(ids, LONG)
        assert answer[-1] == tokenizer.end_id
        with torch.no_grad():
            chances = model(torch.tensor([ids + answer]))[0, len(ids) - 1 : -1].log_softmax(-1)
        lost = chances.max(-1).values - chances[torch.arange(len(answer)), answer]
        assert lost.max() < {GgufKind.F16: 0.01, GgufKind.Q8_0: 0.2}[kind]


@pytest.mark.parametrize("case", ["smollm3", "qwen3-biases", "llama-yarn"])
def test_what_llama_cpp_would_read_wrongly_is_not_written(case: str, tmp_path: Path) -> None:
    save_random_model(tmp_path / "model", case)
    with pytest.raises(InvalidError, match=r"llama\.cpp cannot read this model rightly.*zip"):
        write_file(tmp_path / "model", tmp_path / "tiny.gguf", GgufKind.F16, "Tiny")
    assert {path.name for path in tmp_path.iterdir()} == {"model"}


def test_a_full_disk_leaves_what_was_there_and_is_told(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"before")
    with small_disk(16_384):
        ended = export.main([str(tiny_model_dir), str(file), GgufKind.F16, "Tiny"])
    assert (ended, list(tmp_path.iterdir()), file.read_bytes()) == (1, [file], b"before")
    assert "the disk is full. Free some disk space" in capsys.readouterr().err
