"""Server-sent events of the pages: the answers to a person's own prompt while they are written."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import StreamingResponse

from app.errors import AppError
from app.formats.ids import EventId, RowId
from app.formats.strict_json import to_json
from app.http.head import wants_head_only
from app.runtime import RuntimeDep
from app.services.sampling.group_sampling import LabelerName

router = APIRouter()
KEEP_ALIVE = ": still here\n\n"


@router.get("/groups/{group_id}/stream")
async def stream_group(
    request: Request, runtime: RuntimeDep, group_id: RowId, last_event_id: Annotated[EventId, Header()] = 0
) -> StreamingResponse:
    """Events `piece`, then `done` or `failed`. A browser that connects again goes on after the last piece it got."""
    if wants_head_only(request):  # reading the stream is what begins the answers
        return StreamingResponse(iter(()), media_type="text/event-stream")
    find = partial(runtime.live.own_group, group_id=group_id, who=LabelerName(request.state.labeler_name))

    async def events() -> AsyncIterator[str]:
        try:
            async for piece in runtime.live.follow(await runtime.reading.run(find), after=last_event_id):
                if runtime.closing.is_set():
                    return
                if piece is None:
                    yield KEEP_ALIVE
                    continue
                data = {"index": piece.index, "text": piece.text, "finished": piece.finished}
                yield event("piece", data, number=piece.number)
        except AppError as error:
            yield event("failed", {"title": error.title, "message": error.page_message})
        else:
            yield event("done", {})

    return StreamingResponse(events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def event(name: str, data: dict[str, Any], *, number: int | None = None) -> str:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {to_json(data, ascii_only=True)}\n\n"
