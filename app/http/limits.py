"""Refuses bodies that are too large before anything is parsed, and starts a crowd of requests one after another. Pure
ASGI: streams pass."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.problems import Problem, problem_response
from app.translation import _

MAX_BODY_BYTES = 64 * 1024
MAX_CONVERSATION_BYTES = 512 * 1024
"""More than any model here reads, each character written as \\uXXXX."""
MAX_IMPORT_BYTES = 64 * 1024 * 1024
DRAIN_BYTES = 8 * 1024 * 1024
IMPORT_PATHS = ("/api/v1/import/", "/data/import")
CONVERSATION_PREFIXES = (
    *(
        "/v1/",
        "/api/v1/generate",
        "/api/v1/next-token",
        "/api/v1/tokenize",
        "/tokens",
        "/api/v1/conversations",
        "/chat",
    ),
)

HEALTH_PATHS = frozenset({"/healthz", "/readyz"})


class OneAtATurn:
    """Begins one request in each turn of the event loop. Hundreds that come at once would all be begun in a single one,
    and whoever comes meanwhile waits for its end; questions about health pass by."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in HEALTH_PATHS:
            async with self._turn:
                await asyncio.sleep(0)
        await self._app(scope, receive, send)


class BodyLimit:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = limit_of(scope["path"])
        announced = _announced_bytes(scope)
        if announced is not None and announced > limit:
            await _drain(receive, announced)
            problem = Problem(413, "Content too large", _sentence(limit), headers={"Connection": "close"})
            await problem_response(problem, scope["path"])(scope, receive, send)
            return
        await self._app(scope, _counted(receive, limit), send)


def limit_of(path: str) -> int:
    """Bytes of a body."""
    if path.startswith(IMPORT_PATHS):
        return MAX_IMPORT_BYTES
    return MAX_CONVERSATION_BYTES if path.startswith(CONVERSATION_PREFIXES) else MAX_BODY_BYTES


def _announced_bytes(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


async def _drain(receive: Receive, announced: int) -> None:
    """Reads a body that is not absurd to its end: a client still sending would see a broken pipe, not our sentence."""
    if announced > DRAIN_BYTES:
        return
    while (await receive()).get("more_body", False):
        pass


def _counted(receive: Receive, limit: int) -> Callable[[], Awaitable[MutableMapping[str, Any]]]:
    seen = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, _sentence(limit), headers={"Connection": "close"})
        return message

    return counted


def _sentence(limit: int) -> str:
    return _("The request is too large: at most {n} kB are allowed. Shorten it or send it in parts.", n=limit // 1024)
