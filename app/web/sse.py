"""Server-sent events of the pages: the answers to a person's own prompt, while they are written."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import StreamingResponse

from app.errors import AppError
from app.runtime import RuntimeDep
from app.services.live_sampling import LiveSampler
from app.services.sampling import LabelerName
from app.web.templating import labeler_name

router = APIRouter()
KEEP_ALIVE = ": still here\n\n"


def get_live_sampler(request: Request, runtime: RuntimeDep) -> LiveSampler:
    """One per process: its runs outlive the connections that follow them."""
    state = request.app.state
    if not hasattr(state, "live_sampler"):
        state.live_sampler = LiveSampler(runtime.group_sampler)
    live: LiveSampler = state.live_sampler
    return live


LiveDep = Annotated[LiveSampler, Depends(get_live_sampler)]


@router.get("/groups/{group_id}/stream")
def stream_group(
    request: Request,
    runtime: RuntimeDep,
    live: LiveDep,
    group_id: int,
    last_event_id: Annotated[str, Header()] = "0",
) -> StreamingResponse:
    """Events `piece`, then `done` or `failed`. A browser that connects again goes on after the last piece it got."""
    after = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else 0
    who = LabelerName(labeler_name(request))

    def events() -> Iterator[str]:
        try:
            for piece in live.follow(group_id, who, after=after):
                if runtime.closing.is_set():
                    return
                if piece is None:
                    yield KEEP_ALIVE
                    continue
                data = {"index": piece.index, "text": piece.text, "finished": piece.finished}
                yield event("piece", data, number=piece.number)
        except AppError as error:
            yield event("failed", {"title": error.title, "message": error.message})
        else:
            yield event("done", {})

    return StreamingResponse(events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def event(name: str, data: dict[str, Any], *, number: int | None = None) -> str:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n"
