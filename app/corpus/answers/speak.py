"""Answers in talk: small talk, refusals, messages to send."""

from random import Random

from app.corpus.answers.answer import Answer
from app.corpus.banks import Language
from app.corpus.entries import Exchange, Letter, Refusal
from app.corpus.phrases import ANSWERS
from app.corpus.style import Style
from app.corpus.wording import join, pick, size

HEARD_SHARE = 0.45


def refusal_answer(rng: Random, style: Style, entry: Refusal, language: Language) -> Answer:
    """No, why not, and what instead; a short one leaves out one of the three."""
    phrases = ANSWERS[language]
    sorry = pick(rng, phrases["no"])
    kind = pick(rng, phrases["kind"]) if style.warm else ""
    offer = pick(rng, phrases["offer"]) if style.length == "long" or rng.random() < 0.6 else ""
    if style.length == "short":
        said = [sorry, kind, entry.reason] if rng.random() < 0.5 else [kind, entry.reason, entry.alternative, offer]
        return Answer(join(said, language), plain=True)
    return Answer(join([sorry, kind, entry.reason, entry.alternative, offer], language), plain=True)


def refused_why_answer(rng: Random, style: Style, entry: Refusal, language: Language) -> Answer:
    """Why not?"""
    phrases = ANSWERS[language]
    kind = pick(rng, phrases["kind"]) if style.warm else ""
    instead = entry.alternative if style.length != "short" else ""
    return Answer(join([kind, pick(rng, phrases["why_not"]), instead], language), plain=True)


def refused_again_answer(rng: Random, style: Style, entry: Refusal, language: Language) -> Answer:
    """Asked once more, it stays a no."""
    phrases = ANSWERS[language]
    kind = pick(rng, phrases["kind"]) if style.warm else ""
    reason = entry.reason if style.length == "long" else ""
    return Answer(join([pick(rng, phrases["still_no"]), kind, reason, entry.alternative], language), plain=True)


def letter_answer(rng: Random, style: Style, entry: Letter, language: Language) -> Answer:
    phrases = ANSWERS[language]
    lines = list(entry.lines)
    kept = {"short": lines[:2], "medium": lines[:3], "long": lines}[style.length]
    bye = pick(rng, phrases["letter_bye"]) if style.length == "long" or rng.random() < 0.5 else ""
    hello, intro = pick(rng, phrases["letter_hello"]), pick(rng, ("", *phrases["letter_intro"]))
    if style.listed:
        return Answer("\n".join(part for part in (intro, hello, join(kept, language), bye) if part), plain=True)
    return Answer(join([intro, hello, *kept, bye], language), plain=True)


def _of_length(rng: Random, style: Style, entry: Exchange, language: Language) -> str:
    ordered = sorted(entry.answers, key=lambda answer: size(answer, language))
    place = {"short": 0, "medium": 1, "long": 2}[style.length] * len(ordered) // 3
    return pick(rng, ordered[place : place + 2])


def told_answer(rng: Random, style: Style, entry: Exchange, language: Language) -> Answer:
    """One of the answers as it is, the longer the length."""
    return Answer(_of_length(rng, style, entry, language))


def statement_answer(rng: Random, style: Style, entry: Exchange, language: Language) -> Answer:
    """As `told_answer`, and around it at most that it was heard: who tells that a dog died wants no joke, and nothing
    was asked."""
    phrases, said = ANSWERS[language], _of_length(rng, style, entry, language)
    before = pick(rng, phrases["heard"]) if rng.random() < HEARD_SHARE else ""
    after = pick(rng, phrases["listening"]) if rng.random() < HEARD_SHARE else ""
    return Answer(join([before, said, after], language), plain=True)


def chat_answer(rng: Random, style: Style, entry: Exchange, language: Language) -> Answer:
    """As `told_answer`; half of them go on with an invitation to talk."""
    said = _of_length(rng, style, entry, language)
    more = pick(rng, ANSWERS[language]["invite"]) if rng.random() < 0.7 and not said.endswith(("?", "？")) else ""
    return Answer(join([said, more], language))
