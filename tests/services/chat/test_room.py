"""How much of a context is used, and what is said when it is full."""

import pytest

from app.chat import Message
from app.errors import ContextFullError
from app.services.chat.room import check_room, room_for
from tests.live import ScriptedEngine


def words(count: int) -> list[Message]:
    return [Message(role="user", content="word " * count)]


def test_it_is_counted_even_where_it_is_too_much(engine: ScriptedEngine) -> None:
    engine.context = 100
    room = room_for(engine, {1: words(40)}, wanted=96)
    assert (room.used, room.context, room.left, room.answer, room.is_full) == (40, 100, 60, 60, False)
    room = room_for(engine, {1: words(130)}, wanted=96)
    assert (room.used, room.left, room.answer, room.is_full) == (130, 0, 0, True)
    assert room_for(engine, {1: []}, wanted=8).used == 0


def test_the_version_with_least_room_counts(engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "context_tokens", lambda *, version_id: 100 * version_id)
    assert room_for(engine, dict.fromkeys([2, 1, 3], words(10)), wanted=8).version_id == 1


def test_what_is_full_says_the_next_step(engine: ScriptedEngine) -> None:
    engine.context = 100
    check_room(room_for(engine, {1: words(84)}, wanted=96), is_first=False)
    check_room(room_for(engine, {1: words(98)}, wanted=2), is_first=False)
    room = room_for(engine, {1: words(85)}, wanted=96)
    with pytest.raises(ContextFullError, match="leave out the oldest turns") as caught:
        check_room(room, is_first=False)
    assert "85 tokens" in caught.value.page_message
    assert "start a new conversation" in caught.value.page_message
    with pytest.raises(ContextFullError, match=r"Shorten it\.$"):
        check_room(room, is_first=True)
