"""Exports of votes: as they were given, and as preferences in TRL's format. Read in short transactions.

The preferences are for training, so those about held-out prompts are in votes.jsonl alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, sessionmaker

from app.db.models.arena import Pair, Verdict, Vote
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import PromptSplit
from app.formats.writers import Writer, parse_writer
from app.services.data.exports import known_writers, labeler_columns, prompt_columns
from app.services.paging import in_batches


def export_votes(read: sessionmaker[Session], labeler_kind: LabelerKind | None = None) -> Iterator[dict[str, Any]]:
    """Every vote that stands with its prompt, both answers and who wrote them, oldest first."""
    known = known_writers(read)
    for vote in _standing_votes(read, labeler_kind):
        pair = vote.pair
        yield {
            "vote_id": vote.id,
            "pair_id": pair.id,
            "prompt": pair.prompt.messages,
            "prompt_id": pair.prompt_id,
            **prompt_columns(pair.prompt),
            "drawn_from": pair.source.value,
            "pair": [_side(pair, letter, known) for letter in "ab"],
            "verdict": vote.verdict.value,
            "reward_version": pair.reward_version_id,
            "settings": {**pair.settings, "seed": pair.seed},
            "duration_ms": vote.duration_ms,
            **labeler_columns(vote),
        }


def export_vote_preferences(
    read: sessionmaker[Session], labeler_kind: LabelerKind | None = None
) -> Iterator[dict[str, Any]]:
    """Every vote that calls one answer better, on a prompt that may be trained on: conversational prompt, chosen and
    rejected."""
    known = known_writers(read)
    for vote in _standing_votes(read, labeler_kind):
        pair = vote.pair
        if vote.verdict not in (Verdict.A, Verdict.B) or pair.prompt.split is not PromptSplit.TRAIN:
            continue
        letters = "ab" if vote.verdict is Verdict.A else "ba"
        chosen, rejected = (_side(pair, letter, known) for letter in letters)
        yield {
            "prompt": pair.prompt.messages,
            "chosen": [{"role": "assistant", "content": chosen["text"]}],
            "rejected": [{"role": "assistant", "content": rejected["text"]}],
            "chosen_finish_reason": chosen["finish_reason"],
            "rejected_finish_reason": rejected["finish_reason"],
            **_writer(pair, letters[0], known).columns("chosen_"),
            **_writer(pair, letters[1], known).columns("rejected_"),
            "vote_id": vote.id,
            "prompt_id": pair.prompt_id,
            **prompt_columns(pair.prompt),
            **labeler_columns(vote),
        }


def _side(pair: Pair, letter: str, known: Mapping[int, Writer]) -> dict[str, Any]:
    return {
        "text": getattr(pair, f"text_{letter}"),
        "tokens": getattr(pair, f"token_ids_{letter}"),
        "finish_reason": getattr(pair, f"finish_reason_{letter}"),
        "score": getattr(pair, f"score_{letter}"),
        "version": getattr(pair, f"version_{letter}_id"),
        **_writer(pair, letter, known).columns(),
    }


def _writer(pair: Pair, letter: str, known: Mapping[int, Writer]) -> Writer:
    version_id: int | None = getattr(pair, f"version_{letter}_id")
    return parse_writer(getattr(pair, f"writer_{letter}") or "") if version_id is None else known[version_id]


def _standing_votes(read: sessionmaker[Session], labeler_kind: LabelerKind | None) -> Iterator[Vote]:
    """Those that stood when the export began."""
    with read() as session:
        last = session.scalar(select(func.max(Vote.id))) or 0
    statement = select(Vote).where(Vote.withdrawn_at.is_(None), Vote.id <= last)
    statement = statement.options(joinedload(Vote.labeler), joinedload(Vote.pair).joinedload(Pair.prompt))
    if labeler_kind is not None:
        statement = statement.where(Vote.labeler.has(Labeler.kind == labeler_kind))
    yield from in_batches(read, statement, Vote.id)
