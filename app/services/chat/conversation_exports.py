"""The export of one's own conversations, in the form that TRL's trainers read: `messages`, as the chat shows them; and
beside them who wrote each answer, so that they can be imported again.

They belong to whoever opened them (conversations.py), so nobody exports another's. Two answers side by side of which
nobody chose one, and alternatives that are not shown, are not in it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload, sessionmaker

from app.db.models.conversations import Conversation, Turn, TurnRole
from app.formats.writers import Writer, parse_writer
from app.services.chat.conversations import exported
from app.services.chat.thread import Thread, chosen_turns
from app.services.labeling.labelers import LabelerName, find_labeler
from app.services.paging import in_batches
from app.services.versions.writers import writers_by_id

COLUMNS: Mapping[str, Any] = {
    "conversation_id": int,
    "title": str,
    "messages": [{"role": str, "content": str}],
    "writers": [{"written_by": str, "content_hash": str}],
    "labeler": str,
    "labeler_kind": str,
    "created_at": str,
}


def export_conversations(read: sessionmaker[Session], who: LabelerName) -> Iterator[dict[str, Any]]:
    """Those in which something was said when the export began, oldest first."""
    with read() as session:
        labeler = find_labeler(session, who.name)
        last = session.scalar(select(func.max(Conversation.id))) or 0
        known = writers_by_id(session)
    if labeler is None:
        return
    mine = Conversation.labeler_id == labeler.id, Conversation.id <= last, Conversation.is_visible()
    statement = select(Conversation).where(*mine).options(selectinload(Conversation.turns))
    for conversation in in_batches(read, statement, Conversation.id):
        told = exported(conversation)
        if any(each["role"] != "system" for each in told["messages"]):
            yield {
                "conversation_id": conversation.id,
                "title": told["title"],
                "messages": [{"role": each["role"], "content": each["content"]} for each in told["messages"]],
                "writers": _writers(conversation, told["messages"], known),
                "labeler": labeler.name,
                "labeler_kind": labeler.kind.value,
                "created_at": told["created_at"],
            }


def _writers(conversation: Conversation, messages: list[Any], known: Mapping[int, Writer]) -> list[Any]:
    """Of each message; none of the user's, and of nobody's answer while it is hidden who wrote which."""
    turns = chosen_turns(Thread(conversation.turns).steps)
    wrote = (turn for turn in turns if turn.role is TurnRole.ASSISTANT and turn.text)  # as messages are made of them
    named = [_writer(next(wrote), known) if each["role"] == "assistant" else None for each in messages]
    return [None] * len(named) if conversation.is_blind else named


def _writer(turn: Turn, known: Mapping[int, Writer]) -> dict[str, str | None] | None:
    if turn.version_id is None and not turn.written_by:
        return None
    writer = parse_writer(turn.written_by or "") if turn.version_id is None else known[turn.version_id]
    return writer.columns()
