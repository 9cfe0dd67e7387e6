"""What training reads: rankings with the exact tokens that were ranked, answers of a version, prompts. No torch.

Ids are chosen once per job and the rows fetched by id, so that a job that starts again sees the same data.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, select, true, tuple_
from sqlalchemy.orm import Session, selectinload

from app.chat import Message
from app.db.models.groups import Completion, Group
from app.db.models.prompts import Prompt, PromptSplit
from app.db.models.rankings import Ranking
from app.errors import ConflictError
from app.services.labeling.drawing import Tags
from app.translation import _

CHUNK = 500  # ids in one statement; SQLite takes 32,766 at most


@dataclass(frozen=True)
class RankedAnswers:
    prompt_id: int
    messages: list[Message]
    answers: list[list[int]]
    """Token ids, in the order they were sampled."""
    texts: list[str]
    """The same answers; what is left of them for a model with other tokens."""
    version_ids: list[int | None]
    """Who wrote each; None for a person's and for imported ones, of which the tokens say nothing here."""
    ranks: list[int]


def ranking_ids_in_force(session: Session) -> list[int]:
    """Of people, simulated labelers and files alike; withdrawn ones, and those about archived or held-out prompts, are
    left out."""
    return list(session.scalars(select(Ranking.id).where(Ranking.in_force()).order_by(Ranking.id)))


def ranked_answers(session: Session, ranking_ids: Sequence[int]) -> list[RankedAnswers]:
    """In the order of the ids."""
    load = selectinload(Ranking.group)
    rankings: dict[int, Ranking] = {}
    for ids in _chunks(ranking_ids):
        query = select(Ranking).where(Ranking.id.in_(ids))
        query = query.options(load.selectinload(Group.completions), load.selectinload(Group.prompt))
        rankings |= {ranking.id: ranking for ranking in session.scalars(query)}
    return [_ranked(rankings[ranking_id]) for ranking_id in ranking_ids]


def _ranked(ranking: Ranking) -> RankedAnswers:
    answers = sorted(ranking.answers, key=lambda answer: answer.sample_index)
    return RankedAnswers(
        prompt_id=ranking.group.prompt_id,
        messages=ranking.group.prompt.messages,
        answers=[answer.token_ids for answer in answers],
        texts=[answer.text for answer in answers],
        version_ids=[answer.version_id for answer in answers],
        ranks=[ranking.ranks[str(answer.id)] for answer in answers],
    )


def answer_ids_of_version(session: Session, version_id: int, limit: int) -> list[int]:
    """Its newest answers, oldest of them first."""
    query = select(Completion.id).where(Completion.version_id == version_id)
    return sorted(session.scalars(query.order_by(Completion.id.desc()).limit(limit)))


def answers_with_prompts(session: Session, answer_ids: Sequence[int]) -> list[tuple[list[Message], list[int]]]:
    pairs: list[tuple[list[Message], list[int]]] = []
    for ids in _chunks(answer_ids):
        query = select(Completion, Prompt).join(Group, Completion.group_id == Group.id)
        query = query.join(Prompt, Group.prompt_id == Prompt.id).where(Completion.id.in_(ids)).order_by(Completion.id)
        pairs += [(prompt.messages, answer.token_ids) for answer, prompt in session.execute(query)]
    return pairs


def training_prompt_ids(session: Session, at_most: int, seed: int, tags: Tags = None) -> list[int]:
    """Prompts in use with one of the tags, in an order that mixes topics and languages and never changes
    (that of the digests): all, or where there are more than asked for, those behind a place that the seed chooses.
    Digests are random, so these are, too."""
    ids = list(session.scalars(_by_digest("", at_most + 1, tags)))
    if len(ids) <= at_most:
        return ids
    start = hashlib.sha256(str(seed).encode()).hexdigest()
    ids = list(session.scalars(_by_digest(start, at_most, tags)))
    return ids + list(session.scalars(_by_digest("", at_most - len(ids), tags)))


def _by_digest(start: str, limit: int, tags: Tags) -> Select[int]:
    # A function of the split, so that no index on it is taken: all its prompts would be sorted by their digests.
    in_use = func.lower(Prompt.split) == PromptSplit.TRAIN.value, Prompt.in_use(), _is_tagged(tags)
    return select(Prompt.id).where(Prompt.digest >= start, *in_use).order_by(Prompt.digest).limit(limit)


def _is_tagged(tags: Tags) -> ColumnElement[bool]:
    """A function of the language, so that the index of another order is not taken."""
    if tags is None:
        return true()
    return tuple_(Prompt.prompt_set, func.lower(Prompt.language)).in_([(each, code.lower()) for each, code in tags])


def held_out_prompt_ids(session: Session, at_most: int, tags: Tags = None) -> list[int]:
    """The same ones every time, in the order of their digests: these prompts are never shown, so their keys stay."""
    in_use = Prompt.split == PromptSplit.HELD_OUT, Prompt.in_use(), _is_tagged(tags)
    return list(
        session.scalars(select(Prompt.id).where(*in_use).order_by(Prompt.shown, Prompt.draw_key).limit(at_most))
    )


def prompts_by_id(session: Session, ids: Sequence[int]) -> list[Prompt]:
    """In the order of the ids. Raises ConflictError where one was deleted since it was chosen."""
    prompts: dict[int, Prompt] = {}
    for chunk in _chunks(ids):
        prompts |= {prompt.id: prompt for prompt in session.scalars(select(Prompt).where(Prompt.id.in_(chunk)))}
    gone = next((prompt_id for prompt_id in ids if prompt_id not in prompts), None)
    if gone is not None:
        raise ConflictError(_("Prompt {gone}, which this job had chosen, has been deleted. Start it again.", gone=gone))
    return [prompts[prompt_id] for prompt_id in ids]


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), CHUNK):
        yield ids[first : first + CHUNK]
