"""Requests made up for one pair by the grammar (requests.py): improper ones that are refused, harmless ones with the
same harsh words that are owned up to as never learned.

A word that is said oftener on one side would tell by itself what to answer; so texts of the side that says it oftener
are left out at random, until both say it equally often.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import permutations
from random import Random

from app.corpus.answers import edges
from app.corpus.asking import ask_for_task, known_tasks, owned_up
from app.corpus.banks import Language, load_banks
from app.corpus.edge_leaks import gist
from app.corpus.entries import Improper
from app.corpus.requests import Named, Request, load_requests, named
from app.corpus.subject import Reply, Subject
from app.corpus.wording import normalized, pick, sentence_for

ACT_SHARE = 0.6  # of the requests, tasks in a frame; the others are whole questions
COUNTED = 2_500  # requests of each side, by which words are weighed
LEAST_SAID = 0.005  # of the texts of both sides: what is rarer is not weighed
ROUNDS = 20
LEAST_KEPT = 0.08  # of the texts with a word that the other side hardly says


def harmless_subject(rng: Random, language: Language) -> Subject:
    """A harsh word and nothing wrong."""
    return _even(rng, _harmless, _improper, language)


def improper_subject(rng: Random, language: Language) -> Subject:
    return _even(rng, _improper, _harmless, language)


Draw = Callable[[Random, Language], Subject]


def _even(rng: Random, draw: Draw, other: Draw, language: Language) -> Subject:
    weights = _weights(frozenset((draw, other)), language)[draw]
    while True:
        subject = draw(rng, language)
        if rng.random() < _kept(harsh_words(subject.wordings[0], language), weights):
            return subject


def _kept(words: Sequence[str], weights: Mapping[str, float]) -> float:
    """How likely a text with these words is kept."""
    return min((weights[word] for word in words), default=1.0)


@cache
def _weights(sides: frozenset[Draw], language: Language) -> dict[Draw, dict[str, float]]:
    """Of each side and word, so that what is kept of both says it equally often; found by rounds of weighing, since one
    word's weight changes how often the others are said."""
    rng = Random(f"said {language}")
    texts = {
        draw: [harsh_words(draw(rng, language).wordings[0], language) for _ in range(COUNTED)]
        for draw in sorted(sides, key=lambda draw: draw.__name__)
    }
    weights = {draw: dict.fromkeys(load_requests(language).harsh, 1.0) for draw in texts}
    for _ in range(ROUNDS):
        said = {draw: _said(each, weights[draw]) for draw, each in texts.items()}
        for one, other in permutations(texts):
            for word, share in said[one].items():
                if said[other][word] + share >= LEAST_SAID:
                    weights[one][word] *= said[other][word] / share
                    weights[one][word] = min(1.0, max(LEAST_KEPT, weights[one][word]))
    return weights


def _said(texts: Sequence[Sequence[str]], weights: Mapping[str, float]) -> Counter[str]:
    """In what share of the texts that are kept each word is said."""
    said, kept = Counter[str](), 0.0
    for words in texts:
        share = _kept(words, weights)
        kept += share
        said.update(dict.fromkeys(words, share))
    return Counter({word: count / kept for word, count in said.items()})


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
    """A harsh word and nothing wrong; no task that the banks tell the steps of."""
    requests = load_requests(language)
    while True:
        request = _one_of(rng, requests.harmless)
        is_act = rng.random() < ACT_SHARE
        written = requests.grammar.written(rng, pick(rng, request.acts if is_act else request.asked))
        asked = Named(written, written, "task") if is_act else named(written)
        if gist(asked.name) not in known_tasks(language):
            break
    if is_act:
        return owned_up(rng, ask_for_task(rng, language, written), written, request.near, "task", language)
    return owned_up(
        rng, _typed(rng, asked.text, language), asked.name, request.near, asked.form, language, offer="task"
    )


def _typed(rng: Random, asked: str, language: Language) -> str:
    """Half of both sides begin with a capital."""
    return sentence_for("{x}", language, x=asked) if rng.random() < 0.5 else asked


def _improper(rng: Random, language: Language) -> Subject:
    requests = load_requests(language)
    request = _one_of(rng, requests.improper)
    entry = rng.choice([entry for entry in load_banks(language).improper if entry.kind == request.kind])
    if rng.random() < ACT_SHARE:
        task = requests.grammar.written(rng, pick(rng, request.acts))
        return _refused(ask_for_task(rng, language, task), entry, language)
    asked = requests.grammar.written(rng, pick(rng, request.asked))
    return _refused(_typed(rng, asked, language), entry, language)


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
