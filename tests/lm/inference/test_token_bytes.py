"""The bytes of an answer's tokens: joined they are its text, whatever a token or a stop string cuts in two."""

from collections.abc import Sequence
from itertools import groupby

import pytest
import tokenizers
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models

from app.lm.inference.streaming import AnswerText
from app.lm.inference.token_bytes import AnswerBytes, byte_of_character, token_bytes
from app.lm.text.tokenizer import BROKEN, BYTE_TOKEN, Tokenizer
from tests.lm.files.imported_models import save_tokenizer


def answer_bytes(tokenizer: Tokenizer, ids: Sequence[int], text: str) -> list[bytes]:
    told = AnswerBytes(tokenizer)
    for token in ids:
        told.push(token)
    return told.whole(text)


def is_byte(tokenizer: Tokenizer, token: int) -> bool:
    return BYTE_TOKEN.fullmatch(tokenizer.backend.id_to_token(token) or "") is not None


def text_of(tokenizer: Tokenizer, ids: Sequence[int], whole: Sequence[bytes], parts: Sequence[bytes]) -> str:
    """What the bytes of these tokens, the beginning of the `whole` ones, say: a run of byte tokens that is no text is a
    replacement character for each."""
    plain = [each for each in zip(ids, whole, parts, strict=True) if each[0] not in tokenizer.special_texts]
    text = ""
    for of_bytes, run in groupby(plain, lambda each: is_byte(tokenizer, each[0])):
        _, full, left = zip(*run, strict=True)
        if of_bytes and BROKEN in b"".join(full).decode("utf-8", "replace"):
            text += BROKEN * sum(map(bool, left))
        else:
            text += b"".join(left).decode("utf-8", "replace")
    return text


def test_every_byte_has_a_character() -> None:
    assert sorted(byte_of_character().values()) == list(range(256))


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=30))
def test_of_a_text(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    parts = answer_bytes(tokenizer, ids, tokenizer.decode(ids))
    assert parts == [token_bytes(tokenizer, token) for token in ids]
    assert b"".join(parts) == text.encode()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_of_any_tokens(tokenizer: Tokenizer, data: st.DataObject) -> None:
    """Broken characters, special tokens in the middle: as the tokenizer decodes them."""
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=20))
    text = tokenizer.decode(ids)
    parts = answer_bytes(tokenizer, ids, text)
    assert b"".join(parts).decode("utf-8", "replace") == text
    for token, part in zip(ids, parts, strict=True):
        assert part == (b"" if token in tokenizer.special_texts else token_bytes(tokenizer, token))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_behind_a_stop_string_nothing_is_left(tokenizer: Tokenizer, data: st.DataObject) -> None:
    """And nothing before it is missing, where it begins inside a token or a broken character stands before it."""
    ids = data.draw(st.lists(st.integers(5, tokenizer.vocab_size - 1), min_size=1, max_size=20))
    whole = tokenizer.decode(ids)
    start = data.draw(st.integers(0, max(0, len(whole) - 1)))
    answer = AnswerText(tokenizer, [whole[start : start + 2] or "x"])
    count = next((place + 1 for place, token in enumerate(ids) if answer.push(token)), len(ids))
    text = answer.finish()
    parts = answer_bytes(tokenizer, ids[:count], text)
    assert b"".join(parts).decode("utf-8", "replace") == text
    full = answer_bytes(tokenizer, ids[:count], tokenizer.decode(ids[:count]))
    assert b"".join(full).startswith(b"".join(parts))
    assert all(one.startswith(part) for one, part in zip(full, parts, strict=True))


def test_special_tokens_write_nothing_and_have_a_name(tokenizer: Tokenizer) -> None:
    ids = [*tokenizer.encode("a"), tokenizer.end_id]
    assert answer_bytes(tokenizer, ids, "a") == [b"a", b""]
    assert token_bytes(tokenizer, tokenizer.end_id) == b"<|end|>"


@pytest.fixture(scope="module", params=["chatml", "mistral", "mistral-legacy"])
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    directory = tmp_path_factory.mktemp(request.param)
    save_tokenizer(directory, request.param.removesuffix("-legacy"), legacy="legacy" in request.param)
    return Tokenizer.load(directory)


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="ab W.\n水烧🙂é", max_size=12))
def test_of_imported_models(imported: Tokenizer, text: str) -> None:
    """Byte-level as ours, or sentencepiece's, with a token for each byte that is in no other."""
    ids = [*imported.encode(text), imported.end_id]
    written = imported.decode(ids)
    parts = answer_bytes(imported, ids, written)
    assert b"".join(parts) == written.encode()
    assert parts[-1] == b""
    for token, part in zip(ids[1:-1], parts[1:-1], strict=True):
        assert part == token_bytes(imported, token)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_of_any_tokens_of_imported_models(imported: Tokenizer, data: st.DataObject) -> None:
    """Cut anywhere, within a character too: what is told as the tokens come is what the whole tells, but behind a stop
    string, and each token tells its own bytes."""
    ids = data.draw(st.lists(st.integers(0, imported.vocab_size - 1) | st.sampled_from(known(imported)), max_size=12))
    written = [token for token in ids if token not in imported.special_texts]
    assume(not written or imported.backend.id_to_token(written[0]) != "<0x20>")  # a space that the text has or not
    told = AnswerBytes(imported)
    streamed = [told.push(token) for token in ids]
    text = imported.decode(ids)
    assert told.whole(text) == streamed
    assert text_of(imported, ids, streamed, streamed) == text
    for token, part in list(zip(ids, streamed, strict=True))[1:]:
        own = b"" if token in imported.special_texts else token_bytes(imported, token)
        assert part == own or (token == written[0] and own == b" " + part)
    cut = text[: data.draw(st.integers(0, len(text)))]
    parts = answer_bytes(imported, ids, cut)
    assert text_of(imported, ids, streamed, parts) == cut
    assert all(full.startswith(part) for full, part in zip(streamed, parts, strict=True))


def test_half_a_character_is_its_bytes_and_what_follows_its_own(imported: Tokenizer) -> None:
    """Of tokenizers with a token for each byte the text has two replacement characters there, its bytes make one."""
    begun = [token for token in map(imported.backend.token_to_id, ("<0xE7>", "<0x83>")) if token is not None]
    ids = [*begun, imported.encode("a")[-1]] if begun else []
    assert answer_bytes(imported, ids, imported.decode(ids))[:2] == [b"\xe7", b"\x83"][: len(begun)]
    assert answer_bytes(imported, ids, imported.decode(ids))[2:] == [token_bytes(imported, token) for token in ids[2:]]


def known(tokenizer: Tokenizer) -> list[int]:
    """Bytes that are characters together, and such that are none."""
    return tokenizer.encode("水🙂é a") + tokenizer.encode("水")[:-1]


def test_of_a_decoder_that_writes_a_token_by_those_beside_it() -> None:
    """Each piece of text stands for the token that completed it."""
    backend = tokenizers.Tokenizer(models.WordPiece({"[UNK]": 0, "wash": 1, "##ing": 2, "up": 3}, unk_token="[UNK]"))
    backend.decoder = decoders.WordPiece()
    backend.add_special_tokens(["<pad>", "</s>"])
    pieces = Tokenizer.__new__(Tokenizer)
    pieces.backend, pieces.bytes_of = backend, {}
    ids = [1, 2, 4, 3]
    assert pieces.decode(ids) == "washing up"
    assert answer_bytes(pieces, ids, "washing up") == [b"wash", b"ing", b"", b" up"]
    assert answer_bytes(pieces, ids, "washi") == [b"wash", b"i", b"", b""]
