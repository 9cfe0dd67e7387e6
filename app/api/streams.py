"""Server-sent events out of a blocking iterator. The first event is made before the answer begins, so that a full queue
or a broken model is an error with a status, not a stream that breaks off. A reader who leaves ends the sampling.
"""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import closing
from typing import Any

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.concurrency import iterate_in_threadpool
from starlette.types import Receive, Scope, Send

from app.chat import StreamEvent
from app.errors import AppError
from app.formats.json_lines import on_one_line
from app.formats.strict_json import to_json

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
Events = Generator[StreamEvent, None, None]


def with_first(events: Iterator[StreamEvent]) -> Events:
    """The same events, the first of them already made; closing it closes `events`."""
    waiting = _once_more(events)
    next(waiting)
    return waiting


def _once_more(events: Iterator[StreamEvent]) -> Generator[Any, None, None]:
    """Stops once before the first event, so that the caller can wait for it and still close the rest."""
    first = next(events, None)
    try:
        yield None
        if first is not None:
            yield first
            yield from events
    finally:
        if isinstance(events, Generator):
            events.close()


def event(data: Any, name: str | None = None) -> bytes:
    text = data if isinstance(data, str) else to_json(data)
    return format_sse_event(data_str=on_one_line(text), event=name)


def told(error: AppError) -> bytes:
    """As an event of its own name."""
    return event({"error": {"message": error.message, "type": error.title}}, "error")


class EventStream(StreamingResponse):
    """Closes what it reads from, however the reading ended; the framework would leave that to chance. Made in a thread:
    the first of `encoded` is written there, and leaves with the head."""

    media_type = "text/event-stream"

    def __init__(self, events: Events, encoded: Iterator[bytes], told: Callable[[AppError], bytes] = told) -> None:
        """`told` writes an error that comes when the status is out already."""
        chunks = _ending_with_error(encoded, told)
        try:
            first = next(chunks, b"")
        except BaseException:
            events.close()
            raise
        super().__init__(_beginning_with(first, chunks), headers=HEADERS)
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with closing(self._events):
            await super().__call__(scope, receive, send)


async def _beginning_with(first: bytes, rest: Iterator[bytes]) -> AsyncIterator[bytes]:
    """A trip to a thread, beside one that computes, takes longer than a small model's token: only what is waited for
    makes it."""
    yield first
    async for chunk in iterate_in_threadpool(rest):
        yield chunk


def _ending_with_error(encoded: Iterator[bytes], told: Callable[[AppError], bytes]) -> Iterator[bytes]:
    try:
        yield from encoded
    except AppError as error:
        yield told(error)
