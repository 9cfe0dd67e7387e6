"""Tastes of simulated labelers: a known utility per answer, in nats, so that what the loop learned can be measured.

Only the simulation and the benchmarks import this; an import contract keeps it out of training and of the server.
`utility` sees nothing but the answer's text, as a person does.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from app.corpus.banks import load_banks

WORDS_PER_NAT_WHEN_ALIKE = 12.0
CJK_CHARACTERS_PER_WORD = 1.5
_LIST_LINE = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)、])[ \t]*\S", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+")
_CJK = re.compile(r"[\u3400-\u9fff]")


def count_words(text: str) -> float:
    """Words of a Latin text; Chinese characters count two thirds of a word each."""
    characters = len(_CJK.findall(text))
    return len(_WORD.findall(_CJK.sub(" ", text))) + characters / CJK_CHARACTERS_PER_WORD


def count_list_lines(text: str) -> int:
    return len(_LIST_LINE.findall(text))


def _phrases(*kinds: str) -> tuple[str, ...]:
    manners = [load_banks(language).manners for language in ("en", "zh")]
    return tuple(phrase for style in manners for kind in kinds for phrase in getattr(style, kind))


def _count(text: str, phrases: tuple[str, ...]) -> int:
    return sum(phrase in text for phrase in phrases)


def brief(text: str) -> float:
    """The shorter the better: 5 words are worth a nat. An empty answer is the worst of all."""
    return -count_words(text) / 5.0 if text.strip() else -50.0


def warm(text: str) -> float:
    """Friendly words at the start or the end, 3 nats each, two at most."""
    return 3.0 * min(2, _count(text, _phrases("warm_openers", "warm_closers"))) + _shorter_when_alike(text)


def listed(text: str) -> float:
    """Points on lines of their own: 5 nats as soon as there are two."""
    return 5.0 * (count_list_lines(text) >= 2) + _shorter_when_alike(text)


def no_flattery(text: str) -> float:
    """Praise of the asker costs 5 nats."""
    return -5.0 * (_count(text, _phrases("flattery")) > 0) + _shorter_when_alike(text)


def _shorter_when_alike(text: str) -> float:
    """Between two answers that are alike in what matters, the shorter one, weakly."""
    return -count_words(text) / WORDS_PER_NAT_WHEN_ALIKE if text.strip() else -50.0


@dataclass(frozen=True)
class Taste:
    name: str
    describe: str
    utility: Callable[[str], float]


TASTES: dict[str, Taste] = {
    taste.name: taste
    for taste in (
        Taste("brief", "likes short answers", brief),
        Taste("warm", "likes a friendly tone", warm),
        Taste("list", "likes points on lines of their own", listed),
        Taste("no-flattery", "dislikes being praised", no_flattery),
    )
}


def win_rate(taste: Taste, challengers: list[str], champions: list[str]) -> float:
    """Share of pairs (same index, same prompt) that the taste itself, without noise, gives to the challenger.

    Ties count half. Raises ValueError when the lists differ in length or are empty.
    """
    if not challengers or len(challengers) != len(champions):
        raise ValueError("win_rate needs two lists of the same length, with at least one answer")
    wins = 0.0
    for challenger, champion in zip(challengers, champions, strict=True):
        difference = taste.utility(challenger) - taste.utility(champion)
        wins += 0.5 if difference == 0 else float(difference > 0)
    return wins / len(challengers)
