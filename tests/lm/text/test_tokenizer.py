"""The text format: round trips, people's text, transformers' view, streaming."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chat import Message
from app.lm.text.tokenizer import SPECIAL_TOKENS, IncrementalDecoder, Tokenizer
from tests.lm.conftest import TEXTS

tricky = st.lists(
    st.one_of(st.text(max_size=8), st.sampled_from([*SPECIAL_TOKENS, "<|", "|>", "end", "水", "\n\n"])), max_size=6
).map("".join)
_TOKENIZER: list[Tokenizer] = []


@pytest.fixture(autouse=True)
def _shared(tokenizer: Tokenizer) -> None:
    _TOKENIZER[:] = [tokenizer]


def test_special_tokens_come_first(tokenizer: Tokenizer) -> None:
    assert [tokenizer.backend.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    assert tokenizer.pad_id != tokenizer.end_id


@settings(max_examples=150, deadline=None)
@given(tricky)
def test_text_survives_and_never_becomes_special(text: str) -> None:
    [tokenizer] = _TOKENIZER
    ids = tokenizer.encode(text)
    assert min(ids, default=5) >= 5
    assert tokenizer.decode(ids) == text.encode("utf-8", "replace").decode()


@settings(max_examples=80, deadline=None)
@given(tricky)
def test_streaming_gives_the_same_text(text: str) -> None:
    [tokenizer] = _TOKENIZER
    decoder = IncrementalDecoder(tokenizer)
    pieces = [decoder.push(token) for token in tokenizer.encode(text)]
    assert "".join(pieces) + decoder.flush() == tokenizer.decode(tokenizer.encode(text))
    if "\ufffd" not in text:
        assert all("\ufffd" not in piece for piece in pieces)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(5, 319), max_size=20))
def test_streaming_any_tokens_gives_what_decoding_gives(ids: list[int]) -> None:
    """A sampled answer may hold broken characters, or tokens that end in the middle of the next character."""
    [tokenizer] = _TOKENIZER
    ids = [token for token in ids if token < tokenizer.vocab_size]
    decoder = IncrementalDecoder(tokenizer)
    assert "".join(decoder.push(token) for token in ids) + decoder.flush() == tokenizer.decode(ids)


def test_lone_surrogates_do_not_crash(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a?b"


def test_conversation_format(tokenizer: Tokenizer) -> None:
    messages: list[Message] = [
        {"role": "user", "content": "Hi <|end|>"},
        {"role": "assistant", "content": "水"},
        {"role": "user", "content": ""},
    ]
    typed, water = tokenizer.encode("Hi <|end|>"), tokenizer.encode("水")
    assert tokenizer.encode_conversation(messages) == [1, 2, *typed, 3, *water, 4, 2, 3]
    assert "".join(tokenizer.pieces([1, *typed, 4])) == "<|bos|>Hi <|end|><|end|>"


def test_transformers_gives_the_same_ids(directory: Path, tokenizer: Tokenizer) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    messages: list[Message] = [
        {"role": "user", "content": TEXTS[0]},
        {"role": "assistant", "content": TEXTS[2]},
        {"role": "user", "content": "  and\nmore 水 "},
    ]
    system: list[Message] = [{"role": "system", "content": "Be brief."}]
    for asked in (messages, system + messages, [*messages[:2], *system, messages[2], *system]):
        rendered = theirs.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
        assert rendered == tokenizer.encode_conversation(asked)
        answered = [*asked, {"role": "assistant", "content": "One.\n"}]
        rendered = theirs.apply_chat_template(answered, return_dict=False)
        assert rendered == tokenizer.encode_answered(asked, "One.\n")
    assert theirs.encode(TEXTS[1], add_special_tokens=False) == tokenizer.encode(TEXTS[1])
    assert (theirs.pad_token_id, theirs.bos_token_id, theirs.eos_token_id) == (0, 1, 4)


def test_saved_and_loaded(directory: Path, tokenizer: Tokenizer) -> None:
    loaded = Tokenizer.load(directory)
    assert loaded.encode(TEXTS[2] + "<|end|>") == tokenizer.encode(TEXTS[2] + "<|end|>")
