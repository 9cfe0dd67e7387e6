"""What people ask first and tell in passing: three birds, what a bird is, "I have a cat", why the sky is blue, 3+5.

Only fine-tuning draws them (drawing.py), one for each pair: the shipped prompts and the report card's held-out
questions are what they were. Wordings and sums that are held out of the other topics are held out here, too.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from random import Random

from app.corpus.answers import explain, speak
from app.corpus.answers.answer import Answer
from app.corpus.asking import owned_up
from app.corpus.banks import Language, load_banks
from app.corpus.combinations import sum_of
from app.corpus.entries import Category, Concept, Exchange
from app.corpus.phrases import PROMPTS
from app.corpus.phrases.everyday import COUNTED_ZH, NUMBERS_EN, NUMBERS_ZH
from app.corpus.subject import Subject, wordings_of
from app.corpus.topics import EVERYDAY_SHARES
from app.corpus.wording import pick, sentence_for

MOST_NAMED = 10
UNKNOWN_SHARE = 0.06  # of lists, those of groups that no bank has: the wordings tell nothing
NUMBERED_SHARE = 0.68
ONE_SHARE = 0.06
LETTER_SHARE = 0.05
SMALL_SHARE = 0.65  # of sums, those of two numbers up to ten
WORD_SHARE = 0.25  # of sums, those in words
FIRST_ASKED = (
    "fruits", "vegetables", "birds", "colours", "animals", "countries", "sports", "flowers", "jobs", "drinks", "fish",
    "水果", "蔬菜", "鸟", "颜色", "动物", "国家", "运动", "花", "职业", "饮料", "鱼",
)  # fmt: skip
SIGNS = re.compile(r"[-+*×=]|\bx\b(?!})")  # not between numbers in words
CLASS_KEYS = ("concept", "edge_told")


@cache
def known_concepts(language: Language) -> tuple[Concept, ...]:
    """Those of the bank and those that training alone asks for."""
    banks = load_banks(language)
    return (*banks.concepts, *banks.everyday.concepts)


@cache
def known_categories(language: Language) -> tuple[Category, ...]:
    """Those of the bank and those that training alone asks for; one of the same name has more members there."""
    banks = load_banks(language)
    return tuple({entry.plural: entry for entry in (*banks.categories, *banks.everyday.categories)}.values())


def _number(rng: Random, count: int, language: Language) -> str:
    if rng.random() < 0.4:
        return str(count)
    return (NUMBERS_EN if language == "en" else NUMBERS_ZH)[count - 1]


def singular(plural: str) -> str:
    """Of one regular word; empty where none can be told."""
    if not re.fullmatch(r"[a-z]+[^s]s", plural) or plural in ("clothes", "series"):
        return ""
    return re.sub("ie$", "y", plural[:-1])


def _category(rng: Random, language: Language) -> Category:
    known = known_categories(language)
    return rng.choices(known, [4.0 if entry.plural in FIRST_ASKED else 1.0 for entry in known])[0]


def _wording(rng: Random, language: Language, key: str, **values: str) -> str:
    return sentence_for(pick(rng, PROMPTS[language][key]), language, **values)


def list_subject(rng: Random, language: Language) -> Subject:
    """Members of a category: so many, some, one, or those with a letter."""
    entry, kind = _category(rng, language), rng.random()
    if rng.random() < UNKNOWN_SHARE:
        return _unknown_group(rng, language)
    if kind < NUMBERED_SHARE:
        count = rng.choice((2, 3, 3, 3, 4, 5, 5, 6, 7, 8, 9, 10))
        count = min(count, len(entry.items), MOST_NAMED)
        asked = _wording(rng, language, "counted", n=_number(rng, count, language), x=entry.plural)
        return _listed(entry, asked, partial(explain.numbered_answer, count=count), language)
    name = entry.plural if language == "zh" else singular(entry.plural)
    if kind < NUMBERED_SHARE + ONE_SHARE and name:
        asked = re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", _wording(rng, language, "one", x=name))
        return _listed(entry, asked, partial(explain.counted_answer, count=1), language)
    if kind < NUMBERED_SHARE + ONE_SHARE + LETTER_SHARE and language == "en":
        letter = pick(rng, [item[0].upper() for item in entry.items])
        asked = _wording(rng, language, "starting", x=entry.plural, l=letter)
        return _listed(entry, asked, partial(explain.beginning_answer, letter=letter), language)
    wordings = (*PROMPTS[language]["some"], *PROMPTS[language]["category"])
    asked = sentence_for(pick(rng, wordings), language, x=entry.plural)
    return _listed(entry, asked, explain.category_answer, language)


def _listed(entry: Category, asked: str, answer: Callable[..., Answer], language: Language) -> Subject:
    return Subject(
        "category", entry.plural, language, (asked,), partial(answer, entry=entry, language=language),
        evidence=entry.items,
    )  # fmt: skip


def _unknown_group(rng: Random, language: Language) -> Subject:
    entry = rng.choice([entry for entry in load_banks(language).unknown if entry.groups])
    group = pick(rng, entry.groups)
    number = _number(rng, rng.randint(2, MOST_NAMED), language)
    asked = _wording(rng, language, pick(rng, ("some", "counted")), x=group, n=number)
    return owned_up(rng, asked, group, entry.near, "group", language)


@cache
def _classes(language: Language) -> tuple[Subject, ...]:
    """The banks' entries of what people ask first, as the other concepts are asked for."""
    return tuple(
        Subject(
            "concept", entry.name, language,
            tuple(text for key in CLASS_KEYS for text in wordings_of(language, key, x=entry.name)),
            partial(explain.concept_answer, entry=entry, language=language), ("short", "long", "listed", "example"),
            evidence=(entry.definition, *entry.facts, entry.example),
        )
        for entry in load_banks(language).everyday.concepts
    )  # fmt: skip


def concept_subject(rng: Random, language: Language) -> Subject:
    """Half of the time in the wording that is commonest."""
    subject = rng.choice(_classes(language))
    if rng.random() < 0.5:
        asked = tuple(wordings_of(language, "concept", x=subject.slot)[:2])
        return replace(subject, wordings=asked)
    return subject


def _said(entry: Exchange, topic: str, frame: str, language: Language) -> Subject:
    frames = PROMPTS[language][frame]
    asked = tuple(frame.format(x=prompt) for prompt in entry.prompts for frame in (*frames[:1] * 6, *frames))
    answer = speak.statement_answer if topic == "chat" else speak.told_answer
    return Subject(
        topic, entry.prompts[0], language, asked, partial(answer, entry=entry, language=language),
        evidence=entry.answers,
    )  # fmt: skip


def statement_subject(rng: Random, language: Language) -> Subject:
    """Something told in passing, or a short word of small talk."""
    return _said(rng.choice(load_banks(language).everyday.statements), "chat", "chat_frame", language)


def why_subject(rng: Random, language: Language) -> Subject:
    """What a child asks."""
    return _said(rng.choice(load_banks(language).everyday.whys), "concept", "opinion_frame", language)


def sum_subject(rng: Random, language: Language) -> Subject:
    """A sum as it is typed, mostly of small numbers."""
    kind = rng.choices(("plus", "minus", "times"), (5, 4, 2))[0]
    most = 10 if kind == "times" or rng.random() < SMALL_SHARE else 20
    least = 2 if kind == "times" else 1
    x, y = rng.randint(least, most), rng.randint(least, most)
    if kind == "minus":
        x, y = max(x, y) + (x == y), min(x, y)
    subject = sum_of(kind, x, y, language, kind, f"{kind}_typed", f"{kind}_typed")
    if x <= MOST_NAMED and y <= MOST_NAMED and rng.random() < WORD_SHARE:
        words = NUMBERS_EN if language == "en" else COUNTED_ZH
        spoken = [text for text in PROMPTS[language][f"{kind}_typed"] if not SIGNS.search(text)]
        asked = sentence_for(pick(rng, spoken), language, x=words[x - 1], y=words[y - 1])
        return replace(subject, wordings=(asked,))
    return subject


KINDS: dict[str, Callable[[Random, Language], Subject]] = {
    "list": list_subject, "concept": concept_subject, "statement": statement_subject, "why": why_subject,
    "sum": sum_subject,
}  # fmt: skip


def everyday_subject(rng: Random, language: Language) -> Subject:
    """One with a wording that training may see."""
    while True:
        kind = rng.choices(list(KINDS), [EVERYDAY_SHARES[name] for name in KINDS])[0]
        subject = KINDS[kind](rng, language)
        if subject.split(held_out=False):
            return subject
