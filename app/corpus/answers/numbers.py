"""Answers with numbers: sums, counting, small stories about apples."""

from random import Random

from app.corpus.answers.answer import Answer
from app.corpus.banks import Language
from app.corpus.phrases import ANSWERS
from app.corpus.style import Style
from app.corpus.wording import join, pick, sentence_for


def result_of(kind: str, x: int, y: int) -> int:
    """ "plus", "minus" or "times"."""
    return {"plus": x + y, "minus": x - y, "times": x * y}[kind]


def sum_answer(rng: Random, style: Style, kind: str, x: int, y: int, language: Language) -> Answer:
    phrases = ANSWERS[language]
    values = {"x": str(x), "y": str(y), "r": str(result_of(kind, x, y))}
    said = sentence_for(pick(rng, phrases[kind]), language, **values)
    how = sentence_for(pick(rng, phrases[f"{kind}_how"]), language, **values)
    check = pick(rng, phrases["check"])
    parts = {"short": [said], "medium": [said, how], "long": [said, how, check]}[style.length]
    return Answer(join(parts, language))


def how_answer(rng: Random, style: Style, kind: str, x: int, y: int, language: Language) -> Answer:
    """How do you know?"""
    values = {"x": str(x), "y": str(y), "r": str(result_of(kind, x, y))}
    how = sentence_for(pick(rng, ANSWERS[language][f"{kind}_how"]), language, **values)
    return Answer(join([how, pick(rng, ANSWERS[language]["check"]) if style.length == "long" else ""], language))


def problem_answer(rng: Random, style: Style, kind: str, x: int, y: int, thing: str, language: Language) -> Answer:
    """The answer to a small story about `thing`."""
    values = {"x": str(x), "y": str(y), "r": str(result_of(kind, x, y)), "t": thing}
    said = sentence_for(pick(rng, ANSWERS[language]["problem"]), language, **values)
    sign = {"plus": "+", "minus": "-", "times": "×"}[kind]
    shown = f"{x} {sign} {y} = {values['r']}"
    if style.length == "short":
        return Answer(said)
    return Answer(join([said, sentence_for(pick(rng, ANSWERS[language]["problem_how"]), language, e=shown)], language))


def count_answer(rng: Random, style: Style, x: int, y: int, language: Language) -> Answer:
    numbers = [str(number) for number in range(x, y + 1)]
    more = pick(rng, ANSWERS[language]["count_more"]).format(n=len(numbers)) if style.length != "short" else ""
    if style.listed and len(numbers) <= 8:
        return Answer("\n".join([*(f"- {number}" for number in numbers), *([more] if more else [])]), listed=True)
    said = pick(rng, ANSWERS[language]["count"]).format(i=("、" if language == "zh" else ", ").join(numbers))
    return Answer(join([said, more], language))


def bigger_answer(rng: Random, style: Style, x: int, y: int, language: Language) -> Answer:
    values = {"r": str(max(x, y)), "s": str(min(x, y)), "d": str(abs(x - y))}
    said = sentence_for(pick(rng, ANSWERS[language]["bigger"]), language, **values)
    how = sentence_for(pick(rng, ANSWERS[language]["bigger_how"]), language, **values)
    return Answer(said if style.length == "short" else join([said, how], language))
