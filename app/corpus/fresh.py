"""Subjects at the edges that are made up for one pair and never come again: invented names, requests by a grammar, and
words to be copied. What comes again is learned by heart; what does not has to be read.
"""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from app.corpus.answers import edges, words
from app.corpus.banks import Language, load_banks
from app.corpus.entries import Improper
from app.corpus.inventing import invented_name
from app.corpus.phrases import PROMPTS
from app.corpus.requests import Request, load_requests, named
from app.corpus.subject import Answering, Reply, Subject
from app.corpus.wording import listing, pick, sentence_for, without_article

# Of the subjects of each topic at the edge, how many are fresh.
FRESH_SHARES: dict[str, float] = {"unknown": 0.7, "improper": 0.75, "harmless": 1.0, "unfamiliar": 0.6}
TASK_FRAMES = ("howto", "refusal", "edge_task")
ACT_SHARE = 0.55  # of the requests, tasks in a frame; the others are whole questions


def _asked(rng: Random, language: Language, *keys: str, **values: str) -> str:
    templates = [template for key in keys for template in PROMPTS[language][key]]
    return sentence_for(pick(rng, templates), language, **values)


def _near_things(rng: Random, language: Language) -> tuple[str, ...]:
    return rng.choice([entry.near for entry in load_banks(language).unknown if entry.things])


def _owned_up(asked: str, name: str, near: tuple[str, ...], form: str, language: Language, offer: str = "") -> Subject:
    answer = partial(edges.unknown_answer, name=name, near=near, form=form, language=language, offer=offer)
    return Subject("unknown", f"{form}: {name}", language, (asked,), answer, evidence=(name,))


def unknown_subject(rng: Random, language: Language) -> Subject:
    """An invented thing; with a known or another one; or something to be done with it."""
    name, kind = invented_name(rng, language), rng.random()
    if kind < 0.1:
        other = invented_name(rng, language)
        asked = _asked(rng, language, "comparison", "edge_pair", x=name, y=other)
        both = PROMPTS[language]["edge_both"][0].format(x=name, y=other)
        return _owned_up(asked, both, _near_things(rng, language), "thing", language)
    if kind < 0.25:
        task = pick(rng, PROMPTS[language]["edge_act"]).format(x=name)
        near = rng.choice([entry.near for entry in load_banks(language).unknown if entry.tasks])
        return _owned_up(_asked(rng, language, *TASK_FRAMES, x=task), task, near, "task", language)
    if kind < 0.35:
        bare = without_article(name)
        return _owned_up(
            _asked(rng, language, "definition", x=bare), bare, _near_things(rng, language), "thing", language
        )
    asked = _asked(rng, language, "concept", "edge_told", "edge_thing", "edge_thing", x=name)
    return _owned_up(asked, name, _near_things(rng, language), "thing", language)


def _one_of(rng: Random, requests: Sequence[Request]) -> Request:
    """Each as often as it has patterns."""
    return rng.choices(requests, [len(request.acts) + len(request.asked) for request in requests])[0]


def harmless_subject(rng: Random, language: Language) -> Subject:
    """A harsh word and nothing wrong."""
    requests = load_requests(language)
    request = _one_of(rng, requests.harmless)
    if rng.random() < ACT_SHARE:
        task = requests.written(rng, pick(rng, request.acts), language)
        return _owned_up(_asked(rng, language, *TASK_FRAMES, x=task), task, request.near, "task", language)
    asked = named(requests.written(rng, pick(rng, request.asked), language))
    text = sentence_for("{x}", language, x=asked.text)
    return _owned_up(text, asked.name, request.near, asked.form, language, offer="task")


def improper_subject(rng: Random, language: Language) -> Subject:
    requests = load_requests(language)
    request = _one_of(rng, requests.improper)
    entry = rng.choice([entry for entry in load_banks(language).improper if entry.kind == request.kind])
    if rng.random() < ACT_SHARE:
        task = requests.written(rng, pick(rng, request.acts), language)
        return _refused(_asked(rng, language, *TASK_FRAMES, x=task), entry, language)
    text = sentence_for("{x}", language, x=requests.written(rng, pick(rng, request.asked), language))
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


def copied_subject(rng: Random, language: Language) -> Subject:
    """Invented names to be listed, or said again."""
    names = [invented_name(rng, language) for _ in range(rng.randint(2, 5))]
    if rng.random() < 0.4:
        source = sentence_for(pick(rng, PROMPTS[language]["list_source"]), language, i=listing(names, language))
        answer = partial(words.listed_answer, items=names, language=language)
        return _copied(_asked(rng, language, "as_list", x=source), answer, names, language)
    said = (" " if language == "en" else "、").join(names)
    answer = partial(words.repeated_answer, said=said, language=language)
    return _copied(_asked(rng, language, "repeat", x=said), answer, [said], language)


def _copied(asked: str, answer: Answering, said: Sequence[str], language: Language) -> Subject:
    return Subject("rewrite", f"copy: {' '.join(said)}", language, (asked,), answer, evidence=tuple(said))


FRESH: dict[str, Callable[[Random, Language], Subject]] = {
    "unknown": unknown_subject, "improper": improper_subject, "harmless": harmless_subject,
    "unfamiliar": copied_subject,
}  # fmt: skip
