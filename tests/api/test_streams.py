"""Event streams: what leaves at once, that no thread waits for a piece, and what is closed."""

# ruff: noqa: ARG002  the engines here take what a real one would use

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.types import Message

from app.api import streams
from app.api.streams import Events, EventStream, events_of
from app.chat import GenerationRequest, StreamEvent
from app.errors import UnavailableError
from app.hparams import SamplingParams
from app.pieces import Tell
from tests.live import ScriptedEngine

REQUEST = GenerationRequest([{"role": "user", "content": "Hi"}], version_id=1, params=SamplingParams())


async def encoded(events: Events) -> AsyncIterator[bytes]:
    async for event in events:
        yield event.text.encode("ascii")


class Told(ScriptedEngine):
    """Tells two pieces while it is started; `left` is how often its reader went."""

    def __init__(self, last: BaseException | None = None, *, at_once: bool = True) -> None:
        super().__init__()
        self.last, self.at_once, self.left = last, at_once, 0
        self.texts = ["one", "two"]

    def starts_at_once(self, request: GenerationRequest) -> bool:
        return self.at_once

    def start(self, request: GenerationRequest, tell: Tell) -> Callable[[], None]:
        for index, text in enumerate(self.texts):
            tell(StreamEvent(index, text))
        tell(self.last)

        def stop() -> None:
            self.left += 1

        return stop


async def sent_by(engine: ScriptedEngine, *, leaves: bool = False) -> list[Message]:
    events = events_of(engine, REQUEST)
    stream = await EventStream.begun(events, encoded(events))
    sent: list[Message] = []

    async def receive() -> Message:
        if not leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await stream({"type": "http"}, receive, send)
    return sent


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Calls that went to a thread."""
    made = []

    async def counted(call: Callable[..., Any], *arguments: Any) -> Any:
        made.append(call)
        return call(*arguments)

    monkeypatch.setattr(streams, "run_in_threadpool", counted)
    return made


@pytest.mark.parametrize("at_once", [True, False])
def test_the_first_leaves_with_the_head_and_no_piece_takes_a_thread(trips: list[Any], at_once: bool) -> None:
    """What may take long, a long prompt, does: once."""
    engine = Told(at_once=at_once)
    head, *bodies = asyncio.run(sent_by(engine))
    assert (head["status"], [body["body"] for body in bodies]) == (200, [b"one", b"two", b""])
    assert [body["more_body"] for body in bodies] == [True, True, False]
    assert (len(trips), engine.left) == (0 if at_once else 1, 1)


def test_an_error_in_the_middle_is_the_last_event() -> None:
    bodies = [message.get("body", b"") for message in asyncio.run(sent_by(Told(UnavailableError("Out of order."))))]
    assert bodies[1:3] == [b"one", b"two"]
    assert bodies[3].startswith(b"event: error\n")
    assert b"Out of order." in bodies[3]


def test_an_error_at_the_beginning_has_a_status_of_its_own() -> None:
    engine = Told(UnavailableError("Out of order."))
    engine.texts = []
    with pytest.raises(UnavailableError):
        asyncio.run(sent_by(engine))
    assert engine.left == 1


def test_what_cannot_be_written_is_no_stream_and_is_closed() -> None:
    """An answer with a status, then: nothing has been sent."""
    engine = Told()
    engine.texts = ["火"]
    with pytest.raises(UnicodeEncodeError):
        asyncio.run(sent_by(engine))
    assert engine.left == 1


def test_a_reader_who_leaves_while_nothing_comes_ends_it() -> None:
    class Silent(Told):
        def start(self, request: GenerationRequest, tell: Tell) -> Callable[[], None]:
            stop = super().start(request, lambda _item: None)
            tell(StreamEvent(0, "one"))
            return stop

    engine = Silent()
    sent = asyncio.run(asyncio.wait_for(sent_by(engine, leaves=True), 30))
    assert ([message.get("body") for message in sent], engine.left) == ([None, b"one"], 1)
