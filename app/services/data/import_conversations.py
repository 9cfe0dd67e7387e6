"""Conversations of imported rows are stored, each once, for the labeler whom the file names: unseen until all are in.

An answer's version is known by its files, as a vote's is; of one that is not here the name stays, with the hash.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.conversations import Conversation, Turn, TurnRole, TurnStatus
from app.formats.writers import writer_text
from app.services.data.conversation_rows import GivenConversation
from app.services.data.import_compared import content_digest, taken_once
from app.services.data.import_prompts import abandoned
from app.services.data.import_rankings import GivenLabelers
from app.services.data.import_summary import ImportSummary
from app.services.data.row_forms import GivenRow
from app.services.versions.answering import answering_version
from app.services.versions.writers import VersionsByFiles


@dataclass(frozen=True)
class _Taken:
    digest: str
    labeler_id: int
    given: GivenConversation


def take_conversations(
    session: Session, import_id: int, given: Sequence[tuple[str, GivenRow, GivenConversation]]
) -> ImportSummary:
    """Each once; those that are there were held here or came with an earlier file."""
    labelers = GivenLabelers(session, import_id)
    rows = []
    for place, _row, conversation in given:
        labeler = labelers.find(place, conversation)
        rows.append(_Taken(_digest(labeler.name, conversation), labeler.id, conversation))
    digests = {row.digest for row in rows}
    behind = Conversation.digest.in_(digests), Conversation.import_id.in_(abandoned(import_id))
    remove_conversations(session, select(Conversation.id).where(*behind))
    known = set(session.scalars(select(Conversation.digest).where(Conversation.digest.in_(digests))))
    fresh = taken_once(rows, known | _held_here(session, import_id, rows))
    _store(session, import_id, fresh)
    columns = frozenset[str]().union(*(row.columns_not_kept for _place, row, _given in given))
    return ImportSummary(
        lines=len(given),
        conversations=len(fresh),
        repeated_conversations=len(rows) - len(fresh),
        columns_not_kept=columns,
    )


def _digest(labeler: str, given: GivenConversation) -> str:
    """Of everything that tells one from another, wherever it is stored."""
    begun = None if given.created_at is None else given.created_at.isoformat()
    return content_digest([labeler, begun, given.system, [[each["role"], each["content"]] for each in given.turns]])


def _held_here(session: Session, import_id: int, rows: Sequence[_Taken]) -> set[str]:
    """Digests of those that are here, perhaps with more turns by now: nobody begins two at one moment."""
    times = {row.given.created_at for row in rows if row.given.created_at is not None}
    if not times:
        return set()
    earlier = or_(Conversation.import_id.is_(None), Conversation.import_id != import_id)
    stored = select(Conversation.labeler_id, Conversation.created_at).where(Conversation.created_at.in_(times), earlier)
    there = {tuple(row) for row in session.execute(stored)}
    return {row.digest for row in rows if (row.labeler_id, row.given.created_at) in there}


def _store(session: Session, import_id: int, rows: Sequence[_Taken]) -> None:
    if not rows:
        return
    now, number = utc_now(), session.scalar(select(func.max(Conversation.number))) or 0
    answers_next, here = answering_version(session, None).id, VersionsByFiles(session)
    values: list[dict[str, Any]] = [
        {
            "labeler_id": row.labeler_id,
            "number": number + place,
            "title": row.given.title,
            "system": row.given.system,
            "version_id": answers_next,
            "settings": {},
            "digest": row.digest,
            "import_id": import_id,
            "created_at": row.given.created_at or now,
            "updated_at": row.given.created_at or now,
        }
        for place, row in enumerate(rows, start=1)
    ]
    ids = session.scalars(insert(Conversation).returning(Conversation.id, sort_by_parameter_order=True), values).all()
    parents: dict[int, int | None] = dict.fromkeys(ids)
    for depth in range(max(len(row.given.turns) for row in rows)):  # a turn names the one before it
        held = [(number, row.given) for number, row in zip(ids, rows, strict=True) if depth < len(row.given.turns)]
        turns = [_turn(number, parents[number], given, depth, here) for number, given in held]
        stored = session.scalars(insert(Turn).returning(Turn.id, sort_by_parameter_order=True), turns).all()
        parents |= {number: turn for (number, _given), turn in zip(held, stored, strict=True)}


def _turn(
    conversation_id: int, parent_id: int | None, given: GivenConversation, depth: int, here: VersionsByFiles
) -> dict[str, Any]:
    message, writer = given.turns[depth], given.writers[depth]
    version_id = here.find(writer)
    return {
        "conversation_id": conversation_id,
        "parent_id": parent_id,
        "role": TurnRole(message["role"]),
        "status": TurnStatus.DONE,
        "text": message["content"],
        "version_id": version_id,
        "written_by": None if writer is None or version_id is not None else writer_text(writer),
    }


def remove_conversations(session: Session, conversations: Sequence[int] | Select[int]) -> None:
    session.execute(delete(Turn).where(Turn.conversation_id.in_(conversations)))
    session.execute(delete(Conversation).where(Conversation.id.in_(conversations)))
