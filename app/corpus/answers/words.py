"""Answers about words: opposites and their like, translations, rewritten sentences."""

from collections.abc import Sequence
from random import Random

from app.corpus.answers.answer import Body, bulleted
from app.corpus.banks import Language, WordPair
from app.corpus.phrases import ANSWERS
from app.corpus.style import Manner
from app.corpus.wording import bare, capital, join, pick, sentence_for

BARE_SHARE = 0.2  # of short answers: were all bare, four answers would often be one and the same


def _is_bare(rng: Random, manner: Manner) -> bool:
    """Is the answer given without a word around it?"""
    return manner.length == "short" and rng.random() < BARE_SHARE


def word_body(rng: Random, manner: Manner, entry: WordPair, language: Language) -> Body:
    phrases = ANSWERS[language]
    values = {"x": entry.word, "r": entry.answer}
    said = sentence_for(pick(rng, phrases[entry.kind]), language, **values)
    if manner.length == "short":
        return Body(bare(said) + ("." if language == "en" else "。"))
    more = sentence_for(pick(rng, phrases[f"{entry.kind}_more"]), language, **values)
    return Body(join([said, more], language))


def translation_body(
    rng: Random, manner: Manner, source: str, target: str, language: Language, *, sentence: bool
) -> Body:
    """`target` is the other language's word or, if `sentence`, its sentence."""
    key = "translated_sentence" if sentence else "translated_word"
    if _is_bare(rng, manner):
        return Body(capital(target))
    said = sentence_for(pick(rng, ANSWERS[language][key]), language, x=source, r=target)
    more = pick(rng, ANSWERS[language]["translated_more"]) if manner.length == "long" else ""
    return Body(join([said, more], language))


def rewrite_body(rng: Random, manner: Manner, targets: Sequence[str], language: Language) -> Body:
    """One rewriting, or at length two of them."""
    phrases = ANSWERS[language]
    first, *rest = rng.sample(list(targets), len(targets))
    if _is_bare(rng, manner):
        return Body(first)
    said = join([pick(rng, phrases["rewritten"]), first], language)
    if manner.length == "long" and rest:
        return Body(join([said, pick(rng, phrases["rewritten_or"]), rest[0]], language))
    return Body(said)


def repeated_body(rng: Random, manner: Manner, said: str, language: Language) -> Body:
    """What was said, word for word."""
    if _is_bare(rng, manner):
        return Body(said)
    return Body(join([pick(rng, ANSWERS[language]["repeated"]), said], language))


def listed_body(rng: Random, manner: Manner, items: Sequence[str], language: Language) -> Body:
    """Things from a sentence, one to a line."""
    intro = "" if _is_bare(rng, manner) else pick(rng, ANSWERS[language]["your_list"])
    return Body(bulleted(intro, [capital(item) for item in items]), listed=True)
