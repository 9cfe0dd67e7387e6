"""Answers that explain: concepts, categories, comparisons, what words mean."""

from random import Random

from app.corpus.answers.answer import BUDGET, Body, bulleted, connected, fitting, shuffled
from app.corpus.banks import Category, Comparison, Concept, Definition, Language
from app.corpus.phrases import ANSWERS
from app.corpus.style import Manner
from app.corpus.wording import capital, join, listing, pick, sentence_for, size


def concept_body(rng: Random, manner: Manner, entry: Concept, language: Language) -> Body:
    phrases = ANSWERS[language]
    lead = sentence_for(pick(rng, phrases["definition"]), language, x=entry.name, d=entry.definition)
    example = manner.example
    shown = pick(rng, ("", *phrases["example_lead"])) if example else ""
    extra = shown + entry.example if example else ""
    budget = BUDGET[language][manner.length] - size(extra, language) * (manner.length != "short")
    drawn = shuffled(rng, entry.facts)
    facts = fitting([lead, *drawn], budget, language)[1:]
    if manner.listed and manner.length != "short" and len(facts) < 2:
        facts = drawn[:2]  # one bullet is no list
    if manner.listed and len(facts) > 1:
        text = bulleted(join([lead, pick(rng, phrases["facts_intro"])], language), facts)
        return Body(f"{text}\n{extra}" if extra else text, listed=True, example=example)
    return Body(join([lead, *connected(rng, facts, language), extra], language), example=example)


def category_body(rng: Random, manner: Manner, entry: Category, language: Language) -> Body:
    phrases = ANSWERS[language]
    count = {"short": 3, "medium": 5, "long": len(entry.items)}[manner.length]
    items = shuffled(rng, entry.items)[: max(2, count - rng.randrange(2))]
    remark = entry.remark if manner.length == "long" or rng.random() < 0.3 else ""
    if manner.listed:
        intro = sentence_for(pick(rng, phrases["items_intro"]), language, x=entry.plural)
        text = bulleted(intro, [capital(item) for item in items])
        return Body(f"{text}\n{remark}" if remark else text, listed=True)
    template = pick(rng, phrases["items_prose"])
    return Body(join([sentence_for(template, language, x=entry.plural, i=listing(items, language)), remark], language))


def comparison_body(rng: Random, manner: Manner, entry: Comparison, language: Language) -> Body:
    both, intros = [entry.difference, entry.similarity], ANSWERS[language]["comparison_intro"]
    if manner.listed and manner.length != "short":
        return Body(bulleted(pick(rng, intros), both), listed=True)
    lead = pick(rng, ("", *intros))
    if manner.length == "short":
        return Body(join([lead, entry.difference], language))
    return Body(join([lead, *(both[::-1] if rng.random() < 0.35 else both)], language))


def definition_body(rng: Random, manner: Manner, entry: Definition, language: Language) -> Body:
    phrases = ANSWERS[language]
    said = sentence_for(pick(rng, phrases["meaning"]), language, x=entry.word, d=entry.meaning)
    if manner.length == "short" and not manner.example:
        return Body(said)
    shown = pick(rng, ("", *phrases["example_lead"]))
    return Body(join([said, shown + entry.sentence], language), example=True)
