"""Is the process alive, and can it serve?"""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from app.runtime import RuntimeDep
from app.services.readiness import Readiness, check_readiness

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    status: str


@router.get("/healthz")
async def healthz() -> Alive:
    return Alive(status="ok")


@router.get("/readyz")
def readyz(runtime: RuntimeDep, response: Response) -> Readiness:
    """503 until the schema is current and the active model answers. A missing worker is told, not required."""
    readiness = check_readiness(
        runtime.engine,
        runtime.read,
        runtime.sampler,
        stock_error=runtime.stock.last_error,
        stale_seconds=runtime.settings.worker_stale_seconds,
    )
    response.status_code = 200 if readiness.ready else 503
    return readiness
