"""Answers about words: opposites and their like, translations, rewritten sentences."""

from collections.abc import Sequence
from random import Random

from app.corpus.answers.answer import Answer, bulleted
from app.corpus.banks import Language
from app.corpus.entries import WordPair
from app.corpus.phrases import ANSWERS
from app.corpus.style import Style
from app.corpus.wording import bare, capital, join, pick, sentence_for

BARE_SHARE = 0.2  # of short answers: were all bare, four answers would often be one and the same


def _is_bare(rng: Random, style: Style) -> bool:
    """Is the answer given without a word around it?"""
    return style.length == "short" and rng.random() < BARE_SHARE


def word_answer(rng: Random, style: Style, entry: WordPair, language: Language) -> Answer:
    phrases = ANSWERS[language]
    values = {"x": entry.word, "r": entry.answer}
    said = sentence_for(pick(rng, phrases[entry.kind]), language, **values)
    if style.length == "short":
        return Answer(bare(said) + ("." if language == "en" else "。"))
    more = sentence_for(pick(rng, phrases[f"{entry.kind}_more"]), language, **values)
    return Answer(join([said, more], language))


def translation_answer(
    rng: Random, style: Style, source: str, target: str, language: Language, *, sentence: bool
) -> Answer:
    """`target` is the other language's word or, if `sentence`, its sentence."""
    key = "translated_sentence" if sentence else "translated_word"
    if _is_bare(rng, style):
        return Answer(capital(target))
    said = sentence_for(pick(rng, ANSWERS[language][key]), language, x=source, r=target)
    more = pick(rng, ANSWERS[language]["translated_more"]) if style.length == "long" else ""
    return Answer(join([said, more], language))


def rewrite_answer(rng: Random, style: Style, targets: Sequence[str], language: Language) -> Answer:
    """One rewriting, or at length two of them."""
    phrases = ANSWERS[language]
    first, *rest = rng.sample(list(targets), len(targets))
    if _is_bare(rng, style):
        return Answer(first)
    said = join([pick(rng, phrases["rewritten"]), first], language)
    if style.length == "long" and rest:
        return Answer(join([said, pick(rng, phrases["rewritten_or"]), rest[0]], language))
    return Answer(said)


def repeated_answer(rng: Random, style: Style, said: str, language: Language) -> Answer:
    """What was said, word for word."""
    if _is_bare(rng, style):
        return Answer(said)
    return Answer(join([pick(rng, ANSWERS[language]["repeated"]), said], language))


def listed_answer(rng: Random, style: Style, items: Sequence[str], language: Language) -> Answer:
    """Things from a sentence, one to a line."""
    intro = "" if _is_bare(rng, style) else pick(rng, ANSWERS[language]["your_list"])
    return Answer(bulleted(intro, [capital(item) for item in items]), listed=True)
