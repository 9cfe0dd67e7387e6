"""Answers that explain: concepts, categories, comparisons, what words mean."""

from random import Random

from app.corpus.answers.answer import BUDGET, Answer, bulleted, connected, fitting, in_turn, shuffled
from app.corpus.banks import Language
from app.corpus.entries import Category, Comparison, Concept, Definition
from app.corpus.phrases import ANSWERS
from app.corpus.style import Style
from app.corpus.wording import capital, join, listing, pick, sentence_for, size

NUMBERED_SHARE = 0.5


def concept_answer(rng: Random, style: Style, entry: Concept, language: Language) -> Answer:
    phrases = ANSWERS[language]
    lead = sentence_for(pick(rng, phrases["definition"]), language, x=entry.name, d=entry.definition)
    example = style.example
    shown = pick(rng, ("", *phrases["example_lead"])) if example else ""
    extra = shown + entry.example if example else ""
    budget = BUDGET[language][style.length] - size(extra, language) * (style.length != "short")
    drawn = shuffled(rng, entry.facts)
    facts = fitting([lead, *drawn], budget, language)[1:]
    if style.listed and style.length != "short" and len(facts) < 2:
        facts = drawn[:2]  # one bullet is no list
    facts = in_turn(facts, entry.facts)
    if style.listed and len(facts) > 1:
        text = bulleted(join([lead, pick(rng, phrases["facts_intro"])], language), facts)
        return Answer(f"{text}\n{extra}" if extra else text, listed=True, example=example)
    return Answer(join([lead, *connected(rng, facts, language), extra], language), example=example)


def category_answer(rng: Random, style: Style, entry: Category, language: Language) -> Answer:
    most = min(len(entry.items), {"short": 3, "medium": 5, "long": len(entry.items)}[style.length])
    return counted_answer(rng, style, entry, max(2, most - rng.randrange(2)), language)


def beginning_answer(rng: Random, style: Style, entry: Category, letter: str, language: Language) -> Answer:
    """Members that begin with a letter."""
    found = [item for item in entry.items if item.lower().startswith(letter.lower())]
    listed = listing(found[: 3 if style.length == "long" else 2], language)
    return Answer(sentence_for(pick(rng, ANSWERS[language]["items_letter"]), language, i=listed, l=letter.upper()))


def numbered_answer(rng: Random, style: Style, entry: Category, count: int, language: Language) -> Answer:
    """So many members as somebody asked for; each list is numbered, and half of what would be a sentence is such a
    list: a small model cannot count."""
    numbered = style.listed or rng.random() < NUMBERED_SHARE
    return counted_answer(rng, style, entry, count, language, numbered=numbered)


def counted_answer(
    rng: Random, style: Style, entry: Category, count: int, language: Language, *, numbered: bool = False
) -> Answer:
    """So many members, in lines or in one sentence."""
    phrases = ANSWERS[language]
    start = rng.randrange(len(entry.items) - count + 1)
    items = entry.items[start : start + count]  # always the same one follows: a small model then names none twice
    remark = entry.remark if style.length == "long" or rng.random() < 0.3 else ""
    if count == 1:
        return Answer(join([sentence_for(phrases["items_one"][0], language, i=items[0]), remark], language))
    if style.listed or numbered:
        intro = sentence_for(pick(rng, phrases["items_intro"]), language, x=entry.plural)
        text = bulleted(intro, [capital(item) for item in items], ordered=numbered)
        return Answer(f"{text}\n{remark}" if remark else text, listed=True)
    template = pick(rng, phrases["items_prose"])
    return Answer(
        join([sentence_for(template, language, x=entry.plural, i=listing(items, language)), remark], language)
    )


def comparison_answer(rng: Random, style: Style, entry: Comparison, language: Language) -> Answer:
    both, intros = [entry.difference, entry.similarity], ANSWERS[language]["comparison_intro"]
    if style.listed and style.length != "short":
        return Answer(bulleted(pick(rng, intros), both), listed=True)
    lead = pick(rng, ("", *intros))
    if style.length == "short":
        return Answer(join([lead, entry.difference], language))
    return Answer(join([lead, *(both[::-1] if rng.random() < 0.35 else both)], language))


def definition_answer(rng: Random, style: Style, entry: Definition, language: Language) -> Answer:
    phrases = ANSWERS[language]
    said = sentence_for(pick(rng, phrases["meaning"]), language, x=entry.word, d=entry.meaning)
    if style.length == "short" and not style.example:
        return Answer(said)
    shown = pick(rng, ("", *phrases["example_lead"]))
    return Answer(join([said, shown + entry.sentence], language), example=True)
