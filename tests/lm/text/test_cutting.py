"""Tokenizers that are not to be trusted: what they cannot cut in bounded time is an error, at import and afterwards."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers

from app.errors import InvalidError, UnavailableError
from app.lm.text import sandbox
from app.lm.text.cutting import Cutter, decoded, hard_texts, try_tokenizer
from app.lm.text.sandbox import Sandbox
from app.lm.text.tokenizer import SPECIAL_TOKENS, Tokenizer
from app.model_info.weights import CheckpointError

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PUBLISHED = {"gpt2": GPT2, "llama3": LLAMA3, "qwen": LLAMA3.replace("{1,3}", "")}
WORDS_OF_TAGS = r"<(\w|\w\w)+>"  # hours, but only behind "<"
ODD = [
    "",
    "I'll wash 1234 hands.\r\n\r\n  Now?",
    "怎么泡茶 tea é",
    " \t\n" * 40,
    "<|end|> zoo a<|end|>b zoo",
    "🙂" * 30,
]


def backend(**parts: Any) -> tokenizers.Tokenizer:
    """Over bytes, with the parts: `split` an expression, others as tokenizers names them."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    in_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    splits = [pre_tokenizers.Split(Regex(parts.pop("split")), behavior="isolated")] if "split" in parts else []
    made.pre_tokenizer = pre_tokenizers.Sequence([*splits, in_bytes])
    made.decoder = decoders.ByteLevel()
    for name, part in parts.items():
        setattr(made, name, part)
    return made


def doubling(times: int) -> normalizers.Normalizer:
    return normalizers.Sequence([normalizers.Replace("a", "aa")] * times)


@pytest.mark.parametrize("style", PUBLISHED)
def test_published_expressions_pass_and_give_the_same_tokens(style: str, tmp_path: Path) -> None:
    made = backend(split=PUBLISHED[style], normalizer=normalizers.NFC())
    made.add_special_tokens([AddedToken("<|end|>", special=True, normalized=False)])
    made.add_tokens([AddedToken("zoo", lstrip=True)])
    made.save(str(tmp_path / "tokenizer.json"))
    try_tokenizer(tmp_path / "tokenizer.json", 2_000)
    cutter = Cutter(made)
    wanted = [made.encode(text, add_special_tokens=False).ids for text in ODD]
    assert [cutter.encode(text) for text in ODD] == cutter.encode_all(ODD) == wanted
    spelled = cutter.without_added_tokens().encode_all(ODD)
    assert max(map(max, filter(None, spelled))) < 256 < max(map(max, filter(None, wanted)))


BAD: dict[str, dict[str, Any]] = {
    "split": {"split": r"(a+)+$"},
    "words": {"split": r"(\w+\s?)+:"},
    "a letter of its own": {"split": r"(q|qq)+$"},
    "behind a mark": {"split": WORDS_OF_TAGS},
    "normalizer": {"normalizer": normalizers.Replace(Regex(r"(a+)+$"), "x")},
    "decoder": {"decoder": decoders.Sequence([decoders.ByteLevel(), decoders.Replace(Regex(r"(a+)+$"), "x")])},
    "grows": {"normalizer": doubling(5)},
    "explodes": {"normalizer": doubling(40)},
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_cut_hard_texts_is_refused_at_import(kind: str, tmp_path: Path) -> None:
    backend(**BAD[kind]).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(InvalidError, match=r"cannot split a text of 200 characters .* Use a model with another tok"):
        try_tokenizer(tmp_path / "tokenizer.json", 200)


def test_hard_texts_are_as_long_as_may_be_typed() -> None:
    texts = list(hard_texts(["<", ">"], 50))
    assert {len(text) for text in texts} == {50}
    for wanted in ("a" * 50, "字" * 50, "\n" * 50, "a" * 46 + "! <>", "<" + "1" * 49, "<" * 46 + "! <>"):
        assert wanted in texts


def test_a_tokenizer_that_nobody_can_open(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text('{"model": 1}')
    with pytest.raises(CheckpointError, match=r"tokenizer.json cannot be read \("):
        try_tokenizer(path, 10)


def test_one_text_that_takes_long_is_refused_and_the_next_is_cut() -> None:
    """Of a tokenizer that was imported before such were tried, or that waits for a text that was not."""
    made = backend(split=r"(?:a*a*)[^a]")  # cubic: ten seconds for this text, in which Python's lock would be held
    for cutter in (Cutter(made), Cutter(made).without_added_tokens()):
        with pytest.raises(InvalidError, match=r"cannot read this text: it takes too much time.*Change the text"):
            cutter.encode("a" * 2_000)
        assert cutter.encode("ab") == made.encode("ab").ids


def test_what_the_library_panics_at_is_a_sentence() -> None:
    """A panic of Rust's is no `Exception`: no handler of errors would see it."""
    with pytest.raises(InvalidError, match=r"cannot read this text: .*retry-limit.*Change the text"):
        Cutter(backend(split=WORDS_OF_TAGS)).encode("<" + "a" * 100 + "!")
    made = backend(decoder=BAD["decoder"]["decoder"])
    with pytest.raises(InvalidError, match=r"cannot write this answer: .*retry-limit"):
        decoded(made, made.encode("a" * 100 + "!").ids)


def test_a_text_is_cut_between_its_marks_as_it_is_here() -> None:
    """`$` is the end of a part between two marks: the trial must see the same parts."""
    made = backend(split=r"(?:a*a*)[^a]")
    made.add_special_tokens([AddedToken("<|end|>", special=True, normalized=False)])
    cutter, parted = Cutter(made), "<|end|>".join(["a" * 20] * 100)
    assert cutter.encode(parted) == made.encode(parted).ids
    with pytest.raises(InvalidError, match="too much time"):
        cutter.encode("a" * 2_000 + "<|end|>")
    assert len(cutter.without_added_tokens().encode("a" * 2_000 + "<|end|>")) == 2_007


@pytest.mark.parametrize(
    "part",
    [
        decoders.Replace(Regex("b"), "c"),
        decoders.Replace("a", "aa"),
        decoders.Sequence([decoders.ByteLevel(), decoders.Replace("", "")]),
    ],
    ids=["expression", "grows", "everywhere"],
)
def test_decoders_run_at_every_piece_and_hold_nothing_that_could_take_long(part: decoders.Decoder) -> None:
    with pytest.raises(InvalidError, match=r"decoder has a part \(Replace with .* another tokenizer"):
        Cutter(backend(decoder=part))


def test_what_is_bounded_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_self: Sandbox, request: object) -> None:
        raise AssertionError(f"asked {request}")

    monkeypatch.setattr(Sandbox, "ask", never)
    pieces = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    assert Cutter(backend(normalizer=pieces)).encode("a b")
    for part in (doubling(1), normalizers.Replace(Regex("a"), "b"), normalizers.Prepend("a" * 17)):
        with pytest.raises(AssertionError, match="asked"):
            Cutter(backend(normalizer=part)).encode("a b")


def test_a_tokenizer_in_this_projects_own_format_is_no_more_trusted() -> None:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(models.BPE({name: n for n, name in enumerate([*SPECIAL_TOKENS, *letters])}, []))
    made.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIAL_TOKENS])
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"(?:a*a*)[^a]"), behavior="isolated")
    made.enable_padding(length=100)
    ours = Tokenizer(made)
    assert ours.imported is None
    assert ours.encode("a<|end|>") == [made.token_to_id(letter) for letter in "a<|end|>"], "typed, and not padded"
    with pytest.raises(InvalidError, match="too much time"):
        ours.encode("a" * 2_000)


def test_who_waits_long_behind_others_texts_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "PATIENCE_SECONDS", 0.0)
    process = Sandbox("tokenizer", "cutting_process.py", {"tokenizer": "{}"})
    with process._lock, pytest.raises(UnavailableError, match=r"tokenizer is busy with other texts. Try again"):
        process.ask({"text": "a", "plain": False})


def test_processes_that_were_ended_leave_nothing_behind() -> None:
    begin = {"tokenizer": backend(split=r"(?:a*a*)[^a]").to_str()}
    process = Sandbox("tokenizer", "cutting_process.py", begin)
    for _ in range(2):
        with pytest.raises(sandbox.RefusedError, match="too much time"):
            process.ask({"text": "a" * 2_000, "plain": False})
    first = weakref.ref(process._process)
    assert process.ask({"text": "b", "plain": False}) == 1
    gc.collect()
    assert first() is None
    process.close()
