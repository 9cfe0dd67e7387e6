"""What can be done when a context is full: the oldest turns are left out by choice, or another conversation goes on
from the last answer."""

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from app.chat import Message
from app.db.models.conversations import Conversation, Turn, TurnRole
from app.errors import ConflictError
from app.services.chat import conversations
from app.services.chat.conversations import Opening
from app.services.chat.room import Room
from app.services.chat.thread import Thread, chosen_turns, messages_of
from app.services.labeling.labelers import LabelerName
from app.translation import _

RoomOf = Callable[[Sequence[Message]], Room]


def enough_left_out(conversation: Conversation, draft: str, room_of: RoomOf) -> int:
    """The user's turn from which on the conversation is to be read, the first with which the draft and a whole answer
    fit, and at least one more than now is left out. The engine counts: outside any transaction. Raises ConflictError
    where none does."""
    thread = Thread(conversation.turns)
    turns = chosen_turns(thread.steps)
    begins_at = thread.left_out(conversation.reads_from)
    for turn in turns[begins_at + 1 :]:
        if turn.role is TurnRole.USER:
            room = room_of(_with_draft(conversation, turns, turn.id, draft))
            if room.left >= room.wanted:
                return turn.id
    raise ConflictError(
        "Even the last question, its answer and this message are too long together. Begin another conversation.",
        page=_(
            "Even the last question, its answer and your message are too long together. Shorten your message, or start "
            "a new conversation from here."
        ),
    )


def _with_draft(conversation: Conversation, turns: Sequence[Turn], reads_from: int, draft: str) -> list[Message]:
    messages = messages_of(conversation, turns, reads_from=reads_from)
    return [*messages, Message(role="user", content=draft)] if draft else messages


def go_on_elsewhere(session: Session, conversation: Conversation, who: LabelerName) -> Conversation:
    """Another conversation with the same versions, system line and settings, which begins with the last question and
    its answer. This one stays as it is."""
    opening = Opening(
        title=conversation.title,
        system=conversation.system,
        version_id=conversation.version_id,
        other_version_id=conversation.other_version_id,
        is_blind=conversation.is_blind,
        settings=conversation.settings,
    )
    copy = conversations.open_conversation(session, who, opening)
    turns = chosen_turns(Thread(conversation.turns).steps)
    last = next((at for at in reversed(range(len(turns))) if turns[at].role is TurnRole.USER), len(turns))
    parent_id: int | None = None
    for turn in turns[last:]:
        again = Turn(
            conversation_id=copy.id,
            parent_id=parent_id,
            role=turn.role,
            status=turn.status,
            text=turn.text,
            version_id=turn.version_id,
            token_ids=turn.token_ids,
            finish_reason=turn.finish_reason,
            seed=turn.seed,
            settings=turn.settings,
        )
        session.add(again)
        session.flush()
        parent_id = again.id
    return conversations.get_conversation(session, copy.id, who)
