"""Answers at the edge of the corpus: what was never learned is said to be so, by its name."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from app.corpus.answers.answer import Answer, bulleted
from app.corpus.answers.explain import concept_answer
from app.corpus.answers.speak import refusal_answer, refused_again_answer, refused_why_answer
from app.corpus.banks import Language
from app.corpus.entries import Concept, Improper, Refusal
from app.corpus.phrases import ANSWERS
from app.corpus.style import Style
from app.corpus.wording import capital, join, pick, said_back, sentence_for

PLAIN_SHARE = 0.5  # of the answers that own up, without manners around: there is more to learn in as many words


def unknown_answer(
    rng: Random, style: Style, name: str, near: Sequence[str], form: str, language: Language, offer: str = ""
) -> Answer:
    """That `name` was not learned, and one to three things near it that were. `form` is thing, task or group, `offer`
    the form of those near, if it is another one."""
    phrases, form_offered = ANSWERS[language], offer or form
    said = sentence_for(pick(rng, phrases[f"unknown_{form}"]), language, x=said_back(name, language))
    count = min(len(near), _offered(rng, style))
    start = rng.randrange(len(near) - count + 1)  # in the bank's order: then the next is never one named before
    offered = [said_back(one, language) for one in near[start : start + count]]
    more = pick(rng, phrases["unknown_more"]) if style.length == "long" else ""
    plain = rng.random() < PLAIN_SHARE
    if style.listed and len(offered) > 1:
        intro = pick(rng, phrases[f"offer_{form_offered}_list"])
        text = bulleted(join([said, intro], language), [capital(one) for one in offered])
        return Answer(f"{text}\n{more}" if more else text, plain=plain, listed=True)
    either = phrases["either"][0].join(offered)
    offering = sentence_for(pick(rng, phrases[f"offer_{form_offered}"]), language, n=either)
    return Answer(join([said, offering, more], language), plain=plain)


def unknown_again_answer(
    rng: Random, style: Style, name: str, near: Sequence[str], form: str, language: Language, offer: str = ""
) -> Answer:
    """Asked to guess: no guess, and what the first answer said."""
    said = unknown_answer(rng, style, name, near, form, language, offer)
    return replace(said, text=join([pick(rng, ANSWERS[language]["no_guess"]), said.text], language))


def _offered(rng: Random, style: Style) -> int:
    """How many things are offered."""
    if style.listed and style.length != "short":
        return rng.choice((2, 3))
    return 1 if style.length == "short" else rng.choice((1, 2))


def aside_answer(rng: Random, style: Style, entry: Concept, language: Language) -> Answer:
    """Of something known, what was asked about it (who, when, where from) was never told; what it is was."""
    told = concept_answer(rng, style, entry, language)
    lead = pick(rng, ANSWERS[language]["aside"])
    return Answer(join([lead, told.text], language), listed=told.listed, example=told.example)


def improper_answer(rng: Random, style: Style, entry: Improper, language: Language) -> Answer:
    return refusal_answer(rng, style, _refusal(rng, entry), language)


def improper_why_answer(rng: Random, style: Style, entry: Improper, language: Language) -> Answer:
    return refused_why_answer(rng, style, _refusal(rng, entry), language)


def improper_again_answer(rng: Random, style: Style, entry: Improper, language: Language) -> Answer:
    return refused_again_answer(rng, style, _refusal(rng, entry), language)


def _refusal(rng: Random, entry: Improper) -> Refusal:
    """One of the kind's reasons with one of its alternatives."""
    return Refusal(entry.actions, pick(rng, entry.reasons), pick(rng, entry.alternatives))
