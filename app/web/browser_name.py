"""Gives every browser a labeler's name of its own from the start, in a cookie.

Nothing is stored for it before its first card or ranking: whoever only looks (a health check, the preview of a link)
leaves no trace. Whoever gives the name of another browser goes on as that one: cards and rankings belong to the name.
"""

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import InvalidError
from app.http.problems import API_PREFIXES
from app.services.labeling.labelers import LabelerName, check_name, made_up_name
from app.web.security import kept_cookie

COOKIE = "fourfold_labeler"


class BrowserNames:
    """Puts `labeler_name` and `has_name` (whether the browser sent it) into the state of each request for a page, and
    sends the name along with pages and redirects to a browser that has none. Behind `Security`: what another site sent
    comes without cookies, and must not take a browser's name from it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith((*API_PREFIXES, "/static/")):
            await self._app(scope, receive, send)
            return
        sent = _sent_name(Request(scope))
        name = sent or made_up_name()
        scope.setdefault("state", {}).update(labeler_name=name, has_name=sent is not None)

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start" and sent is None:
                headers = MutableHeaders(scope=message)
                if _is_page(headers) and not _names(headers):
                    headers.append("set-cookie", name_cookie(name))
            await send(message)

        await self._app(scope, receive, send_named)


def name_cookie(name: str) -> str:
    return kept_cookie(COOKIE, quote(name))


def labeler_name(request: Request) -> str | None:
    """Who ranks on these pages. None where a request was refused before it was asked."""
    name: str | None = getattr(request.state, "labeler_name", None)
    return name


async def browser_labeler(request: Request) -> LabelerName:
    return LabelerName(request.state.labeler_name)


BrowserLabeler = Annotated[LabelerName, Depends(browser_labeler)]


def _sent_name(request: Request) -> str | None:
    """What is no name is none."""
    try:
        return check_name(unquote(request.cookies.get(COOKIE, "")))
    except InvalidError:
        return None


def _is_page(headers: Headers) -> bool:
    return "location" in headers or headers.get("content-type", "").startswith("text/html")


def _names(headers: Headers) -> bool:
    return any(cookie.startswith(f"{COOKIE}=") for cookie in headers.getlist("set-cookie"))
