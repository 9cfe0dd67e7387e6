"""Which words of one text are not in another: what was taken out of the first, and what came into the second.

Words are compared (with the blanks behind them), and Chinese and its like character by character, since nothing stands
between their words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

MOST_WORDS = 400
"""Of each text; in longer ones only what is the same at both ends is known."""
LEAST_SHARED = 0.2
"""Share of the longer text: texts with less in common were written anew, and marks on every word say nothing."""
_EAST_ASIAN = r"\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_WORDS = re.compile(rf"[{_EAST_ASIAN}]\s*|[^\s{_EAST_ASIAN}]+\s*|\s+")


@dataclass(frozen=True)
class Piece:
    text: str
    changed: bool


@dataclass(frozen=True)
class Differences:
    """Each text in pieces, which joined are the text."""

    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    alike: bool
    """Whether they have so much in common that the marks tell something; else nothing is marked."""


@lru_cache(maxsize=512)
def differences(before: str, after: str) -> Differences:
    """Kept: the same few answers are shown again and again."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    blocks = _same(old, new)
    shared = sum(size for _old, _new, size in blocks)
    if shared < LEAST_SHARED * max(len(old), len(new), 1):
        return Differences((Piece(before, changed=False),), (Piece(after, changed=False),), alike=False)
    return Differences(
        _pieces(old, [(start, size) for start, _other, size in blocks]),
        _pieces(new, [(start, size) for _other, start, size in blocks]),
        alike=True,
    )


def _same(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int]]:
    """(place in old, place in new, words) of what both have, in order. A word is the same whatever blank is behind."""
    one, other = [word.rstrip() for word in old], [word.rstrip() for word in new]
    if max(len(one), len(other)) <= MOST_WORDS:
        found = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
        return [(block.a, block.b, block.size) for block in found if block.size]
    shortest = min(len(one), len(other))
    begin = next((place for place in range(shortest) if one[place] != other[place]), shortest)
    left = shortest - begin
    end = next((place for place in range(left) if one[-1 - place] != other[-1 - place]), left)
    return [(0, 0, begin), (len(one) - end, len(other) - end, end)]


def _pieces(words: Sequence[str], kept: Sequence[tuple[int, int]]) -> tuple[Piece, ...]:
    pieces, place = [], 0
    for start, size in [*kept, (len(words), 0)]:
        pieces.append(Piece("".join(words[place:start]), changed=True))
        pieces.append(Piece("".join(words[start : start + size]), changed=False))
        place = start + size
    return tuple(piece for piece in pieces if piece.text)
