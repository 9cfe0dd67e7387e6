"""What all answers are made of: an Answer, parts that fit a budget, lists and joints.

Each `*_answer` beside this module takes the random generator, the style, a bank entry and the language and returns an
Answer; greetings and flattery are added elsewhere (dressing.py). Facts are drawn at random and in random order, so no
prompt has one fixed answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from app.corpus.banks import Language
from app.corpus.capitals import may_follow
from app.corpus.phrases import ANSWERS
from app.corpus.style import Length
from app.corpus.wording import lowered, pick, size

# Content only; an opener, flattery and a closer come on top of it.
BUDGET: dict[Language, dict[Length, int]] = {
    "en": {"short": 17, "medium": 31, "long": 46},
    "zh": {"short": 32, "medium": 56, "long": 76},
}


@dataclass(frozen=True)
class Answer:
    """`listed` and `example` say what is to be seen; `plain` answers take no opener, flattery or closer."""

    text: str
    listed: bool = False
    example: bool = False
    plain: bool = False


def fitting(parts: Sequence[str], budget: int, language: Language) -> list[str]:
    """The parts that fit, in order; the first always does."""
    kept, total = list(parts[:1]), size(parts[0], language) if parts else 0
    for part in parts[1:]:
        if total + size(part, language) <= budget:
            kept.append(part)
            total += size(part, language)
    return kept


def bulleted(intro: str, items: Sequence[str], *, ordered: bool = False) -> str:
    """An intro line and one line per item."""
    lines = [f"{number}. {item}" if ordered else f"- {item}" for number, item in enumerate(items, start=1)]
    return "\n".join([intro, *lines] if intro else lines)


def shuffled(rng: Random, items: Sequence[str]) -> list[str]:
    return rng.sample(list(items), len(items))


def in_turn(chosen: Sequence[str], items: Sequence[str]) -> list[str]:
    """The chosen ones in the bank's order, from the first of them on and round: what was said never comes again after
    what comes next, so that a small model says nothing twice."""
    places = [items.index(item) for item in chosen]
    return [items[place] for place in sorted(places, key=lambda place: (place - places[0]) % len(items))]


def connected(rng: Random, sentences: Sequence[str], language: Language, *, imperative: bool = False) -> list[str]:
    """Now and then a sentence after the first begins with "Also, "."""
    if len(sentences) < 2 or rng.random() < 0.6:
        return list(sentences)
    place = rng.randrange(1, len(sentences))
    if not imperative and not may_follow(sentences[place]):
        return list(sentences)
    also = pick(rng, ANSWERS[language]["also"])
    return [*sentences[:place], also + lowered(sentences[place]), *sentences[place + 1 :]]
