"""Conversations of imported rows are stored, each once, for the labeler whom the file names: unseen until all are in.

An answer's version is known by its files, as a vote's is; of one that is not here the name stays, with the hash.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, delete, func, insert, or_, select
from sqlalchemy.orm import Session, selectinload

from app.chat import Message, joined
from app.db.base import utc_now
from app.db.models.conversations import Conversation, Turn, TurnRole, TurnStatus
from app.formats.writers import writer_text
from app.services.data.conversation_rows import GivenConversation
from app.services.data.import_compared import content_digest, taken_once
from app.services.data.import_labelers import GivenLabelers
from app.services.data.import_prompts import abandoned
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
    held, beside = _held_here(session, import_id, rows)
    fresh = taken_once(rows, known | held)
    _store(session, import_id, fresh)
    columns = frozenset[str]().union(*(row.columns_not_kept for _place, row, _given in given))
    return ImportSummary(
        lines=len(given),
        conversations=len(fresh),
        repeated_conversations=len(rows) - len(fresh),
        conversations_beside=sum(row.digest in beside for row in fresh),
        columns_not_kept=columns,
    )


def _digest(labeler: str, given: GivenConversation) -> str:
    """Of everything that tells one from another, wherever it is stored."""
    begun = None if given.created_at is None else given.created_at.isoformat()
    return content_digest([labeler, begun, given.system, [[each["role"], each["content"]] for each in given.turns]])


def _held_here(session: Session, import_id: int, rows: Sequence[_Taken]) -> tuple[set[str], set[str]]:
    """Digests of those that are here, perhaps with more turns by now; and of those that began when others of their
    labeler here did, and read otherwise."""
    times = {row.given.created_at for row in rows if row.given.created_at is not None}
    if not times:
        return set(), set()
    earlier = or_(Conversation.import_id.is_(None), Conversation.import_id != import_id)
    stored = select(Conversation).where(Conversation.created_at.in_(times), earlier)
    there: dict[tuple[int, datetime], list[Conversation]] = defaultdict(list)
    for each in session.scalars(stored.options(selectinload(Conversation.turns))):
        there[each.labeler_id, each.created_at].append(each)
    held, beside = set[str](), set[str]()
    for row in rows:
        begun = row.given.created_at
        same_moment = there.get((row.labeler_id, begun), []) if begun is not None else []
        if any(_reads(each, row.given) for each in same_moment):
            held.add(row.digest)
        elif same_moment:
            beside.add(row.digest)
    return held, beside


def _reads(stored: Conversation, given: GivenConversation) -> bool:
    """Whether some way from its first turn reads so, as exports have it (`thread.messages_of`): an answer without words
    is left out, and neighbours of one role are one message."""
    if stored.system != given.system:
        return False
    behind: dict[int | None, list[Turn]] = defaultdict(list)
    for turn in stored.turns:
        behind[turn.parent_id].append(turn)
    ways: list[tuple[int | None, _Read]] = [(None, _Read(0, None))]
    while ways:
        turn_id, read = ways.pop()
        if read.whole == len(given.turns) - 1 and read.last == given.turns[-1]:
            return True
        longer = ((turn.id, _read_on(read, turn, given.turns)) for turn in behind[turn_id])
        ways += [(number, on) for number, on in longer if on is not None]
    return False


class _Read(NamedTuple):
    """How much of what is given was met on a way: so many whole messages, and one that may go on."""

    whole: int
    last: Message | None


def _read_on(read: _Read, turn: Turn, given: Sequence[Message]) -> _Read | None:
    """None where the turn leads elsewhere."""
    if turn.role is TurnRole.ASSISTANT and not turn.text:
        return read
    said, whole = Message(role=turn.role.value, content=turn.text), read.whole
    if read.last is not None and read.last["role"] == said["role"]:
        [said] = joined([read.last, said])
    elif read.last is not None:
        if read.last != given[whole]:
            return None
        whole += 1
    wanted = given[whole] if whole < len(given) else None
    leads_there = wanted and wanted["role"] == said["role"] and wanted["content"].startswith(said["content"])
    return _Read(whole, said) if leads_there else None


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
