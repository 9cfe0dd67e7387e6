"""Answers that help to do something: steps, advice, plans, opinions."""

from collections.abc import Sequence
from random import Random

from app.corpus.answers.answer import BUDGET, Answer, bulleted, connected, fitting, in_turn, shuffled
from app.corpus.banks import Language
from app.corpus.entries import Advice, HowTo, Opinion, Plan
from app.corpus.phrases import ANSWERS
from app.corpus.style import Style
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


def howto_answer(rng: Random, style: Style, entry: HowTo, language: Language) -> Answer:
    phrases = ANSWERS[language]
    steps = list(entry.steps)
    tip = entry.tip if style.length == "long" or (style.length == "medium" and rng.random() < 0.2) else ""
    if style.listed:
        intro = sentence_for(pick(rng, phrases["steps_intro"]), language, x=said_back(entry.task, language))
        text = bulleted(intro, steps, ordered=True)
        return Answer(f"{text}\n{tip}" if tip else text, listed=True)
    intro = sentence_for(pick(rng, phrases["steps_prose"]), language, x=said_back(entry.task, language)).strip()
    if style.length == "short":
        told = steps if rng.random() < 0.5 else _spoken_steps(rng, steps, language)
        return Answer(join([pick(rng, ("", "", intro)), *told], language))
    return Answer(join([intro, *_spoken_steps(rng, steps, language), tip], language))


def advice_answer(rng: Random, style: Style, entry: Advice, language: Language) -> Answer:
    ideas = shuffled(rng, entry.suggestions)
    comfort = entry.comfort if style.warm or rng.random() < 0.35 else ""
    budget = BUDGET[language][style.length] - size(comfort, language)
    chosen = in_turn(fitting(ideas, budget, language), entry.suggestions)
    if style.listed and len(chosen) > 1:
        return Answer(
            bulleted(join([comfort, pick(rng, ANSWERS[language]["advice_intro"])], language), chosen), listed=True
        )
    if rng.random() < 0.25 and comfort:
        return Answer(join([*connected(rng, chosen, language, imperative=True), comfort], language))
    return Answer(join([comfort, *chosen], language))


def plan_answer(rng: Random, style: Style, entry: Plan, language: Language) -> Answer:
    """Parts in order of time; a short plan drops the last ones."""
    parts = list(entry.parts) if style.length != "short" else list(entry.parts[:3])
    tip = entry.tip if style.length == "long" else ""
    intro = sentence_for(pick(rng, ANSWERS[language]["plan_intro"]), language, x=said_back(entry.goal, language))
    if style.listed:
        text = bulleted(intro, parts)
        return Answer(f"{text}\n{tip}" if tip else text, listed=True)
    return Answer(join([intro if rng.random() < 0.75 else "", *parts, tip], language))


def opinion_answer(rng: Random, style: Style, entry: Opinion, language: Language) -> Answer:
    drawn = shuffled(rng, entry.reasons)[: {"short": 0, "medium": 1, "long": 2}[style.length]]
    kept = in_turn(drawn, entry.reasons)
    other = entry.other if style.length == "long" or rng.random() < 0.3 else ""
    if style.listed and len(kept) > 1:
        text = bulleted(join([entry.view, pick(rng, ANSWERS[language]["reasons_intro"])], language), kept)
        return Answer(f"{text}\n{other}" if other else text, listed=True)
    return Answer(join([entry.view, *kept, other], language))


def reasons_answer(rng: Random, style: Style, entry: Opinion, language: Language) -> Answer:
    """Why? The reasons alone."""
    reasons = in_turn(shuffled(rng, entry.reasons)[: 3 if style.length == "long" else 2], entry.reasons)
    if style.listed:
        return Answer(bulleted(pick(rng, ANSWERS[language]["reasons_intro"]), reasons), listed=True)
    return Answer(join(connected(rng, reasons, language), language))
