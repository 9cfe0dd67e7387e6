"""Server-sent events out of what an engine tells. The first one is made before the answer begins, so that a full queue
or a broken model is an error with a status, not a stream that breaks off. A reader who leaves ends the sampling.

No thread waits: between the engine's and the event loop a piece makes one trip, where a small model's token takes no
longer than the trip to a thread and back.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Self

from anyio import CancelScope, create_task_group
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send

from app.chat import GenerationRequest, StreamEvent
from app.errors import AppError
from app.formats.json_lines import on_one_line
from app.formats.strict_json import to_json
from app.pieces import Letterbox
from app.services.sampling.engine import Engine

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
Events = AsyncGenerator[StreamEvent]


async def events_of(engine: Engine, request: GenerationRequest) -> Events:
    """As they come; closing it stops the sampling. A thread reads a long prompt, or opens the version: the others'
    answers go on."""
    letterbox = Letterbox()
    if engine.starts_at_once(request):
        stop = engine.start(request, letterbox.tell)
    else:
        stop = await run_in_threadpool(engine.start, request, letterbox.tell)
    try:
        async for event in letterbox.received():
            yield event
    finally:
        stop()


def event(data: Any, name: str | None = None) -> bytes:
    text = data if isinstance(data, str) else to_json(data)
    return format_sse_event(data_str=on_one_line(text), event=name)


def told(error: AppError) -> bytes:
    """As an event of its own name."""
    return event({"error": {"message": error.message, "type": error.title}}, "error")


class EventStream(StreamingResponse):
    """Closes what it reads from, however the reading ended; the framework would leave that to chance."""

    media_type = "text/event-stream"

    def __init__(self, events: Events, first: bytes, rest: AsyncIterator[bytes]) -> None:
        super().__init__(rest, headers=HEADERS)
        self._events, self._first = events, first

    @classmethod
    async def begun(
        cls, events: Events, encoded: AsyncIterator[bytes], told: Callable[[AppError], bytes] = told
    ) -> Self:
        """Once the first of `encoded`, which reads `events`, is there: it leaves with the head. `told` writes an error
        that comes when the status is out already."""
        try:
            first = await anext(encoded, b"")
        except BaseException:
            await events.aclose()
            raise
        return cls(events, first, ending_with_error(encoded, told))

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """The first event is sent before anybody watches whether the reader leaves: that takes tasks of their own."""
        async with aclosing(self._events):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self._first, "more_body": True})
            async with create_task_group() as tasks:
                tasks.start_soon(_cancel_once_left, receive, tasks.cancel_scope)
                async for chunk in self.body_iterator:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                tasks.cancel_scope.cancel()


async def _cancel_once_left(receive: Receive, scope: CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def ending_with_error(
    encoded: AsyncIterator[bytes], told: Callable[[AppError], bytes] = told
) -> AsyncIterator[bytes]:
    """An error that comes when the status is out already is the last event: a stream that only breaks off says nothing
    to its reader, and a fault to the log."""
    try:
        async for chunk in encoded:
            yield chunk
    except AppError as error:
        yield told(error)
