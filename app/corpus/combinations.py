"""Subjects that are combinations: stories, sums, translated and rewritten sentences. Held out as whole slots."""

from collections.abc import Iterable, Sequence
from functools import partial
from random import Random

from app.corpus.answers import numbers, play, words
from app.corpus.banks import Banks, Language, counterparts, load_translations
from app.corpus.entries import Rewrite, Translation
from app.corpus.phrases import PROMPTS
from app.corpus.subject import Reply, Subject, wordings_of
from app.corpus.wording import definite, listing, pick, sentence_for

LARGEST = 50  # of the numbers that are added and taken away
LARGEST_FACTOR = 10
LISTS_PER_CATEGORY = 8
MIXED_LISTS = 2_500  # so many that they cannot be learned by heart: what was said has to be read
REPEATED = 2_500
UNFAMILIAR = 150  # of the unknown things, those that one sentence takes
MOST_REPEATED = 6  # words


def _story(banks: Banks, key: str, wording: dict[str, str], fixed: dict[str, str]) -> Subject:
    language = banks.language
    return Subject(
        "story", " + ".join(fixed.values()), language, wordings_of(language, key, **wording),
        partial(play.story_answer, parts=banks.stories, fixed=fixed, language=language), ("short", "again", "long"),
        evidence=tuple(definite(part, language).removeprefix("the ") for part in fixed.values()),
        combined=len(fixed) > 1, weight=0.03 if len(fixed) > 1 else 1.0,
    )  # fmt: skip


def stories(banks: Banks) -> Iterable[Subject]:
    parts = banks.stories
    # In Chinese a request names "the fox" bare; in English it says "a fox".
    asked = {name: definite(name, "zh") if banks.language == "zh" else name for name in parts.heroes + parts.things}
    for hero in parts.heroes:
        yield _story(banks, "story_hero", {"x": asked[hero]}, {"hero": hero})
        for thing in parts.things:
            yield _story(banks, "story_thing", {"x": asked[hero], "y": asked[thing]}, {"hero": hero, "thing": thing})
    for place in parts.places:
        yield _story(banks, "story_place", {"x": place}, {"place": place})


def sum_of(kind: str, x: int, y: int, language: Language, *keys: str) -> Subject:
    """7 + 5 and 5 + 7 are one slot: both are held out or neither is. `keys`: of the wordings, if not the kind's own."""
    slot = f"{min(x, y)} {kind} {max(x, y)}" if kind != "minus" else f"{x} minus {y}"
    return Subject(
        "arithmetic", slot, language,
        tuple(text for key in keys or (kind,) for text in wordings_of(language, key, x=str(x), y=str(y))),
        partial(numbers.sum_answer, kind=kind, x=x, y=y, language=language),
        replies={"how": Reply(partial(numbers.how_answer, kind=kind, x=x, y=y, language=language), language)},
        combined=True, evidence=(str(numbers.result_of(kind, x, y)),),
    )  # fmt: skip


def _problem(kind: str, x: int, y: int, thing: str, language: Language) -> Subject:
    slot = f"{min(x, y)} {kind} {max(x, y)}" if kind != "minus" else f"{x} minus {y}"
    return Subject(
        "arithmetic", slot, language, wordings_of(language, f"problem_{kind}", x=str(x), y=str(y), t=thing),
        partial(numbers.problem_answer, kind=kind, x=x, y=y, thing=thing, language=language), combined=True,
        evidence=(str(numbers.result_of(kind, x, y)),),
    )  # fmt: skip


def _bigger(x: int, y: int, language: Language) -> Subject:
    return Subject(
        "arithmetic", f"{min(x, y)} or {max(x, y)}", language, wordings_of(language, "bigger", x=str(x), y=str(y)),
        partial(numbers.bigger_answer, x=x, y=y, language=language), combined=True, evidence=(str(max(x, y)),),
    )  # fmt: skip


def _count(x: int, y: int, language: Language) -> Subject:
    return Subject(
        "arithmetic", f"{x} to {y}", language, wordings_of(language, "count", x=str(x), y=str(y)),
        partial(numbers.count_answer, x=x, y=y, language=language), combined=True, evidence=(str(y),),
    )  # fmt: skip


def _names(things: Sequence[Translation], language: Language) -> list[str]:
    return [thing.en if language == "en" else thing.zh for thing in things]


def sums(language: Language) -> Iterable[Subject]:
    """Small numbers come more often: they are listed by every kind of question."""
    rng = Random(f"sums {language}")
    for x in range(1, LARGEST + 1):
        for y in range(1, min(x, 20) + 1):
            first, second = rng.sample((x, y), 2)
            yield sum_of("plus", first, second, language)
            if x > y:
                yield sum_of("minus", x, y, language)
                yield _bigger(first, second, language)
    for x in range(2, LARGEST_FACTOR + 1):
        for y in range(2, LARGEST_FACTOR + 1):
            yield from [sum_of("times", x, y, language)] * 3
    for start in range(1, 31):
        for length in range(2, 10):
            yield _count(start, start + length, language)
    counted = [thing for thing in load_translations().carried if thing.en.endswith("s")]
    if counted:
        yield from _problems(_names(counted, language), rng, language)


def _problems(things: Sequence[str], rng: Random, language: Language) -> Iterable[Subject]:
    for x in range(2, 21):
        for y in range(2, 11):
            yield _problem("plus", x, y, pick(rng, things), language)
            if x > y:
                yield _problem("minus", x, y, pick(rng, things), language)
            if x <= LARGEST_FACTOR:
                yield _problem("times", x, y, pick(rng, things), language)


def _list(items: Sequence[str], rng: Random, language: Language, weight: float) -> Subject:
    """Things of a sentence, to be written one to a line."""
    source = sentence_for(pick(rng, PROMPTS[language]["list_source"]), language, i=listing(items, language))
    return Subject(
        "rewrite", "list: " + " ".join(items), language, wordings_of(language, "as_list", x=source),
        partial(words.listed_answer, items=items, language=language), combined=True,
        evidence=tuple(items), weight=weight,
    )  # fmt: skip


def _lists(banks: Banks, things: Sequence[str]) -> Iterable[Subject]:
    """Three or four of a category, and two to five of all things."""
    language, rng = banks.language, Random("lists")
    for category in banks.categories:
        for _ in range(LISTS_PER_CATEGORY):
            items = rng.sample(category.items, min(len(category.items), rng.choice((3, 4))))
            yield _list(items, rng, language, 0.2)
    yield from _mixed_lists(things, rng, language)


def _mixed_lists(things: Sequence[str], rng: Random, language: Language) -> Iterable[Subject]:
    for _ in range(MIXED_LISTS if len(things) > MOST_REPEATED else 0):
        yield _list(rng.sample(things, rng.randint(2, 5)), rng, language, 0.05)


def _repeated(banks: Banks, things: Sequence[str]) -> Iterable[Subject]:
    """A sentence of the banks, or words that have nothing to do with one another, to be said again."""
    language, rng = banks.language, Random("repeated")
    facts = [fact for concept in banks.concepts for fact in concept.facts]
    for _ in range(REPEATED if len(things) > MOST_REPEATED else 0):
        series = (" " if language == "en" else "、").join(rng.sample(things, rng.randint(2, MOST_REPEATED)))
        said = pick(rng, facts) if facts and rng.random() < 0.4 else series
        yield Subject(
            "rewrite", f"repeat: {said}", language, wordings_of(language, "repeat", x=said),
            partial(words.repeated_answer, said=said, language=language), combined=True, evidence=(said,), weight=0.08,
        )  # fmt: skip


def _rewritten(entry: Rewrite, filler: str, language: Language, weight: float) -> Subject:
    source = sentence_for(entry.source, language, x=filler)
    targets = tuple(sentence_for(target, language, x=filler) for target in entry.targets)
    return Subject(
        "rewrite", f"{entry.kind}: {source}", language, wordings_of(language, entry.kind, x=source),
        partial(words.rewrite_answer, targets=targets, language=language), combined=True,
        evidence=targets, weight=weight,
    )  # fmt: skip


def rewrites(banks: Banks) -> Iterable[Subject]:
    """A sentence with one thing in it, in another tone or length; a list out of a sentence; the same once more."""
    language, known = banks.language, load_translations()
    things, carried = _names(known.things, language), _names(known.carried, language)
    for entry in banks.rewrites:
        for filler in entry.fillers:
            yield _rewritten(entry, filler, language, 1.0)
        for filler in sorted(set(carried) - set(entry.fillers)) if entry.takes else ():
            yield _rewritten(entry, filler, language, 0.2)
    yield from _lists(banks, things)
    yield from _repeated(banks, things)


def unfamiliar_rewrites(banks: Banks, things: Sequence[str]) -> Iterable[Subject]:
    """The same with things that no bank knows: they can only be copied."""
    rng = Random("unfamiliar")
    for entry in banks.rewrites:
        for thing in rng.sample(things, UNFAMILIAR) if entry.takes else ():
            yield _rewritten(entry, thing, banks.language, 0.1)
    yield from _mixed_lists(things, rng, banks.language)
    yield from _repeated(banks, things)


def translations(language: Language) -> Iterable[Subject]:
    """Words and phrases as they are; sentence patterns with every thing, held out as combinations."""
    known = load_translations()
    concepts = [(name, other.name) for (own, name), (_, other) in counterparts().items() if own == language]
    things, phrases = (
        [(entry.en, entry.zh) if language == "en" else (entry.zh, entry.en) for entry in entries]
        for entries in (known.things, known.phrases)
    )
    words_known = dict([*concepts, *things])  # a thing that is a concept too is asked once
    for key, entries in (("translate_word", words_known.items()), ("translate_sentence", phrases)):
        for source, target in entries:
            yield Subject(
                "translation", source, language, wordings_of(language, key, x=source),
                partial(words.translation_answer, source=source, target=target, language=language,
                        sentence=key == "translate_sentence"),
                evidence=(target,),
            )  # fmt: skip
    for pattern in known.patterns:
        for thing in known.things:
            english = sentence_for(pattern.en, "en", x=thing.en)
            chinese = sentence_for(pattern.zh, "zh", x=thing.zh)
            source, target = (english, chinese) if language == "en" else (chinese, english)
            yield Subject(
                "translation", source, language, wordings_of(language, "translate_sentence", x=source),
                partial(words.translation_answer, source=source, target=target, language=language, sentence=True),
                combined=True, evidence=(target,), weight=0.05,
            )  # fmt: skip
