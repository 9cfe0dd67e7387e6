"""What subjects that are made up for one pair share: a template or a frame around a task, and owning up."""

from functools import partial
from random import Random

from app.corpus.answers import edges
from app.corpus.banks import Language
from app.corpus.frames import task_asked
from app.corpus.phrases import PROMPTS
from app.corpus.subject import Reply, Subject
from app.corpus.wording import pick, sentence_for

TASK_FRAMES = ("howto", "refusal", "edge_task")
TALK_SHARE = 0.6  # of tasks and things, those in everyday talk (frames.py)


def ask_in(rng: Random, language: Language, *keys: str, **values: str) -> str:
    templates = [template for key in keys for template in PROMPTS[language][key]]
    return sentence_for(pick(rng, templates), language, **values)


def ask_for_task(rng: Random, language: Language, task: str) -> str:
    if rng.random() < TALK_SHARE:
        return task_asked(rng, task, language)
    return ask_in(rng, language, *TASK_FRAMES, x=task)


def owned_up(asked: str, name: str, near: tuple[str, ...], form: str, language: Language, offer: str = "") -> Subject:
    answer, again = (
        partial(answering, name=name, near=near, form=form, language=language, offer=offer)
        for answering in (edges.unknown_answer, edges.unknown_again_answer)
    )
    return Subject(
        "unknown", f"{form}: {name}", language, (asked,), answer, replies={"guess": Reply(again, language)},
        evidence=(name,),
    )  # fmt: skip
