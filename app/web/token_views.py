"""How tokens are shown: what each writes, with what cannot be seen made visible, and half characters as their bytes.
Pure: texts and bytes in, what a template writes out.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from app.chat import Cut
from app.translation import _, ngettext

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
HAN_CHARACTER = re.compile(f"[{HAN}]")
MARK = "\u0301"
WITH_MARKS = rf"(?:[^\W_{HAN}]{MARK}*)+"
WORD = re.compile(rf"{WITH_MARKS}(?:['’]{WITH_MARKS})*")
"""Of a text in which each mark is MARK: `re` takes none for a part of a word."""
JOINERS = "\u200c\u200d"
MOST_CHARACTERS = 16  # of a token that are named one by one
SIGNS = {" ": "·", "\n": "↵", "\r": "␍", "\t": "⇥"}
SHORT_NAMES = {
    0x00A0: "NBSP", 0x00AD: "SHY", 0x200B: "ZWSP", 0x200C: "ZWNJ", 0x200D: "ZWJ", 0x200E: "LRM", 0x200F: "RLM",
    0x202A: "LRE", 0x202B: "RLE", 0x202C: "PDF", 0x202D: "LRO", 0x202E: "RLO", 0x2060: "WJ", 0x2066: "LRI",
    0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0x3000: "IDSP", 0xFE0E: "VS15", 0xFE0F: "VS16", 0xFEFF: "BOM",
}  # fmt: skip
UNSEEN = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"))  # general categories (Unicode, chapter 4.5)


@dataclass(frozen=True)
class Segment:
    """A part of what a token writes: `text` as it is, a `sign` in the place of what cannot be seen, or the `bytes` of
    a character that is not whole in this token."""

    kind: str
    shown: str


def segments(written: bytes) -> list[Segment]:
    """In order, neighbours of one kind joined, signs and characters each for itself where they must be."""
    parts: list[Segment] = []
    for piece in _characters(written):
        if isinstance(piece, bytes):
            part = Segment("bytes", hexadecimal(piece))
        elif piece in SIGNS or _is_unseen(piece):
            part = Segment("sign", sign(piece))
        else:
            begins = not parts or parts[-1].kind != "text"
            part = Segment("text", "\u25cc" + piece if begins and _is_mark(piece) else piece)
        if parts and parts[-1].kind == part.kind == "text":
            parts[-1] = Segment("text", parts[-1].shown + part.shown)
        else:
            parts.append(part)
    return parts


def token_text(written: Iterable[int]) -> str:
    """What bytes write, in one line: a node of a tree of merges."""
    return "".join(each.shown for each in segments(bytes(written)))


def sign(character: str) -> str:
    """Of a character that cannot be seen: an arrow, a picture of the control character, a short name, its number."""
    number = ord(character)
    if character in SIGNS:
        return SIGNS[character]
    if number < 0x20:
        return chr(0x2400 + number)
    return SHORT_NAMES.get(number, f"U+{number:04X}")


def hexadecimal(written: bytes) -> str:
    return written.hex(" ").upper()


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in UNSEEN or ord(character) in SHORT_NAMES


def _is_mark(character: str) -> bool:
    """It stands on the letter before it. Its combining class would not tell: that of Hindi's vowel signs is 0."""
    return unicodedata.category(character).startswith("M")


def _characters(written: bytes) -> Iterator[str | bytes]:
    """Whole characters as text, what stands between them as bytes."""
    place, broken = 0, 0  # bytes before `place` back to `broken` belong to no whole character
    while place < len(written):
        size = _size(written[place])
        whole = written[place : place + size]
        try:
            character = whole.decode() if len(whole) == size else None
        except UnicodeDecodeError:
            character = None
        if character is None:
            place += 1
            continue
        if broken < place:
            yield written[broken:place]
        yield character
        place += size
        broken = place
    if broken < place:
        yield written[broken:place]


def _size(first: int) -> int:
    """How many bytes a character has that begins with this one (RFC 3629)."""
    return 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


@dataclass(frozen=True)
class CharacterName:
    shown: str
    code: str
    """U+767E"""
    name: str
    """As Unicode has it; empty for those without."""


def names(text: str) -> list[CharacterName]:
    """Of its first characters."""
    return [
        CharacterName(
            sign(each) if _is_unseen(each) else "\u25cc" + each if _is_mark(each) else each,
            f"U+{ord(each):04X}",
            unicodedata.name(each, ""),
        )
        for each in text[:MOST_CHARACTERS]
    ]


@dataclass(frozen=True)
class PartOfCharacter:
    """`first` to `last` (from 1) of a character's bytes lie in the token."""

    character: CharacterName
    first: int
    last: int
    size: int

    @property
    def said(self) -> str:
        """In a sentence."""
        size, of = self.size, f"{self.character.shown} ({self.character.code})"
        if self.first == self.last == 1:
            return _(
                "It holds only the first of the {size} bytes of {character}. The model has to write the rest with its "
                "next tokens, or the character stays broken.",
                size=size,
                character=of,
            )
        if self.first == 1:
            return _(
                "It holds only bytes {first} to {last} of the {size} bytes of {character}. The model has to write the "
                "rest with its next tokens, or the character stays broken.",
                first=self.first,
                last=self.last,
                size=size,
                character=of,
            )
        if self.first == self.last:
            return _(
                "It holds only byte {n} of the {size} bytes of {character}, which began in a token before it.",
                n=self.first,
                size=size,
                character=of,
            )
        return _(
            "It holds only bytes {first} to {last} of the {size} bytes of {character}, "
            "which began in a token before it.",
            first=self.first,
            last=self.last,
            size=size,
            character=of,
        )


def parts_of_characters(joined: bytes, begin: int, end: int) -> list[PartOfCharacter]:
    """Characters of the text that the token from byte `begin` to `end` holds a part of: one at each edge at most."""
    parts: dict[int, PartOfCharacter] = {}
    for edge in (begin, end) if begin < end else ():
        start = edge
        while start > max(0, edge - 4) and start < len(joined) and joined[start] & 0xC0 == 0x80:
            start -= 1
        whole = joined[start : start + _size(joined[start])] if start < len(joined) else b""
        if start == edge or start + len(whole) <= edge:
            continue
        try:
            [character] = names(whole.decode())
        except ValueError:  # broken, or no character at all
            continue
        first, last = max(begin, start) - start + 1, min(end, start + len(whole)) - start
        parts[start] = PartOfCharacter(character, first, last, len(whole))
    return list(parts.values())


@dataclass(frozen=True)
class Counts:
    tokens: int
    characters: int
    bytes: int
    words: int
    """Runs of letters and digits with their marks, Chinese characters not among them."""
    word_tokens: int
    """That lie in a word, even if in part."""
    han: int
    """Chinese characters."""
    han_tokens: int
    longest_word: str
    longest_word_tokens: int

    @property
    def characters_per_token(self) -> float:
        return self.characters / self.tokens if self.tokens else 0.0

    @property
    def tokens_per_word(self) -> float:
        return self.word_tokens / self.words if self.words else 0.0

    @property
    def tokens_per_han(self) -> float:
        return self.han_tokens / self.han if self.han else 0.0


def counts(text: str, tokens: Sequence[Cut], *, exact: bool) -> Counts:
    """Tokens of words only where the tokens' bytes are the text's (`exact`): else nobody can say where they lie."""
    words = _words(text)
    han = HAN_CHARACTER.findall(text)
    held = _Held(text, tokens) if exact else None
    in_words = [(0 if held is None else held.tokens_in(*each), text[slice(*each)]) for each in words]
    most, longest = max(in_words, default=(0, ""), key=lambda each: each[0])
    han_places = [each.start() for each in HAN_CHARACTER.finditer(text)]
    return Counts(
        tokens=len(tokens),
        characters=len(text),
        bytes=len(text.encode("utf-8", "replace")),
        words=len(words) if held else 0,
        word_tokens=sum(number for number, _word in in_words),
        han=len(han) if held else 0,
        han_tokens=len({token for place in han_places for token in held.those_in(place, place + 1)}) if held else 0,
        longest_word=longest,
        longest_word_tokens=most,
    )


def _words(text: str) -> list[tuple[int, int]]:
    """From where to where: runs of letters and digits with their marks (accents, vowel signs of Arabic or Hindi)."""
    plain = "".join(MARK if each in JOINERS or _is_mark(each) else each for each in text)
    return [each.span() for each in WORD.finditer(plain)]


class _Held:
    """Which tokens hold which characters of the text."""

    def __init__(self, text: str, tokens: Sequence[Cut]) -> None:
        self._bytes = [0, *accumulate(len(each.encode("utf-8", "replace")) for each in text)]
        self._begins = [0, *accumulate(len(each.bytes) for each in tokens)]

    def those_in(self, begin: int, end: int) -> range:
        """Of characters `begin` to `end`."""
        first = bisect_right(self._begins, self._bytes[begin]) - 1
        return range(first, bisect_left(self._begins, self._bytes[end]))

    def tokens_in(self, begin: int, end: int) -> int:
        return len(self.those_in(begin, end))


def observations(of: Counts) -> list[str]:
    """What is to be seen in this text, in sentences."""
    said = []
    if of.words and of.longest_word_tokens > 1:
        said.append(
            ngettext(
                "The word “{word}” takes {n} token, more than any other here.",
                "The word “{word}” takes {n} tokens, more than any other here.",
                of.longest_word_tokens,
                word=of.longest_word[:40],
            )
        )
    elif of.words:
        said.append(_("Each word here is a single token."))
    if of.han:
        said.append(_("A Chinese character takes {n} tokens on average.", n=f"{of.tokens_per_han:.2f}"))
    return said
