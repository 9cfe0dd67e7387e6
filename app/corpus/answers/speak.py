"""Answers in talk: small talk, refusals, messages to send."""

from random import Random

from app.corpus.answers.answer import Body
from app.corpus.banks import Exchange, Language, Letter, Refusal
from app.corpus.phrases import ANSWERS
from app.corpus.style import Manner
from app.corpus.wording import join, pick, size


def refusal_body(rng: Random, manner: Manner, entry: Refusal, language: Language) -> Body:
    """No, why not, and what instead; a short one leaves out one of the three."""
    phrases = ANSWERS[language]
    sorry = pick(rng, phrases["no"])
    kind = pick(rng, phrases["kind"]) if manner.warm else ""
    offer = pick(rng, phrases["offer"]) if manner.length == "long" or rng.random() < 0.6 else ""
    if manner.length == "short":
        said = [sorry, kind, entry.reason] if rng.random() < 0.5 else [kind, entry.reason, entry.alternative, offer]
        return Body(join(said, language), plain=True)
    return Body(join([sorry, kind, entry.reason, entry.alternative, offer], language), plain=True)


def refused_why_body(rng: Random, manner: Manner, entry: Refusal, language: Language) -> Body:
    """Why not?"""
    why = pick(rng, ANSWERS[language]["why_not"])
    return Body(join([why, entry.alternative if manner.length != "short" else ""], language), plain=True)


def refused_again_body(rng: Random, manner: Manner, entry: Refusal, language: Language) -> Body:
    """Asked once more, it stays a no."""
    still = pick(rng, ANSWERS[language]["still_no"])
    return Body(join([still, entry.reason if manner.length == "long" else "", entry.alternative], language), plain=True)


def letter_body(rng: Random, manner: Manner, entry: Letter, language: Language) -> Body:
    phrases = ANSWERS[language]
    lines = list(entry.lines)
    kept = {"short": lines[:2], "medium": lines[:3], "long": lines}[manner.length]
    bye = pick(rng, phrases["letter_bye"]) if manner.length == "long" or rng.random() < 0.5 else ""
    hello, intro = pick(rng, phrases["letter_hello"]), pick(rng, ("", *phrases["letter_intro"]))
    if manner.listed:
        return Body("\n".join(part for part in (intro, hello, join(kept, language), bye) if part), plain=True)
    return Body(join([intro, hello, *kept, bye], language), plain=True)


def chat_body(rng: Random, manner: Manner, entry: Exchange, language: Language) -> Body:
    """One of the answers, the longer the length; half of them go on with an invitation to talk."""
    ordered = sorted(entry.answers, key=lambda answer: size(answer, language))
    place = {"short": 0, "medium": 1, "long": 2}[manner.length] * len(ordered) // 3
    said = pick(rng, ordered[place : place + 2])
    more = pick(rng, ANSWERS[language]["invite"]) if rng.random() < 0.7 and not said.endswith(("?", "？")) else ""
    return Body(join([said, more], language))
