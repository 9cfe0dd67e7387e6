"""Event streams: what leaves at once, what is waited for in a thread, and what is closed."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from starlette.types import Message

from app.api.streams import Events, EventStream
from app.chat import StreamEvent


def two_events() -> Events:
    yield StreamEvent(0, "one")
    yield StreamEvent(0, "two")


def sent_by(stream: EventStream) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nobody leaves")

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(stream({"type": "http"}, receive, send))
    return sent


def test_the_first_leaves_with_the_head_and_the_others_are_waited_for_in_a_thread() -> None:
    """A trip to a thread and back, beside a model that computes, is as long as the wait for a small model's token."""
    threads: list[int] = []

    def encoded(events: Iterator[StreamEvent]) -> Iterator[bytes]:
        for event in events:
            threads.append(threading.get_ident())
            yield event.text.encode()

    events = two_events()
    stream = EventStream(events, encoded(events))
    assert threads == [threading.get_ident()], "written where the stream was made"
    bodies = [message.get("body") for message in sent_by(stream)]
    assert bodies == [None, b"one", b"two", b""]
    assert threads[1] != threading.get_ident(), "the event loop waits for nothing"


def test_what_cannot_be_written_is_no_stream_and_is_closed() -> None:
    """An answer with a status, then: nothing has been sent."""
    closed = threading.Event()

    def endless() -> Events:
        try:
            while True:
                yield StreamEvent(0, "火")
        finally:
            closed.set()

    def broken(events: Events) -> Iterator[bytes]:
        for event in events:
            yield event.text.encode("ascii")

    events = endless()
    with pytest.raises(UnicodeEncodeError):
        EventStream(events, broken(events))
    assert closed.is_set()
