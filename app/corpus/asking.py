"""What subjects that are made up for one pair share: a template or a frame around a task, and owning up."""

from functools import cache, partial
from random import Random

from app.corpus.answers import advise, edges, explain
from app.corpus.banks import Language, load_banks
from app.corpus.edge_leaks import gist
from app.corpus.frames import task_asked
from app.corpus.phrases import PROMPTS
from app.corpus.subject import Answering, Reply, Subject
from app.corpus.wording import pick, sentence_for

TASK_FRAMES = ("howto", "refusal", "edge_task")
TALK_SHARE = 0.6  # of tasks and things, those in everyday talk (frames.py)
ONE_OFFERED = 0.4  # of the unknown, those for which one thing is offered


def ask_in(rng: Random, language: Language, *keys: str, **values: str) -> str:
    templates = [template for key in keys for template in PROMPTS[language][key]]
    return sentence_for(pick(rng, templates), language, **values)


def ask_for_task(rng: Random, language: Language, task: str) -> str:
    if rng.random() < TALK_SHARE:
        return task_asked(rng, task, language)
    return ask_in(rng, language, *TASK_FRAMES, x=task)


def owned_up(
    rng: Random, asked: str, name: str, near: tuple[str, ...], form: str, language: Language, offer: str = ""
) -> Subject:
    """Where one thing alone is offered, the offer can be accepted."""
    near = (pick(rng, near),) if rng.random() < ONE_OFFERED else near
    answer, again = (
        partial(answering, name=name, near=near, form=form, language=language, offer=offer)
        for answering in (edges.unknown_answer, edges.unknown_again_answer)
    )
    told = _told(near[0], language) if len(near) == 1 else None
    replies = {"guess": Reply(again, language)} | ({"accept": Reply(told, language)} if told else {})
    return Subject("unknown", f"{form}: {name}", language, (asked,), answer, replies=replies, evidence=(name,))


def _told(name: str, language: Language) -> Answering | None:
    """What the banks answer about a concept or a task of theirs."""
    banks = load_banks(language)
    for concept in banks.concepts:
        if concept.name == name:
            return partial(explain.concept_answer, entry=concept, language=language)
    for howto in (*banks.howtos, *banks.lookalikes):
        if howto.task == name:
            return partial(advise.howto_answer, entry=howto, language=language)
    return None


@cache
def known_tasks(language: Language) -> frozenset[str]:
    """The gist of each task whose steps the banks tell."""
    banks = load_banks(language)
    return frozenset(gist(howto.task) for howto in (*banks.howtos, *banks.lookalikes))
