"""Answers HEAD like GET, without the body (RFC 9110, 9.3.2), at every address that answers GET. Pure ASGI."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """The head is sent as soon as it is there, and the work behind it is told that the client has left: no stream is
    read to its end for nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})

        state = {**scope.get("state", {}), "head": True}
        await self._app({**scope, "method": "GET", "state": state}, receive, send_head)


def wants_head_only(request: Request) -> bool:
    """A HEAD request: whatever a GET would change (a card taken, answers begun) stays as it is."""
    return getattr(request.state, "head", False)
