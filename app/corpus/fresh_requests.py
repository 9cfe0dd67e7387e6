"""Requests made up for one pair by the grammar (requests.py): improper ones that are refused, harmless ones with the
same harsh words that are owned up to as never learned.

A word that is said oftener on one side would tell by itself what to answer; so texts of the side that says it oftener
are left out at random, until both say it equally often.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from random import Random

from app.corpus.answers import edges
from app.corpus.asking import ask_for_task, owned_up
from app.corpus.banks import Language, load_banks
from app.corpus.entries import Improper
from app.corpus.requests import Request, load_requests, named
from app.corpus.subject import Reply, Subject
from app.corpus.wording import normalized, pick, sentence_for

ACT_SHARE = 0.6  # of the requests, tasks in a frame; the others are whole questions
COUNTED = 2_000  # requests of each side, by which words are weighed
LEAST_SAID = 10  # of them: what is rarer is not weighed
LEAST_KEPT = 0.12  # of the texts with a word that the other side hardly says


def harmless_subject(rng: Random, language: Language) -> Subject:
    """A harsh word and nothing wrong."""
    return _even(rng, _harmless, _improper, language)


def improper_subject(rng: Random, language: Language) -> Subject:
    return _even(rng, _improper, _harmless, language)


Draw = Callable[[Random, Language], Subject]


def _even(rng: Random, draw: Draw, other: Draw, language: Language) -> Subject:
    while True:
        subject = draw(rng, language)
        ours, theirs = _said(draw, language), _said(other, language)
        words = harsh_words(subject.wordings[0], language)
        kept = [theirs[word] / ours[word] for word in words if ours[word] + theirs[word] >= LEAST_SAID and ours[word]]
        if rng.random() < max(LEAST_KEPT, min([1.0, *kept])):
            return subject


@cache
def _said(draw: Draw, language: Language) -> Counter[str]:
    """In how many of a thousand or two texts each harsh word is said."""
    rng = Random(f"said {language}")
    return Counter(word for _ in range(COUNTED) for word in harsh_words(draw(rng, language).wordings[0], language))


def harsh_words(text: str, language: Language) -> list[str]:
    """Those that the text says, English ones in any of their forms."""
    plain = normalized(text)
    if language == "zh":
        return [word for word in load_requests(language).harsh if word in plain]
    said = {form for word in plain.split() for form in (word, word.removesuffix("s"), word.removesuffix("ed"),
                                                        word.removesuffix("ing"))}  # fmt: skip
    return [word for word in load_requests(language).harsh if word in said]


def _one_of(rng: Random, requests: Sequence[Request]) -> Request:
    """Each as often as it has patterns."""
    return rng.choices(requests, [len(request.acts) + len(request.asked) for request in requests])[0]


def _harmless(rng: Random, language: Language) -> Subject:
    """A harsh word and nothing wrong."""
    requests = load_requests(language)
    request = _one_of(rng, requests.harmless)
    if rng.random() < ACT_SHARE:
        task = requests.grammar.written(rng, pick(rng, request.acts))
        return owned_up(ask_for_task(rng, language, task), task, request.near, "task", language)
    asked = named(requests.grammar.written(rng, pick(rng, request.asked)))
    text = sentence_for("{x}", language, x=asked.text) if rng.random() < 0.5 else asked.text
    return owned_up(text, asked.name, request.near, asked.form, language, offer="task")


def _improper(rng: Random, language: Language) -> Subject:
    requests = load_requests(language)
    request = _one_of(rng, requests.improper)
    entry = rng.choice([entry for entry in load_banks(language).improper if entry.kind == request.kind])
    if rng.random() < ACT_SHARE:
        task = requests.grammar.written(rng, pick(rng, request.acts))
        return _refused(ask_for_task(rng, language, task), entry, language)
    text = sentence_for("{x}", language, x=requests.grammar.written(rng, pick(rng, request.asked)))
    return _refused(text, entry, language)


def _refused(asked: str, entry: Improper, language: Language) -> Subject:
    replies = {
        "why": Reply(partial(edges.improper_why_answer, entry=entry, language=language), language),
        "insist": Reply(partial(edges.improper_again_answer, entry=entry, language=language), language),
    }
    answer = partial(edges.improper_answer, entry=entry, language=language)
    return Subject(
        "improper", entry.kind, language, (asked,), answer, replies=replies,
        evidence=(*entry.reasons, *entry.alternatives),
    )  # fmt: skip
