"""Server-sent events out of a blocking iterator. The first event is made before the answer begins, so that a full queue
or a broken model is an error with a status, not a stream that breaks off.
"""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from app.chat import StreamEvent
from app.errors import AppError

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def with_first(events: Iterator[StreamEvent]) -> Iterator[StreamEvent]:
    """The same events, the first of them already made."""
    try:
        first = next(events)
    except StopIteration:
        return iter(())
    return chain([first], events)


def event(data: Any, name: str | None = None) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return format_sse_event(data_str=text, event=name)


def event_stream(events: Iterator[bytes]) -> StreamingResponse:
    return StreamingResponse(_ending_with_error(events), media_type="text/event-stream", headers=HEADERS)


def _ending_with_error(events: Iterator[bytes]) -> Iterator[bytes]:
    """The status is out already: what breaks now is told as an event."""
    try:
        yield from events
    except AppError as error:
        yield event({"error": {"message": error.message, "type": error.title}}, "error")
