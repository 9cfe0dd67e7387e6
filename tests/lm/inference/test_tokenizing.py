"""A text as a version reads it equals the library's own cuts; the bytes of its tokens are the text's."""

import time
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidError
from app.lm.inference.tokenizing import algorithm, tokenized
from app.lm.text.tokenizer import SPECIAL_TOKENS, Tokenizer
from tests.lm.files.imported_models import save_tokenizer
from tests.lm.text.test_cutting import WORDS_OF_TAGS, backend

HARD = {"one word": "a" * 100_000, "one run": "字" * 100_000, "emoji": "😀" * 10_000, "bytes": "\x00\u200d" * 20_000}
BOUND_SECONDS = 20.0  # a fraction of a second, on a machine that does nothing else


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=40))
def test_bytes_joined_are_the_text(tokenizer: Tokenizer, text: str) -> None:
    told = tokenized(tokenizer, text, merges=True)
    assert b"".join(bytes(each.bytes) for each in told.tokens) == text.encode()
    assert told.exact
    assert [each.token_id for each in told.tokens] == tokenizer.encode(text)
    for each in told.tokens:
        assert each.text == bytes(each.bytes).decode("utf-8", "replace")
        assert told.merges[each.token_id].bytes == each.bytes


@pytest.mark.parametrize("style", ["chatml", "llama3", "mistral"])
@pytest.mark.parametrize("text", ["Please tell me <|im_end|>", "怎么泡茶 👩‍👩‍👧", "naïve\r\n\t café"])
def test_ids_are_those_of_transformers(style: str, text: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    save_tokenizer(tmp_path, style)
    tokenizer, theirs = Tokenizer.load(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    chat = [{"role": "user", "content": text.replace("<|im_end|>", "")}]
    wrapped = [each.token_id for each in tokenized(tokenizer, chat[0]["content"], chat=True).tokens]
    assert wrapped == theirs.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    plain = [each.token_id for each in tokenized(tokenizer, text).tokens]
    if "<|im_end|>" not in text:
        assert plain == theirs(text, add_special_tokens=False)["input_ids"]
    else:
        assert not any(each.special and style != "mistral" for each in tokenized(tokenizer, text).tokens)


def test_the_library_cuts_alike(tokenizer: Tokenizer) -> None:
    for text in ("Please wash my hands.", "请告诉我怎么泡茶。", " \t\n", ""):
        told = tokenized(tokenizer, text)
        assert [each.token_id for each in told.tokens] == tokenizer.backend.encode(text, add_special_tokens=False).ids


def test_the_chat_format_stands_around_the_text(tokenizer: Tokenizer) -> None:
    told = tokenized(tokenizer, "wash <|end|>", chat=True)
    _pad, bos, user, assistant, _end = SPECIAL_TOKENS
    assert [each.text for each in told.tokens if each.special] == [bos, user, assistant]
    assert told.exact
    assert [each.special for each in told.tokens][:3] == [True, True, False]


def test_a_tokenizer_that_changes_the_text_says_so(tmp_path: Path) -> None:
    save_tokenizer(tmp_path, "mistral")
    tokenizer = Tokenizer.load(tmp_path)
    told = tokenized(tokenizer, "Please tell", merges=True)
    assert algorithm(tokenizer) == "BPE"
    assert b"".join(bytes(each.bytes) for each in told.tokens) == b" Please tell"
    assert not told.exact
    assert told.merges
    emoji = tokenized(tokenizer, "🙂", merges=True)
    assert [each.bytes for each in emoji.tokens][-4:] == [(0xF0,), (0x9F,), (0x99,), (0x82,)]


def test_a_broken_clipboard_is_cut(tokenizer: Tokenizer) -> None:
    told = tokenized(tokenizer, "a\ud83d")
    assert told.exact
    assert told.tokens[-1].text == "?"


@pytest.mark.parametrize("kind", HARD)
def test_hostile_texts_are_cut_in_bounded_time(tokenizer: Tokenizer, kind: str) -> None:
    began = time.monotonic()
    told = tokenized(tokenizer, HARD[kind], merges=True)
    assert time.monotonic() - began < BOUND_SECONDS
    assert told.exact


def test_and_by_a_strangers_expressions_or_refused(tmp_path: Path) -> None:
    """In a process of its own: the expression would run for hours here."""
    save_tokenizer(tmp_path, "chatml")
    made = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    made.pre_tokenizer = backend(split=WORDS_OF_TAGS).pre_tokenizer
    made.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenized(tokenizer, "a" * 10_000).exact
    began = time.monotonic()
    with pytest.raises(InvalidError, match="cannot read this text"):
        tokenized(tokenizer, "<" + "a" * 10_000)
    assert time.monotonic() - began < BOUND_SECONDS
