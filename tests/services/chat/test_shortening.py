"""When a context is full: the oldest turns are left out by choice, or another conversation begins with the last two."""

import pytest
from sqlalchemy.orm import Session

from app.db.models.conversations import Conversation
from app.errors import ConflictError
from app.services.chat import conversations
from app.services.chat.room import room_for
from app.services.chat.shortening import RoomOf, enough_left_out, go_on_elsewhere
from app.services.chat.thread import Thread
from tests.live import ScriptedEngine
from tests.services.chat.conftest import ADA, Say, again


@pytest.fixture
def room_of(engine: ScriptedEngine) -> RoomOf:
    engine.context = 30
    return lambda messages: room_for(engine, {1: messages}, wanted=10)


def test_no_more_is_left_out_than_must_be(
    session: Session, conversation: Conversation, say: Say, room_of: RoomOf
) -> None:
    asked = [say(conversation, "one two three four", "five six seven") for _ in range(4)]  # 28 tokens
    now = again(session, conversation)
    assert enough_left_out(now, "", room_of) == asked[2].question.id  # 14 + 7 would be 21
    assert enough_left_out(now, "a b c d e f g h", room_of) == asked[3].question.id
    conversations.read_from(session, now, asked[2].question.id)
    assert enough_left_out(now, "", room_of) == asked[3].question.id  # at least one more
    with pytest.raises(ConflictError, match="Even the last question"):
        enough_left_out(now, "word " * 20, room_of)


def test_another_conversation_begins_with_the_last_question_and_answer(
    session: Session, conversation: Conversation, say: Say
) -> None:
    say(conversation, "A?", "a")
    last = say(conversation, "B?", "b")
    copy = go_on_elsewhere(session, again(session, conversation), ADA)
    texts = [step.head.text for step in Thread(copy.turns).steps]
    assert (texts, copy.title, copy.reads_from) == (["B?", "b"], "A?", None)
    assert copy.turns[1].token_ids == last.answers[0].token_ids
    assert len(again(session, conversation).turns) == 4
    empty = go_on_elsewhere(session, conversations.open_conversation(session, ADA, conversations.Opening()), ADA)
    assert empty.turns == []
