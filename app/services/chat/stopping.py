"""Answers that are stopped: what is there of them is kept, with the tokens that they go on from."""

from sqlalchemy.orm import Session

from app.db.models.conversations import Turn, TurnRole, TurnStatus
from app.errors import ConflictError, InvalidError
from app.services.chat import conversations, turns
from app.services.chat.thread import Thread
from app.services.chat.turns import Opened
from app.services.labeling.labelers import LabelerName
from app.services.sampling.live_run import Beginning
from app.services.versions.versions import usable_version
from app.translation import _


def store_stopped(session: Session, *, turn_id: int, there: Beginning) -> None:
    """One that is whole, or gone, stays as it is."""
    turn = session.get(Turn, turn_id)
    if turn is not None and turn.status is TurnStatus.WRITING:
        keep(turn, there)
        turn.status = TurnStatus.STOPPED


def keep(turn: Turn, there: Beginning) -> None:
    """What is there of an answer; never less than what was there before it was gone on with."""
    if len(there.text) >= len(turn.text):
        turn.text, turn.token_ids = there.text, list(there.token_ids) or None


def resume(session: Session, *, who: LabelerName, conversation_id: int, turn_id: int) -> Opened:
    """A stopped answer is to be written on; any other stays as it is. Returns it with its question. Raises
    NotFoundError, InvalidError of a person's message, GoneError of a removed version, and ConflictError where turns
    follow: they answer what stands there now."""
    conversation = conversations.get_conversation(session, conversation_id, who)
    turn = turns.turn_of(conversation, turn_id)
    if turn.role is not TurnRole.ASSISTANT:
        raise InvalidError("Only an answer can be gone on with. Name one.", page=_("Only an answer can be continued."))
    assert turn.parent_id is not None, "an answer follows its question"
    opened = Opened(turns.turn_of(conversation, turn.parent_id), [turn])
    if turn.status is not TurnStatus.STOPPED:
        return opened
    if Thread(conversation.turns).siblings(turn.id):
        raise ConflictError(
            "The conversation has gone on behind this answer. Delete what follows it, or have it written anew (retry).",
            page=_("The conversation has gone on behind this answer. Delete what follows, or have it written again."),
        )
    assert turn.version_id is not None, "a version wrote it"
    usable_version(session, turn.version_id)
    turns.show(session, conversation, turn_id)
    turn.status = TurnStatus.WRITING
    return opened
