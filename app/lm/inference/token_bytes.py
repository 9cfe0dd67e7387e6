"""The bytes that each token of an answer wrote. Joined they are the answer's text, whatever the tokens cut in two: a
Chinese character, or the text before a stop string."""

import codecs
from collections.abc import Sequence
from functools import lru_cache

from app.lm.text.tokenizer import BROKEN, BYTE_TOKEN, IncrementalDecoder, Tokenizer

PLAIN = (range(ord("!"), ord("~") + 1), range(0xA1, 0xAC + 1), range(0xAE, 0xFF + 1))  # bytes that stand for themselves


@lru_cache(maxsize=1)
def byte_of_character() -> dict[str, int]:
    """How byte-level BPE writes bytes as characters (Radford et al. 2019, `bytes_to_unicode`)."""
    plain = [byte for part in PLAIN for byte in part]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


def token_bytes(tokenizer: Tokenizer, token: int) -> bytes:
    """Of a token alone; of a special one, its name's."""
    written = tokenizer.bytes_of.get(token)
    if written is None:
        written = tokenizer.bytes_of[token] = _bytes_of(tokenizer, token)
    return written


def _bytes_of(tokenizer: Tokenizer, token: int) -> bytes:
    name = tokenizer.special_texts.get(token)
    if name is not None:
        return name.encode()
    written = tokenizer.backend.id_to_token(token) or ""
    if tokenizer.byte_level:
        table = byte_of_character()
        known = all(character in table for character in written)
        return bytes(table[character] for character in written) if known else written.encode()
    if BYTE_TOKEN.fullmatch(written):
        return bytes([int(written[1:-1], 16)])
    return tokenizer.pieces([token])[0].encode()


def token_text(tokenizer: Tokenizer, token: int) -> str:
    """The whole characters of a token alone; of a special one, its name's. Nothing where it is a part of a character:
    its bytes tell what it is."""
    text = tokenizer.pieces([token])[0]
    return token_bytes(tokenizer, token).decode("utf-8", "ignore") if BROKEN in text else text


def written_bytes(tokenizer: Tokenizer, token: int, *, first: bool) -> bytes:
    """What a token writes of an answer's text before the next one is known: nothing if it is a special one, and no
    space at the beginning of a sentencepiece text."""
    if token in tokenizer.special_texts:
        return b""
    written = token_bytes(tokenizer, token)
    spaced = first and written.startswith(b" ") and not tokenizer.decode([token]).startswith(" ")
    return written[1:] if spaced else written


def answer_bytes(tokenizer: Tokenizer, ids: Sequence[int], text: str) -> list[bytes]:
    """For each token of an answer, the part of `text` that it wrote: nothing for special tokens and behind a stop
    string, the beginning alone where a stop string begins inside."""
    written = [b"" if token in tokenizer.special_texts else token_bytes(tokenizer, token) for token in ids]
    whole = tokenizer.decode(ids)
    if _text(written) != whole and written and written[0].startswith(b" "):  # a sentencepiece text has no first space
        written[0] = written[0][1:]
    if _text(written) != whole:
        written = _pieces(tokenizer, ids)
    return written if text == whole else _cut(written, text)


def _text(written: Sequence[bytes]) -> str:
    return b"".join(written).decode("utf-8", "replace")


def _pieces(tokenizer: Tokenizer, ids: Sequence[int]) -> list[bytes]:
    """For decoders that write a token by those beside it: each piece of text stands for the token that completed it."""
    decoder = IncrementalDecoder(tokenizer)
    written = [decoder.push(token).encode() for token in ids]
    return [*written[:-1], written[-1] + decoder.flush().encode()] if written else []


def _cut(written: Sequence[bytes], text: str) -> list[bytes]:
    """Up to where the text ends, which is a beginning of theirs."""
    left = _length(b"".join(written), len(text))
    parts = []
    for part in written:
        parts.append(part[:left])
        left -= len(parts[-1])
    return parts


def _length(written: bytes, characters: int) -> int:
    """How many bytes the first characters are."""
    decoder, seen = codecs.getincrementaldecoder("utf-8")("replace"), 0
    for place in range(len(written)):
        if seen == characters:
            return place - len(decoder.getstate()[0])  # what is begun belongs to the next character
        seen += len(decoder.decode(written[place : place + 1]))
        if seen > characters:  # this byte showed that the ones before it are broken
            return place
    return len(written) - (len(decoder.getstate()[0]) if seen == characters else 0)
