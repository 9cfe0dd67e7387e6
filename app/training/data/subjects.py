"""Everything that can be asked: a Subject per bank entry, sum, count and story combination.

A Subject knows all wordings of its prompt and how to answer in a manner. Whether a wording is held out from
training is decided by its normalized text alone, so that pairs and shipped prompts can never disagree.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from random import Random

from app.training.data import bodies
from app.training.data.banks import Banks, Language, load_banks
from app.training.data.bodies import Body
from app.training.data.manner import Manner
from app.training.data.phrases import PROMPTS
from app.training.data.wording import definite, normalized, sentence_for

HELD_OUT_PERCENT = 8

# How often a topic is asked, in percent.
TOPIC_SHARES: dict[str, int] = {
    "concept": 30, "howto": 13, "advice": 10, "chat": 9, "category": 9, "comparison": 7,
    "refusal": 4, "story": 7, "letter": 4, "arithmetic": 4, "words": 3,
}  # fmt: skip

Answering = Callable[[Random, Manner], Body]


@dataclass(frozen=True)
class Subject:
    topic: str
    slot: str
    language: Language
    wordings: tuple[str, ...]
    body: Answering
    followups: tuple[str, ...] = ()


def is_held_out(prompt: str) -> bool:
    """Does this wording belong to the prompts that are never trained on?"""
    return int(sha256(normalized(prompt).encode()).hexdigest()[:8], 16) % 100 < HELD_OUT_PERCENT


def _wordings(language: Language, key: str, **values: str) -> tuple[str, ...]:
    return tuple(sentence_for(template, language, **values) for template in PROMPTS[language][key])


def _concepts(banks: Banks) -> Iterable[Subject]:
    language = banks.language
    for entry in banks.concepts:
        yield Subject(
            "concept", entry.name, language, _wordings(language, "concept", x=entry.name),
            partial(bodies.concept_body, entry=entry, language=language),
            ("short", "long", "listed", "example"),
        )  # fmt: skip


def _howtos(banks: Banks) -> Iterable[Subject]:
    language = banks.language
    for entry in banks.howtos:
        yield Subject(
            "howto", entry.task, language, _wordings(language, "howto", x=entry.task),
            partial(bodies.howto_body, entry=entry, language=language), ("short", "listed"),
        )  # fmt: skip


def _advice(banks: Banks) -> Iterable[Subject]:
    language = banks.language
    for entry in banks.advice:
        yield Subject(
            "advice", entry.situation, language, _wordings(language, "advice", x=entry.situation),
            partial(bodies.advice_body, entry=entry, language=language),
            ("short", "listed", "long"),
        )  # fmt: skip


def _chat(banks: Banks) -> Iterable[Subject]:
    for entry in banks.chat:
        yield Subject(
            "chat", entry.prompts[0], banks.language, entry.prompts,
            partial(bodies.chat_body, entry=entry, language=banks.language),
        )  # fmt: skip


def _categories(banks: Banks) -> Iterable[Subject]:
    language = banks.language
    for entry in banks.categories:
        yield Subject(
            "category", entry.plural, language, _wordings(language, "category", x=entry.plural),
            partial(bodies.category_body, entry=entry, language=language),
            ("short", "listed", "again", "long"),
        )  # fmt: skip


def _comparisons(banks: Banks) -> Iterable[Subject]:
    language = banks.language
    for entry in banks.comparisons:
        yield Subject(
            "comparison", f"{entry.a} / {entry.b}", language,
            _wordings(language, "comparison", x=entry.a, y=entry.b),
            partial(bodies.comparison_body, entry=entry, language=language), ("short", "long"),
        )  # fmt: skip


def _refusals(banks: Banks) -> Iterable[Subject]:
    for entry in banks.refusals:
        yield Subject(
            "refusal", entry.requests[0], banks.language, entry.requests,
            partial(bodies.refusal_body, entry=entry, language=banks.language),
        )  # fmt: skip


def _letters(banks: Banks) -> Iterable[Subject]:
    language = banks.language
    for entry in banks.letters:
        yield Subject(
            "letter", entry.purpose, language, _wordings(language, "letter", x=entry.purpose),
            partial(bodies.letter_body, entry=entry, language=language), ("short",),
        )  # fmt: skip


def _story(banks: Banks, key: str, wording: dict[str, str], fixed: dict[str, str]) -> Subject:
    language = banks.language
    return Subject(
        "story", " + ".join(fixed.values()), language, _wordings(language, key, **wording),
        partial(bodies.story_body, parts=banks.stories, fixed=fixed, language=language), ("short", "again", "long"),
    )  # fmt: skip


def _stories(banks: Banks) -> Iterable[Subject]:
    parts = banks.stories
    # In Chinese a request names "the fox" bare; in English it says "a fox".
    asked = {name: definite(name, "zh") if banks.language == "zh" else name for name in parts.heroes + parts.things}
    for hero in parts.heroes:
        yield _story(banks, "story_hero", {"x": asked[hero]}, {"hero": hero})
        for thing in parts.things:
            yield _story(banks, "story_thing", {"x": asked[hero], "y": asked[thing]}, {"hero": hero, "thing": thing})
    for place in parts.places:
        yield _story(banks, "story_place", {"x": place}, {"place": place})


def _sums(language: Language) -> Iterable[Subject]:
    for x in range(1, 21):
        for y in range(1, 11):
            for kind in ("plus", "minus"):
                if kind == "plus" or x > y:
                    yield Subject(
                        "arithmetic", f"{x} {kind} {y}", language, _wordings(language, kind, x=str(x), y=str(y)),
                        partial(bodies.sum_body, kind=kind, x=x, y=y, language=language),
                    )  # fmt: skip
    for x in range(1, 16):
        for length in range(2, 10):
            yield Subject(
                "arithmetic", f"{x} to {x + length}", language,
                _wordings(language, "count", x=str(x), y=str(x + length)),
                partial(bodies.count_body, x=x, y=x + length, language=language),
            )  # fmt: skip


def _words(banks: Banks) -> Iterable[Subject]:
    language = banks.language
    for entry in banks.words:
        yield Subject(
            "words", f"{entry.kind}: {entry.word}", language, _wordings(language, entry.kind, x=entry.word),
            partial(bodies.word_body, entry=entry, language=language),
        )  # fmt: skip


@cache
def subjects_by_topic(language: Language) -> dict[str, Sequence[Subject]]:
    """All subjects of a language whose banks exist; topics without an entry are left out."""
    banks = load_banks(language)
    if banks.is_empty:
        return {}
    topics = {
        "concept": _concepts(banks), "howto": _howtos(banks), "advice": _advice(banks), "chat": _chat(banks),
        "category": _categories(banks), "comparison": _comparisons(banks), "refusal": _refusals(banks),
        "story": _stories(banks), "letter": _letters(banks), "arithmetic": _sums(language), "words": _words(banks),
    }  # fmt: skip
    listed = {topic: tuple(entries) for topic, entries in topics.items()}
    return {topic: entries for topic, entries in listed.items() if entries}
