"""Reasons to drop a whole document. Each filter says whether it is guilty; docs/corpus-cleaning.md has the thresholds.

The repetition and symbol filters follow Gopher (Rae et al. 2021, section A.1.1), loosened for short texts.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

LEAST_LETTERS = 20
LEAST_WORD_SHARE = 0.6  # letters, digits and blanks among the characters
MOST_UNREADABLE = 0.001  # replacement characters among the characters
MOST_REPEATED = 0.34  # characters in sentences said before among all
LEAST_LOOSE_BREAKS = 3
WRAPPED_WORDS = 5
MIXED_EXCESS = 0.15
WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
PIECE = re.compile(r"[^.!?。！？\n]+")
ENDS = tuple(".!?。！？:：;；…”\"')）")


def too_short(text: str) -> bool:
    return sum(map(str.isalpha, text[:2_000])) < LEAST_LETTERS


def unreadable(text: str) -> bool:
    """Letters lost for good to a wrong encoding."""
    return text.count("\ufffd") > MOST_UNREADABLE * len(text)


def symbols(text: str) -> bool:
    """Tables, code and line noise: few letters for its length."""
    spoken = sum(character.isalnum() or character.isspace() for character in text)
    return spoken < LEAST_WORD_SHARE * len(text)


def repeated(text: str) -> bool:
    """Says the same sentences again and again."""
    counts = Counter(piece.strip() for piece in PIECE.findall(text))
    again = sum(len(piece) * (count - 1) for piece, count in counts.items())
    return again > MOST_REPEATED * len(text)


FILTERS = {"too short": too_short, "unreadable": unreadable, "symbols": symbols, "repeated": repeated}


def words(text: str) -> list[str]:
    """Lower-case words; each Chinese character is one."""
    return WORD.findall(text.lower())


Pair = tuple[str, str]


def _pairs(text: str) -> list[Pair]:
    return list(pairwise(words(text)))


def loose_breaks(text: str) -> list[Pair]:
    """(last word, first word) around the line breaks inside sentences. Shorter lines are lists, not wrapped text."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    breaks = []
    for above, below in pairwise(lines):
        if not above.endswith(ENDS) and not below[0].isupper():
            before, after = words(above), words(below)
            if min(len(before), len(after)) >= WRAPPED_WORDS:
                breaks.append((before[-1], after[0]))
    return breaks


def mixed_lines(texts: Sequence[str]) -> set[int]:
    """Indices of texts whose lines do not follow one another.

    Where lines are merely wrapped, the pair of words around a break is as usual as the pairs inside the lines; where
    lines are mixed up, it is not. A pair is usual if another text has it: the more text, the surer the test."""
    suspects = {
        index: breaks for index, text in enumerate(texts) if len(breaks := loose_breaks(text)) >= LEAST_LOOSE_BREAKS
    }
    inside = {index: [pair for line in texts[index].split("\n") for pair in _pairs(line)] for index in suspects}
    wanted = {pair for pairs in (*suspects.values(), *inside.values()) for pair in pairs}
    holders = _holders(texts, wanted) if suspects else Counter()

    def strange(pairs: Iterable[Pair]) -> float:
        rare = [holders[pair] <= 1 for pair in pairs]
        return sum(rare) / max(1, len(rare))

    return {index for index, breaks in suspects.items() if strange(breaks) > strange(inside[index]) + MIXED_EXCESS}


def _holders(texts: Iterable[str], wanted: set[Pair]) -> Counter[Pair]:
    """In how many texts does each wanted pair stand inside a line or across lines?"""
    counts: Counter[Pair] = Counter()
    for text in texts:
        counts.update(wanted.intersection(_pairs(text)))
    return counts
