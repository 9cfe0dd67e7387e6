"""The edges of the corpus: subjects that no bank holds, improper requests in many words, and the like of both that is
known.

Only fine-tuning draws them (drawing.py): the shipped prompts never ask for what the model cannot answer. All wordings
of the known topics ask for the unknown too, and the other way round, so that the wording alone tells nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from random import Random

from app.corpus.answers import advise, edges, explain
from app.corpus.banks import Banks, Language, load_banks
from app.corpus.combinations import unfamiliar_rewrites
from app.corpus.entries import Unknown
from app.corpus.inventing import sounding
from app.corpus.phrases import PROMPTS
from app.corpus.subject import Reply, Subject, wordings_of
from app.corpus.subjects import subjects_by_topic
from app.corpus.wording import pick, without_article

MADE_UP = 10  # names that each pattern is filled with; most come from app.corpus.fresh
# How often each form of the unknown is asked for.
FORM_SHARES = {"thing": 0.33, "pair": 0.08, "made-up": 0.27, "task": 0.3, "group": 0.02}


def spelled_out(acts: Sequence[str], language: Language) -> list[str]:
    """ "kill | weeds | time" are two tasks: kill weeds, kill time."""
    blank = " " if language == "en" else ""
    parted = [[part.strip() for part in act.split("|")] for act in acts]
    return [f"{verb}{blank}{taken}" for verb, *objects in parted for taken in objects]


def tasks_of(entry: Unknown, language: Language) -> list[str]:
    return [*entry.tasks, *spelled_out(entry.acts, language)]


def _made_up(entry: Unknown, language: Language) -> list[str]:
    rng = Random(f"made up {language} {entry.kind}")
    many = MADE_UP * (3 if len(entry.things) < 10 else 1)
    return [
        pattern.format(n=sounding(rng, language), m=sounding(rng, language))
        for pattern in entry.patterns
        for _ in range(many)
    ]


def _unknown(name: str, wordings: Iterable[str], near: Sequence[str], form: str, language: Language) -> Subject:
    return Subject(
        "unknown", f"{form}: {name}", language, tuple(wordings),
        partial(edges.unknown_answer, name=name, near=tuple(near), form=form, language=language), evidence=(name,),
    )  # fmt: skip


def _thing(name: str, near: Sequence[str], language: Language) -> Subject:
    asked = [text for key in ("concept", "edge_thing", "edge_told") for text in wordings_of(language, key, x=name)]
    meant = wordings_of(language, "definition", x=without_article(name))
    return _unknown(name, [*asked, *meant], near, "thing", language)


def _pair(rng: Random, name: str, entry: Unknown, language: Language) -> Subject:
    """Asked for with something known, or with another unknown thing."""
    other = pick(rng, entry.near if rng.random() < 0.6 or len(entry.things) < 2 else entry.things)
    first, second = rng.sample((name, other), 2)
    asked = [text for key in ("comparison", "edge_pair") for text in wordings_of(language, key, x=first, y=second)]
    if other in entry.near:
        return _unknown(name, asked, (other,), "thing", language)
    both = PROMPTS[language]["edge_both"][0].format(x=first, y=second)
    return _unknown(both, asked, entry.near, "thing", language)


def _task(name: str, near: Sequence[str], language: Language) -> Subject:
    keys = ("howto", "lookalike", "edge_task")
    return _unknown(name, [text for key in keys for text in wordings_of(language, key, x=name)], near, "task", language)


def _unknown_by_form(banks: Banks) -> dict[str, list[Subject]]:
    language, rng = banks.language, Random(f"pairs {banks.language}")
    by_form: dict[str, list[Subject]] = {form: [] for form in FORM_SHARES}
    for entry in banks.unknown:
        by_form["thing"] += [_thing(name, entry.near, language) for name in entry.things]
        by_form["pair"] += [_pair(rng, name, entry, language) for name in entry.things]
        by_form["made-up"] += [_thing(name, entry.near, language) for name in _made_up(entry, language)]
        by_form["task"] += [_task(name, entry.near, language) for name in tasks_of(entry, language)]
        by_form["group"] += [
            _unknown(name, wordings_of(language, "category", x=name), entry.near, "group", language)
            for name in entry.groups
        ]
    return by_form


def _weighted(by_form: dict[str, list[Subject]]) -> Iterator[Subject]:
    """Each form by its share, whatever the number of its subjects."""
    for form, subjects in by_form.items():
        for subject in subjects:
            yield replace(subject, weight=FORM_SHARES[form] / len(subjects))


def _improper(banks: Banks) -> Iterator[Subject]:
    language = banks.language
    for entry in banks.improper:
        replies = {
            kind: Reply(partial(answer, entry=entry, language=language), language)
            for kind, answer in (("why", edges.improper_why_answer), ("insist", edges.improper_again_answer))
        }
        subject = Subject(
            "improper", entry.kind, language, (), partial(edges.improper_answer, entry=entry, language=language),
            replies=replies, evidence=(*entry.reasons, *entry.alternatives),
        )  # fmt: skip
        for action in [*entry.actions, *spelled_out(entry.acts, language)]:
            asked = [text for key in ("refusal", "edge_task") for text in wordings_of(language, key, x=action)]
            yield replace(subject, slot=action, wordings=tuple(asked), tasks=(action,))
        for question in entry.questions:
            asked = [frame.format(x=question) for frame in PROMPTS[language]["edge_frame"]]
            yield replace(subject, slot=question, wordings=tuple(asked))


def _familiar(banks: Banks) -> Iterator[Subject]:
    """What is known, in the wordings that ask for the unknown."""
    language = banks.language
    for entry in banks.concepts:
        for key, answer in (("edge_told", explain.concept_answer), ("edge_thing", edges.aside_answer)):
            yield Subject(
                "familiar", entry.name, language, wordings_of(language, key, x=entry.name),
                partial(answer, entry=entry, language=language), evidence=(entry.definition, *entry.facts),
            )  # fmt: skip
    for howto in (*banks.howtos, *banks.lookalikes):
        yield Subject(
            "familiar", howto.task, language, wordings_of(language, "edge_task", x=howto.task),
            partial(advise.howto_answer, entry=howto, language=language), evidence=(*howto.steps, howto.tip),
        )  # fmt: skip
    for refusal, entry_of in zip(subjects_by_topic(language)["refusal"], banks.refusals, strict=True):
        asked = [text for action in entry_of.actions for text in wordings_of(language, "edge_task", x=action)]
        yield Subject(
            "familiar", refusal.slot, language, tuple(asked), refusal.answer, replies=refusal.replies,
            evidence=refusal.evidence, weight=3.0,
        )  # fmt: skip


def _unfamiliar(banks: Banks) -> Iterator[Subject]:
    """Sentences with things of no bank in them, to be said in another tone, listed or repeated."""
    things = [name for entry in banks.unknown for name in (*entry.things, *_made_up(entry, banks.language))]
    yield from unfamiliar_rewrites(banks, things)


@cache
def edges_by_topic(language: Language) -> dict[str, Sequence[Subject]]:
    """All subjects at the edge: topic -> subjects; without banks of the unknown none."""
    banks = load_banks(language)
    if not banks.unknown:
        return {}
    return {
        "unknown": tuple(_weighted(_unknown_by_form(banks))),
        "improper": tuple(_improper(banks)),
        "familiar": tuple(_familiar(banks)),
        "unfamiliar": tuple(_unfamiliar(banks)),
    }
