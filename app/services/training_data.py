"""What training reads: rankings with the exact tokens that were ranked, answers of a version, prompts. No torch.

Ids are chosen once per job and the rows fetched by id, so that a job that starts again sees the same data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.chat import Message
from app.db.models.groups import Completion, Group
from app.db.models.prompts import Prompt, PromptSplit
from app.db.models.rankings import Ranking

CHUNK = 500  # ids in one statement; SQLite takes 32,766 at most


@dataclass(frozen=True)
class RankedAnswers:
    prompt_id: int
    messages: list[Message]
    answers: list[list[int]]
    """Token ids, in the order they were sampled."""
    texts: list[str]
    """The same answers; what is left of them for a model with other tokens."""
    version_id: int
    """Who wrote them."""
    ranks: list[int]


def ranking_ids_in_force(session: Session) -> list[int]:
    """Of people and simulated labelers alike; withdrawn ones, and those about archived prompts, are left out."""
    query = select(Ranking.id).join(Ranking.group).join(Group.prompt)
    query = query.where(Ranking.withdrawn_at.is_(None), Prompt.archived_at.is_(None))
    return list(session.scalars(query.order_by(Ranking.id)))


def ranked_answers(session: Session, ranking_ids: Sequence[int]) -> list[RankedAnswers]:
    """In the order of the ids."""
    load = selectinload(Ranking.group)
    found: dict[int, Ranking] = {}
    for ids in _chunks(ranking_ids):
        query = select(Ranking).where(Ranking.id.in_(ids))
        query = query.options(load.selectinload(Group.completions), load.selectinload(Group.prompt))
        found |= {ranking.id: ranking for ranking in session.scalars(query)}
    return [_ranked(found[ranking_id]) for ranking_id in ranking_ids]


def _ranked(ranking: Ranking) -> RankedAnswers:
    answers = sorted(ranking.group.completions, key=lambda answer: answer.sample_index)
    return RankedAnswers(
        prompt_id=ranking.group.prompt_id,
        messages=messages_of(ranking.group.prompt),
        answers=[answer.token_ids for answer in answers],
        texts=[answer.text for answer in answers],
        version_id=ranking.group.version_id,
        ranks=[ranking.ranks[str(answer.id)] for answer in answers],
    )


def answer_ids_of_version(session: Session, version_id: int, limit: int) -> list[int]:
    """Its newest answers, oldest of them first."""
    query = select(Completion.id).join(Group).where(Group.version_id == version_id)
    return sorted(session.scalars(query.order_by(Completion.id.desc()).limit(limit)))


def answers_with_prompts(session: Session, answer_ids: Sequence[int]) -> list[tuple[list[Message], list[int]]]:
    found: list[tuple[list[Message], list[int]]] = []
    for ids in _chunks(answer_ids):
        query = select(Completion, Prompt).join(Group, Completion.group_id == Group.id)
        query = query.join(Prompt, Group.prompt_id == Prompt.id).where(Completion.id.in_(ids)).order_by(Completion.id)
        found += [(messages_of(prompt), answer.token_ids) for answer, prompt in session.execute(query)]
    return found


def prompt_ids(session: Session, split: PromptSplit, limit: int | None = None) -> list[int]:
    """In an order that mixes topics and languages and never changes (that of the digests)."""
    return list(session.scalars(select(Prompt.id).where(Prompt.split == split).order_by(Prompt.digest).limit(limit)))


def prompts_by_id(session: Session, ids: Sequence[int]) -> list[Prompt]:
    found: dict[int, Prompt] = {}
    for chunk in _chunks(ids):
        found |= {prompt.id: prompt for prompt in session.scalars(select(Prompt).where(Prompt.id.in_(chunk)))}
    return [found[prompt_id] for prompt_id in ids]


def messages_of(prompt: Prompt) -> list[Message]:
    return [
        Message(role="assistant" if stored["role"] == "assistant" else "user", content=stored["content"])
        for stored in prompt.messages
    ]


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), CHUNK):
        yield ids[first : first + CHUNK]
