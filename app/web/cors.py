"""Which other sites' pages may call the API from a browser: only those that FOURFOLD_CORS_ORIGINS names.

They send no cookies along (the API would not look at them, either): where a token is needed, they send it themselves.
"""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.problems import API_PREFIXES

METHODS = ("GET", "HEAD", "POST", "DELETE")
READABLE = ("Retry-After", "WWW-Authenticate", "Content-Disposition")


class Cors:
    """Before `Security`, which refuses what comes from other sites: it lets these origins' calls of the API pass."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app, self._origins = app, frozenset(origins)
        self._allowing = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=("*",),
            expose_headers=READABLE,
            allow_private_network=True,  # this server is on one, and the origin was named
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = scope["type"] == "http" and may_call(scope["path"], Headers(scope=scope), self._origins)
        await (self._allowing if allowed else self._app)(scope, receive, send)


def may_call(path: str, headers: Headers, origins: Collection[str]) -> bool:
    return path.startswith(API_PREFIXES) and headers.get("origin") in origins
