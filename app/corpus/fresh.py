"""Subjects at the edges that are made up for one pair and never come again: invented names, requests by a grammar, and
words to be copied. What comes again is learned by heart; what does not has to be read.
"""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from app.corpus.answers import advise, explain, words
from app.corpus.asking import TALK_SHARE, ask_for_task, ask_in, owned_up
from app.corpus.banks import Language, load_banks
from app.corpus.frames import task_asked, thing_told
from app.corpus.fresh_requests import harmless_subject, improper_subject
from app.corpus.inventing import invented_name
from app.corpus.phrases import PROMPTS
from app.corpus.subject import Answering, Subject, wordings_of
from app.corpus.subjects import subjects_by_topic
from app.corpus.wording import listing, pick, sentence_for, without_article

# Of the subjects of each topic at the edge, how many are fresh.
FRESH_SHARES: dict[str, float] = {
    "unknown": 0.8, "improper": 0.85, "harmless": 1.0, "familiar": 0.7, "unfamiliar": 0.6,
}  # fmt: skip
REAL_SHARE = 0.6  # of unknown names, those that a bank has
PLAIN_SHARE = 0.2  # of unknown things, those asked for as most people ask: "What is a yak?"


def _near_things(rng: Random, language: Language) -> tuple[str, ...]:
    return rng.choice([entry.near for entry in load_banks(language).unknown if entry.things])


def _thing(rng: Random, language: Language) -> tuple[str, tuple[str, ...]]:
    """The name of an unknown thing, invented or real, and what is offered in its place."""
    if rng.random() >= REAL_SHARE:
        return invented_name(rng, language), _near_things(rng, language)
    entries = [entry for entry in load_banks(language).unknown if entry.things]
    entry = rng.choices(entries, [len(entry.things) for entry in entries])[0]
    return pick(rng, entry.things), entry.near


def unknown_subject(rng: Random, language: Language) -> Subject:
    """An unknown thing; with another one; or something to be done with it."""
    (name, near), kind = _thing(rng, language), rng.random()
    if kind < 0.08:
        other = invented_name(rng, language)
        asked = ask_in(rng, language, "comparison", "edge_pair", x=name, y=other)
        both = PROMPTS[language]["edge_both"][0].format(x=name, y=other)
        return owned_up(rng, asked, both, near, "thing", language)
    if kind < 0.24:
        return _unknown_task(rng, name, language)
    if kind < 0.32:
        bare = without_article(name)
        return owned_up(rng, ask_in(rng, language, "definition", x=bare), bare, near, "thing", language)
    if rng.random() < PLAIN_SHARE:
        asked = pick(rng, wordings_of(language, "concept", x=name)[:2])
        return owned_up(rng, asked, name, near, "thing", language)
    if rng.random() < TALK_SHARE:
        asked, called = thing_told(rng, name, language)
        return owned_up(rng, asked, called, near, "thing", language)
    asked = ask_in(rng, language, "concept", "edge_told", "edge_thing", "edge_thing", x=name)
    return owned_up(rng, asked, name, near, "thing", language)


def _unknown_task(rng: Random, name: str, language: Language) -> Subject:
    """Something to be done with the thing, or a task of the banks."""
    entry = rng.choice([entry for entry in load_banks(language).unknown if entry.tasks])
    task = pick(rng, PROMPTS[language]["edge_act"]).format(x=name) if rng.random() < 0.6 else pick(rng, entry.tasks)
    return owned_up(rng, ask_for_task(rng, language, task), task, entry.near, "task", language)


def familiar_subject(rng: Random, language: Language) -> Subject:
    """What is known, in everyday talk: its answer is the one it always has."""
    banks, kind = load_banks(language), rng.random()
    if kind < 0.5:
        concept = rng.choice((*banks.concepts, *banks.everyday.concepts))
        asked, _ = thing_told(rng, concept.name, language)
        return Subject(
            "familiar", concept.name, language, (asked,),
            partial(explain.concept_answer, entry=concept, language=language),
            evidence=(concept.definition, *concept.facts),
        )  # fmt: skip
    if kind < 0.9:
        howto = rng.choice(banks.lookalikes if rng.random() < 0.5 else banks.howtos)
        return Subject(
            "familiar", howto.task, language, (task_asked(rng, howto.task, language),),
            partial(advise.howto_answer, entry=howto, language=language), evidence=(*howto.steps, howto.tip),
        )  # fmt: skip
    refusals = subjects_by_topic(language)["refusal"]
    place = rng.randrange(len(refusals))
    refusal, action = refusals[place], pick(rng, banks.refusals[place].actions)
    return Subject(
        "familiar", refusal.slot, language, (task_asked(rng, action, language),), refusal.answer,
        replies=refusal.replies, evidence=refusal.evidence,
    )  # fmt: skip


def copied_subject(rng: Random, language: Language) -> Subject:
    """Invented names to be listed, or said again."""
    names = [invented_name(rng, language) for _ in range(rng.randint(2, 5))]
    if rng.random() < 0.4:
        source = sentence_for(pick(rng, PROMPTS[language]["list_source"]), language, i=listing(names, language))
        answer = partial(words.listed_answer, items=names, language=language)
        return _copied(ask_in(rng, language, "as_list", x=source), answer, names, language)
    said = (" " if language == "en" else "、").join(names)
    answer = partial(words.repeated_answer, said=said, language=language)
    return _copied(ask_in(rng, language, "repeat", x=said), answer, [said], language)


def _copied(asked: str, answer: Answering, said: Sequence[str], language: Language) -> Subject:
    return Subject("rewrite", f"copy: {' '.join(said)}", language, (asked,), answer, evidence=tuple(said))


FRESH: dict[str, Callable[[Random, Language], Subject]] = {
    "unknown": unknown_subject, "improper": improper_subject, "harmless": harmless_subject,
    "familiar": familiar_subject, "unfamiliar": copied_subject,
}  # fmt: skip
