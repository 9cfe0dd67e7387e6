"""What code can tell about an answer at the edge of the corpus: does it own up to what it never learned, refuse kindly,
and use real words? As checks.py: the banks are the measure, and no model is known here.
"""

import re
from functools import cache
from itertools import pairwise
from random import Random

from app.corpus.banks import LANGUAGES, Language, load_banks, load_translations
from app.corpus.capitals import texts_of
from app.corpus.checks import SENTENCE, holds, refuses, without_blanks
from app.corpus.edges import edges_by_topic
from app.corpus.everyday import known_categories, known_concepts
from app.corpus.phrases import ANSWERS, FOLLOWUPS, PROMPTS
from app.corpus.style import draw_style
from app.corpus.subjects import subjects_by_topic
from app.corpus.wording import normalized, said_back, without_article

WORD, HAN = re.compile(r"[a-z]+(?:['’][a-z]+)?"), re.compile("[\u4e00-\u9fff]+")
BESIDE_HAN = re.compile("(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[\u4e00-\u9fff])")
ANSWERS_READ = 12  # of each subject: which characters stand side by side


def owns_up(text: str, language: Language) -> bool:
    """Does it say that something was not learned?"""
    return any(sign in normalized(text) for sign in _signs(language))


def owns_up_to(text: str, name: str, language: Language) -> bool:
    """In one sentence with the subject's name? A Latin one may stand in Chinese without blanks."""
    bare = without_article(name)
    names = {bare, said_back(bare, language), f"{bare}s"}
    said = [BESIDE_HAN.sub(" ", one) for one in SENTENCE.findall(text) if owns_up(one, language)]
    return any(holds(one, wanted) for one in said for wanted in names)


@cache
def _signs(language: Language) -> tuple[str, ...]:
    return tuple(normalized(sign) for sign in ANSWERS[language]["unknown_signs"])


def offers(text: str, names: tuple[str, ...], language: Language) -> bool:
    """Does it name one of these? Your shoes are what the bank calls my shoes."""
    words, joined = f" {normalized(text)} ", without_blanks(text)
    return any(f" {name} " in words or (not name.isascii() and name in joined) for name in _plain(names, language))


@cache
def _plain(names: tuple[str, ...], language: Language) -> tuple[str, ...]:
    return tuple(normalized(said_back(without_article(name), language)) for name in names)


@cache
def known_names(language: Language) -> tuple[str, ...]:
    """Everything that an answer may offer."""
    banks = load_banks(language)
    tasks = [entry.task for entry in (*banks.howtos, *banks.lookalikes)]
    concepts, categories = known_concepts(language), known_categories(language)
    return (*(entry.name for entry in concepts), *tasks, *(entry.plural for entry in categories))


def refuses_kindly(text: str, language: Language) -> bool:
    """A refusal with a reason, something else to do, or a kind word."""
    flat = without_blanks(normalized(text))
    return refuses(text, language) and any(said in flat for said in _kindness(language))


@cache
def _kindness(language: Language) -> tuple[str, ...]:
    banks, phrases = load_banks(language), ANSWERS[language]
    own = [text for entry in banks.improper for text in (*entry.reasons, *entry.alternatives)]
    own += [text for entry in banks.refusals for text in (entry.reason, entry.alternative)]
    return tuple(without_blanks(normalized(said)) for said in (*own, *phrases["kind"]))


def broken_words(text: str, asked: str) -> list[str]:
    """Its words that no bank holds, nor the conversation before it. Chinese has no blanks: there it is a character that
    is no word by itself and in the corpus never stands beside either of its neighbours here."""
    heard = {form for word in WORD.findall(normalized(asked)) for form in _forms(word)}
    words = [
        word
        for word in WORD.findall(normalized(text))
        if not any(form in _words() or form in heard for form in _forms(word))
    ]
    alone = [here for run in HAN.findall(text) for here in _strangers(run, asked)]
    return [*words, *alone, *re.findall("\ufffd", text)]


def _forms(word: str) -> tuple[str, ...]:
    return word, word.removesuffix("s"), word.removesuffix("'s")


def _strangers(run: str, asked: str) -> list[str]:
    """Characters of a run that belong to neither neighbour, in the corpus or in what was asked."""
    joined = [side in _han_pairs() or side in asked for side in map("".join, pairwise(run))]
    beside = zip([False, *joined], [*joined, False], run, strict=True)
    return [here for before, after, here in beside if not (before or after or here in _single() or here in asked)]


def _pairs_in(text: str) -> set[str]:
    return {first + second for run in HAN.findall(text) for first, second in pairwise(run)}


def _sentences() -> list[str]:
    tables = [table[language] for table in (ANSWERS, PROMPTS, FOLLOWUPS) for language in LANGUAGES]
    banks = [load_banks(language) for language in LANGUAGES]
    texts = [text for table in tables for texts in table.values() for text in texts]
    return [*texts, *texts_of(tuple(banks)), *texts_of(load_translations())]


@cache
def _words() -> frozenset[str]:
    return frozenset(word for text in _sentences() for word in WORD.findall(normalized(text)))


@cache
def _single() -> frozenset[str]:
    """Characters that the corpus uses as words: those that stand by themselves somewhere."""
    return frozenset(run for text in _sentences() for run in HAN.findall(text) if len(run) == 1)


@cache
def _han_pairs() -> frozenset[str]:
    """Of the banks' sentences, and of answers that are made of them."""
    rng, pairs = Random("pairs of characters"), set[str]()
    for text in _sentences():
        pairs |= _pairs_in(text)
    for subjects in (*subjects_by_topic("zh").values(), *edges_by_topic("zh").values()):
        for subject in subjects:
            for _ in range(ANSWERS_READ if len(subjects) < 1_000 else 1):
                pairs |= _pairs_in(subject.answer(rng, draw_style(rng)).text)
    return frozenset(pairs)
