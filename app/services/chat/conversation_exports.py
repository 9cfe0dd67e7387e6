"""The export of one's own conversations, in the form that TRL's trainers read: `messages`, as the chat shows them.

They belong to whoever opened them (conversations.py), so nobody exports another's. Two answers side by side of which
nobody chose one, and alternatives that are not shown, are not in it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload, sessionmaker

from app.db.models.conversations import Conversation
from app.services.chat.conversations import exported
from app.services.labeling.labelers import LabelerName, find_labeler
from app.services.paging import in_batches

COLUMNS: Mapping[str, Any] = {
    "conversation_id": int,
    "title": str,
    "messages": [{"role": str, "content": str}],
    "labeler": str,
    "labeler_kind": str,
    "created_at": str,
}


def export_conversations(read: sessionmaker[Session], who: LabelerName) -> Iterator[dict[str, Any]]:
    """Those in which something was said when the export began, oldest first."""
    with read() as session:
        labeler = find_labeler(session, who.name)
        last = session.scalar(select(func.max(Conversation.id))) or 0
    if labeler is None:
        return
    mine = Conversation.labeler_id == labeler.id, Conversation.id <= last
    statement = select(Conversation).where(*mine).options(selectinload(Conversation.turns))
    for conversation in in_batches(read, statement, Conversation.id):
        told = exported(conversation)
        if any(each["role"] != "system" for each in told["messages"]):
            yield {
                "conversation_id": conversation.id,
                "title": told["title"],
                "messages": [{"role": each["role"], "content": each["content"]} for each in told["messages"]],
                "labeler": labeler.name,
                "labeler_kind": labeler.kind.value,
                "created_at": told["created_at"],
            }
