"""The bytes that each token of an answer wrote. Joined they are the answer's text, whatever the tokens cut in two (a
Chinese character, or the text before a stop string), but for broken characters."""

import codecs
from dataclasses import dataclass, field
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


def written_pieces(tokenizer: Tokenizer) -> list[bytes]:
    """What each token of the vocabulary writes: nothing, a special one."""
    special = tokenizer.special_texts
    return [b"" if token in special else token_bytes(tokenizer, token) for token in range(tokenizer.vocab_size)]


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


class AnswerBytes:
    """What each token of an answer writes of its text, told as the tokens come. Nothing takes back what was told, so
    that a stream and the whole answer tell the same: a part of a character is its own bytes, also where it never
    becomes one and the text has replacement characters there."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer, self._decoder = tokenizer, IncrementalDecoder(tokenizer)
        self._groups: list[_Group] = []
        self._open = _Group()
        self._begun = False

    def push(self, token: int) -> bytes:
        """What the next token writes: nothing if it is a special one."""
        if token in self._tokenizer.special_texts:
            self._open.parts.append(b"")
            return b""
        written = self._alone(token)
        self._begun = True
        if text := self._decoder.push(token):
            written = self._open.completed_by(written, text)
            self._open.parts.append(written)
            self._close(text)
        else:
            self._open.parts.append(written)
            self._open.incomplete += bool(written)
        return written

    def whole(self, text: str) -> list[bytes]:
        """Of all tokens, where the answer reads so, which is a beginning of what they write: nothing behind a stop
        string, the beginning alone where a stop string begins inside."""
        self._close(self._decoder.flush())
        parts, left = [], len(text)
        for group in self._groups:
            parts += group.cut(left)
            left = max(0, left - len(group.text))
        return parts

    def _alone(self, token: int) -> bytes:
        """No space at the beginning of a sentencepiece text."""
        written = token_bytes(self._tokenizer, token)
        spaced = not self._begun and written.startswith(b" ") and not self._tokenizer.decode([token]).startswith(" ")
        return written[1:] if spaced else written

    def _close(self, text: str) -> None:
        self._open.text = text
        self._groups.append(self._open)
        self._open = _Group()


@dataclass
class _Group:
    """Tokens that write characters together: all but the last one complete none."""

    parts: list[bytes] = field(default_factory=list)
    incomplete: int = 0
    """How many tokens wrote bytes, but completed no character."""
    text: str = ""

    def completed_by(self, written: bytes, text: str) -> bytes:
        """What the token that completes the text writes of it; `written`: alone."""
        before = b"".join(self.parts)
        if _text(before + written) == text:
            return written
        for told in (BROKEN * self.incomplete, _text(before)):
            if text.startswith(told):
                return text[len(told) :].encode()
        return written

    def cut(self, characters: int) -> list[bytes]:
        """The parts of the first characters."""
        if characters >= len(self.text):
            return self.parts
        written = b"".join(self.parts)
        if _text(written) != self.text:
            return self._broken(characters)
        left = _length(written, characters)
        cut = []
        for part in self.parts:
            cut.append(part[:left])
            left -= len(cut[-1])
        return cut

    def _broken(self, characters: int) -> list[bytes]:
        """The same where the bytes of single tokens are no character: each has a replacement character of its own."""
        cut, left = [], characters
        for part in self.parts[:-1]:
            cut.append(part if left > 0 else b"")
            left -= bool(part)
        return [*cut, self.text[self.incomplete : characters].encode()]


def _text(written: bytes) -> str:
    return written.decode("utf-8", "replace")


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
