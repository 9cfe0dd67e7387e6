"""Answers of conversations while they are written: kept whoever leaves, stopped with what is there, written anew in the
same words after the process died."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.chat import RawText
from app.db.models.conversations import Conversation, Turn, TurnStatus
from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.db.units import Units
from app.errors import ContextFullError, UnavailableError
from app.hparams import SamplingParams
from app.services.chat import conversations
from app.services.chat.conversations import Opening
from app.services.chat.live_chat import LiveChat, Sessions
from app.services.chat.turns import Ask, Opened
from app.services.sampling.live_run import LivePiece
from app.services.versions import versions
from tests.services.chat.conftest import ADA
from tests.services.chat.slow_engine import SlowEngine
from tests.waiting import PATIENCE_SECONDS, wait_for


@pytest.fixture
def engine() -> SlowEngine:
    return SlowEngine()


@pytest.fixture
def live(engine: SlowEngine, sessions: sessionmaker[Session], sft: Version) -> LiveChat:
    assert sft.id
    return make_live(engine, sessions)


def make_live(engine: SlowEngine, sessions: sessionmaker[Session]) -> LiveChat:
    units = Units(sessions, threads=2, wait_seconds=PATIENCE_SECONDS)
    defaults = SamplingParams(max_tokens=20)
    return LiveChat(engine, Sessions(sessions, sessions), reading=units, writing=units, defaults=defaults)


@pytest.fixture
def opened(sessions: sessionmaker[Session], sft: Version) -> Conversation:
    assert sft.id
    with transaction(sessions) as session:
        return conversations.open_conversation(session, ADA, Opening(settings={"temperature": 0.5, "stop": ["."]}))


def turn_now(sessions: sessionmaker[Session], turn_id: int) -> Turn:
    with sessions() as session:
        turn = session.get(Turn, turn_id)
        assert turn is not None
        return turn


async def asked(live: LiveChat, conversation: Conversation, **ask: object) -> Opened:
    opened = await live.ask(ADA, conversation.id, Ask(**{"content": "Why?", **ask}))  # type: ignore[arg-type]
    await live.wait(opened.answers)
    return opened


def test_an_answer_is_written_and_kept_with_its_tokens(
    live: LiveChat, engine: SlowEngine, sessions: sessionmaker[Session], opened: Conversation
) -> None:
    [answer] = asyncio.run(asked(live, opened)).answers
    now = turn_now(sessions, answer.id)
    assert (now.status, now.text, now.token_ids, now.finish_reason) == ("done", "one two three", [5, 6, 7, 4], "stop")
    [request] = engine.requests
    assert request.params == SamplingParams(temperature=0.5, stop=(".",), max_tokens=20, seed=now.seed)
    again = asyncio.run(asked(live, opened, content="And?"))
    assert [each["content"] for each in engine.requests[-1].prompt] == ["Why?", "one two three", "And?"]  # type: ignore[union-attr]
    assert turn_now(sessions, again.answers[0].id).status == "done"


def test_followers_see_every_piece_whenever_they_come(live: LiveChat, engine: SlowEngine, opened: Conversation) -> None:
    async def scene() -> list[str]:
        engine.may_finish.clear()
        turn = (await live.ask(ADA, opened.id, Ask("Why?"))).answers[0]
        early = asyncio.ensure_future(text_of(live, turn))
        async for piece in live.follow(turn):
            assert piece is not None
            if piece.number == 2:
                break
        late = asyncio.ensure_future(text_of(live, turn))
        engine.may_finish.set()
        return [await early, await late]

    assert asyncio.run(scene()) == ["one two three"] * 2


async def text_of(live: LiveChat, turn: Turn) -> str:
    return "".join([piece.text async for piece in live.follow(turn) if piece is not None])


def test_who_comes_after_the_end_is_told_the_answer_as_a_piece(
    live: LiveChat, sessions: sessionmaker[Session], opened: Conversation
) -> None:
    """Whoever knows it as being written, and whoever sends its key again; not who has pieces of it already."""

    async def scene() -> tuple[Turn, list[str], list[LivePiece | None]]:
        ask = Ask("Why?", key="k")
        [turn] = (await live.ask(ADA, opened.id, ask)).answers
        assert turn.status is TurnStatus.WRITING
        await asyncio.to_thread(
            wait_for,
            lambda: turn_now(sessions, turn.id).status is TurnStatus.DONE and live._runs.going_on(turn.id) is None,
            "end",
        )
        [again] = (await live.ask(ADA, opened.id, ask)).answers
        assert again.status is TurnStatus.DONE
        texts = [await text_of(live, each) for each in (turn, again)]
        return turn, texts, [piece for each in (turn, again) async for piece in live.follow(each, after=2)]

    turn, texts, left = asyncio.run(scene())
    assert texts == ["one two three"] * 2
    assert left == []
    with transaction(sessions) as session:
        session.delete(session.get_one(Turn, turn.id))
    assert asyncio.run(text_of(live, turn)) == ""


def test_two_answers_are_followed_together(
    live: LiveChat, sessions: sessionmaker[Session], sft: Version, opened: Conversation
) -> None:
    with transaction(sessions) as session:
        other = versions.add_version(session, versions.NewVersion(VersionKind.POLICY, sft.id, "versions/2", "1" * 64))
        conversation = conversations.get_conversation(session, opened.id, ADA)
        conversations.set_versions(session, conversation, sft.id, other.id, is_blind=False)

    async def scene() -> dict[int, str]:
        written = await live.ask(ADA, opened.id, Ask("Why?"))
        texts: dict[int, str] = {}
        async for turn, piece in live.follow_all(written.answers):
            texts[turn.side] = texts.get(turn.side, "") + piece.text
        return texts

    assert asyncio.run(scene()) == {0: "one two three", 1: "one two three"}


def test_a_stopped_answer_keeps_what_was_there(
    live: LiveChat, engine: SlowEngine, sessions: sessionmaker[Session], opened: Conversation
) -> None:
    async def scene() -> Turn:
        engine.may_finish.clear()
        turn = (await live.ask(ADA, opened.id, Ask("Why?"))).answers[0]
        async for piece in live.follow(turn):
            if piece is not None and piece.number == 2:
                await live.stop(ADA, opened.id, turn.id)
        return turn

    turn = asyncio.run(scene())
    assert engine.closed.wait(PATIENCE_SECONDS)
    now = turn_now(sessions, turn.id)
    assert (now.status, now.text, now.token_ids) == ("stopped", "one two ", [5, 6, 7])
    asyncio.run(live.stop(ADA, opened.id, turn.id))
    assert turn_now(sessions, turn.id).text == "one two "


def test_a_stopped_answer_goes_on_from_its_tokens(
    live: LiveChat, engine: SlowEngine, sessions: sessionmaker[Session], opened: Conversation
) -> None:
    """By its own seed and settings; stopped again before the first piece it is what it was."""

    async def stopped(begin: Callable[[], Awaitable[Turn]], pieces: int) -> Turn:
        engine.may_finish.clear()
        turn = await begin()
        if pieces:
            async for piece in live.follow(turn):
                if piece is not None and piece.number == pieces:
                    break
        await live.stop(ADA, opened.id, turn.id)
        return turn_now(sessions, turn.id)

    async def first() -> Turn:
        return (await live.ask(ADA, opened.id, Ask("Why?"))).answers[0]

    async def on_with(turn: Turn) -> Turn:
        return (await live.go_on(ADA, opened.id, turn.id)).answers[0]

    async def scene() -> Turn:
        turn = await stopped(first, 2)
        engine.may_answer.clear()
        again = await stopped(lambda: on_with(turn), 0)
        assert (again.status, again.text, again.token_ids) == ("stopped", "one two ", [5, 6, 7])
        engine.may_answer.set()
        engine.may_finish.set()
        on = await on_with(turn)
        assert on.status == "writing"
        assert await text_of(live, on) == "one two three"
        assert (await on_with(turn)).status == "done"
        return turn

    turn = asyncio.run(scene())
    now = turn_now(sessions, turn.id)
    assert (now.status, now.text, now.token_ids) == ("done", "one two three", [5, 6, 7, 4])
    begun, on = engine.requests[0], engine.requests[-1]
    assert (begun.continue_from, on.continue_from) == ((), (5, 6, 7))
    assert (on.params, on.prompt) == (begun.params, begun.prompt)


def test_a_base_model_reads_the_texts_as_a_document(
    live: LiveChat, engine: SlowEngine, sessions: sessionmaker[Session], opened: Conversation
) -> None:
    """What it reads is what is counted."""
    asyncio.run(asked(live, opened))
    with transaction(sessions) as session:
        base = versions.add_version(session, versions.NewVersion(VersionKind.BASE, None, "versions/2", "1" * 64))
        conversation = conversations.get_conversation(session, opened.id, ADA)
        conversations.set_versions(session, conversation, base.id, None, is_blind=False)
    asyncio.run(asked(live, opened, content="And?"))
    text = RawText("Why?\n\none two three\n\nAnd?")
    assert engine.requests[-1].prompt == text
    assert engine.counted[-1] == text


def test_an_answer_whose_process_died_is_written_anew_in_the_same_words(
    live: LiveChat, engine: SlowEngine, sessions: sessionmaker[Session], opened: Conversation
) -> None:
    async def begun() -> Turn:
        engine.may_finish.clear()
        turn = (await live.ask(ADA, opened.id, Ask("Why?"))).answers[0]
        async for _piece in live.follow(turn):
            return turn
        raise AssertionError("no piece")

    turn = asyncio.run(begun())
    left = turn_now(sessions, turn.id)
    assert (left.status, left.text) == ("writing", "")
    next_engine = SlowEngine()
    after_restart = make_live(next_engine, sessions)
    assert asyncio.run(text_of(after_restart, left)) == "one two three"
    assert next_engine.requests[0] == engine.requests[0]  # its seed included
    assert turn_now(sessions, turn.id).status == "done"
    engine.may_finish.set()
    assert engine.closed.wait(PATIENCE_SECONDS)


def test_the_same_key_asks_once(live: LiveChat, engine: SlowEngine, opened: Conversation) -> None:
    first = asyncio.run(asked(live, opened, key="k", after=0))
    again = asyncio.run(asked(live, opened, key="k", after=0))
    assert [each.id for each in again.answers] == [each.id for each in first.answers]
    assert len(engine.requests) == 1


def test_what_fails_is_kept_with_a_sentence(
    live: LiveChat, engine: SlowEngine, sessions: sessionmaker[Session], opened: Conversation
) -> None:
    engine.failure = UnavailableError("The model is away (GET /readyz).", page="The model is away.")
    [answer] = asyncio.run(asked(live, opened)).answers
    now = wait_for(lambda: turn if (turn := turn_now(sessions, answer.id)).status != "writing" else None, "end")
    assert (now.status, now.error) == (TurnStatus.FAILED, "The model is away.")
    engine.failure = None
    asyncio.run(asked(live, opened, content=None, turn_id=answer.id))


def test_a_full_context_is_refused_before_anything_is_stored(
    live: LiveChat, engine: SlowEngine, sessions: sessionmaker[Session], opened: Conversation
) -> None:
    engine.context = 48
    asyncio.run(asked(live, opened, content="word " * 30))
    assert engine.requests[0].params.max_tokens == 18  # what there is room for
    with pytest.raises(ContextFullError, match="leave out"):
        asyncio.run(asked(live, opened, content="more"))
    with sessions() as session:
        assert len(conversations.get_conversation(session, opened.id, ADA).turns) == 2


def test_a_deleted_turn_ends_its_run(live: LiveChat, engine: SlowEngine, opened: Conversation) -> None:
    async def scene() -> None:
        engine.may_finish.clear()
        turn = (await live.ask(ADA, opened.id, Ask("Why?"))).answers[0]
        live.forget([turn.id])
        await live.wait([])

    asyncio.run(scene())
    assert engine.closed.wait(PATIENCE_SECONDS)
