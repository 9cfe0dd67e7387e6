"""What is kept of a stopped answer, and which ones can be gone on with."""

import pytest
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.conversations import Conversation, Turn, TurnStatus
from app.db.models.versions import Version
from app.errors import ConflictError, GoneError, InvalidError
from app.services.chat import stopping
from app.services.sampling.live_run import Beginning
from tests.services.chat.conftest import ADA, Say


def resumed(session: Session, conversation: Conversation, turn: Turn) -> TurnStatus:
    return stopping.resume(session, who=ADA, conversation_id=conversation.id, turn_id=turn.id).answers[0].status


def test_it_keeps_its_text_and_its_tokens_and_never_loses_any(
    session: Session, conversation: Conversation, say: Say
) -> None:
    turn = say(conversation, text=None).answers[0]
    for there in (Beginning("one ", (5, 6)), Beginning("o", (5,)), Beginning()):
        stopping.store_stopped(session, turn_id=turn.id, there=there)
        assert (turn.status, turn.text, turn.token_ids) == ("stopped", "one ", [5, 6])
        assert resumed(session, conversation, turn) is TurnStatus.WRITING


def test_only_a_stopped_answer_at_the_end_goes_on(
    session: Session, conversation: Conversation, sft: Version, say: Say
) -> None:
    first = say(conversation)
    with pytest.raises(InvalidError, match="Only an answer"):
        resumed(session, conversation, first.question)
    assert resumed(session, conversation, first.answers[0]) is TurnStatus.DONE
    later = say(conversation, "And?")
    for turn in (first.answers[0], later.answers[0]):
        turn.status = TurnStatus.STOPPED
    session.flush()
    with pytest.raises(ConflictError, match="gone on behind"):
        resumed(session, conversation, first.answers[0])
    session.get_one(Version, sft.id).removed_at = utc_now()
    session.flush()
    with pytest.raises(GoneError):
        resumed(session, conversation, later.answers[0])
