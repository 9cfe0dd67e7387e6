"""A crowd of requests begins one after the other."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.http.limits import OneAtATurn

CROWD = 50


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _swallow(_message: Message) -> None:
    pass


async def begins(paths: list[str]) -> dict[str, int]:
    """The turn of the event loop in which each request of a crowd is begun, by its path."""
    turn = 0
    found: dict[str, int] = {}

    def count() -> None:
        nonlocal turn
        turn += 1
        if len(found) < len(paths):
            asyncio.get_running_loop().call_soon(count)

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        found[str(scope["path"])] = turn

    limited = OneAtATurn(app)
    count()
    await asyncio.gather(*(limited({"type": "http", "path": path}, _nothing, _swallow) for path in paths))
    return found


def test_one_request_a_turn() -> None:
    turns = asyncio.run(begins([f"/{number}" for number in range(CROWD)]))
    assert len(set(turns.values())) == CROWD
    assert list(turns) == [f"/{number}" for number in range(CROWD)]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_passes_by(path: str) -> None:
    turns = asyncio.run(begins([*(f"/{number}" for number in range(CROWD)), path]))
    assert turns[path] <= min(turns.values()) + 1
