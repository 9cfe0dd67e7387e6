"""Answers that help to do something: steps, advice, plans, opinions."""

from collections.abc import Sequence
from random import Random

from app.corpus.answers.answer import BUDGET, Body, bulleted, connected, fitting, shuffled
from app.corpus.banks import Advice, HowTo, Language, Opinion, Plan
from app.corpus.phrases import ANSWERS
from app.corpus.style import Manner
from app.corpus.wording import join, lowered, pick, said_back, sentence_for, size


def _spoken_steps(rng: Random, steps: Sequence[str], language: Language) -> list[str]:
    """Steps as prose: first, then, finally."""
    phrases = ANSWERS[language]
    spoken = [pick(rng, phrases["first"]) + lowered(steps[0])]
    for number, step in enumerate(steps[1:], start=1):
        last = number == len(steps) - 1
        word = pick(rng, phrases["last" if last else "then"]) if last or rng.random() < 0.6 else ""
        spoken.append(word + (lowered(step) if word else step))
    return spoken


def howto_body(rng: Random, manner: Manner, entry: HowTo, language: Language) -> Body:
    phrases = ANSWERS[language]
    steps = list(entry.steps)
    tip = entry.tip if manner.length == "long" or (manner.length == "medium" and rng.random() < 0.2) else ""
    if manner.listed:
        intro = sentence_for(pick(rng, phrases["steps_intro"]), language, x=said_back(entry.task, language))
        text = bulleted(intro, steps, ordered=True)
        return Body(f"{text}\n{tip}" if tip else text, listed=True)
    intro = sentence_for(pick(rng, phrases["steps_prose"]), language, x=said_back(entry.task, language)).strip()
    if manner.length == "short":
        told = steps if rng.random() < 0.5 else _spoken_steps(rng, steps, language)
        return Body(join([pick(rng, ("", "", intro)), *told], language))
    return Body(join([intro, *_spoken_steps(rng, steps, language), tip], language))


def advice_body(rng: Random, manner: Manner, entry: Advice, language: Language) -> Body:
    ideas = shuffled(rng, entry.suggestions)
    comfort = entry.comfort if manner.warm or rng.random() < 0.35 else ""
    budget = BUDGET[language][manner.length] - size(comfort, language)
    chosen = fitting(ideas, budget, language)
    if manner.listed and len(chosen) > 1:
        return Body(
            bulleted(join([comfort, pick(rng, ANSWERS[language]["advice_intro"])], language), chosen), listed=True
        )
    if rng.random() < 0.25 and comfort:
        return Body(join([*connected(rng, chosen, language, imperative=True), comfort], language))
    return Body(join([comfort, *chosen], language))


def plan_body(rng: Random, manner: Manner, entry: Plan, language: Language) -> Body:
    """Parts in order of time; a short plan drops the last ones."""
    parts = list(entry.parts) if manner.length != "short" else list(entry.parts[:3])
    tip = entry.tip if manner.length == "long" else ""
    intro = sentence_for(pick(rng, ANSWERS[language]["plan_intro"]), language, x=said_back(entry.goal, language))
    if manner.listed:
        text = bulleted(intro, parts)
        return Body(f"{text}\n{tip}" if tip else text, listed=True)
    return Body(join([intro if rng.random() < 0.75 else "", *parts, tip], language))


def opinion_body(rng: Random, manner: Manner, entry: Opinion, language: Language) -> Body:
    reasons = shuffled(rng, entry.reasons)
    kept = reasons[: {"short": 0, "medium": 1, "long": 2}[manner.length]]
    other = entry.other if manner.length == "long" or rng.random() < 0.3 else ""
    if manner.listed and len(kept) > 1:
        text = bulleted(join([entry.view, pick(rng, ANSWERS[language]["reasons_intro"])], language), kept)
        return Body(f"{text}\n{other}" if other else text, listed=True)
    return Body(join([entry.view, *kept, other], language))


def reasons_body(rng: Random, manner: Manner, entry: Opinion, language: Language) -> Body:
    """Why? The reasons alone."""
    reasons = shuffled(rng, entry.reasons)[: 3 if manner.length == "long" else 2]
    if manner.listed:
        return Body(bulleted(pick(rng, ANSWERS[language]["reasons_intro"]), reasons), listed=True)
    return Body(join(connected(rng, reasons, language), language))
