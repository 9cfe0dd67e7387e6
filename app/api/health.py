"""Health: is the process alive, and can it serve? Neither question waits behind people's requests or for a model that
hangs."""

import asyncio

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response

from app.api.schemas import Out
from app.runtime import RuntimeDep, readiness_of
from app.services.views.readiness import NOT_YET, Readiness

router = APIRouter(tags=["health"])
READY_SECONDS = 2.0


class Alive(Out):
    status: str
    """`ok`."""


@router.get("/healthz")
async def healthz() -> Alive:
    """Answers while the process is alive."""
    return Alive(status="ok")


@router.get("/readyz", responses={503: {"model": Readiness, "description": "It cannot serve yet, and why."}})
async def readyz(request: Request, runtime: RuntimeDep, response: Response) -> Readiness:
    """Answers 503 until the schema is current and the active model works. A missing worker is told, not required."""
    check: asyncio.Future[Readiness] | None = getattr(request.app.state, "readiness_check", None)
    if check is None or check.done():  # one at a time: who asks a server that hangs adds no thread to it
        check = asyncio.ensure_future(to_thread.run_sync(readiness_of, runtime, limiter=CapacityLimiter(1)))
        request.app.state.readiness_check = check
    await asyncio.wait({check}, timeout=READY_SECONDS)
    readiness = check.result() if check.done() else NOT_YET
    response.status_code = 200 if readiness.ready else 503
    return readiness if request.state.authorized else readiness.outline()
