"""Refuses what a hostile page in the same browser could try: DNS rebinding, cross-site writes, script, framing.

Pure ASGI, so that streams pass through. It covers pages and API alike; a form's own token is checked by `checked_form`.
"""

import ipaddress
import itertools
import secrets
from collections.abc import AsyncIterator, Collection, Iterable
from hashlib import blake2b
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError
from app.http.problems import Problem, answer_problem
from app.translation import N_, _
from app.web.cors import may_call

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_COOKIE = "fourfold_csrf"
CSRF_FIELD = "csrf_token"
YEAR_SECONDS = 31_536_000


class ForbiddenError(AppError):
    status_code = 403
    title = N_("Refused")


class Security:
    """`host` and `allowed_hosts`: names beside the loopback ones under which this server may be asked. `origins`: of
    pages elsewhere that may call the API."""

    def __init__(
        self, app: ASGIApp, host: str = "", allowed_hosts: Iterable[str] = (), origins: Collection[str] = ()
    ) -> None:
        self._app, self._origins = app, frozenset(origins)
        self._allowed = frozenset(name.strip().lower() for name in (host, *allowed_hosts) if name.strip())
        self._key, self._numbers = secrets.token_bytes(32), itertools.count()

    def _unguessable(self) -> str:
        """256 bits of a keyed hash over a counter. Asking the system for each would let go of the interpreter's lock,
        and on a busy machine the event loop waits long to get it back."""
        return blake2b(next(self._numbers).to_bytes(8), key=self._key, digest_size=32).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        state["nonce"] = self._unguessable()
        cookie = Request(scope).cookies.get(CSRF_COOKIE)
        state[CSRF_FIELD] = cookie or self._unguessable()

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                outgoing = MutableHeaders(scope=message)
                _add_headers(outgoing, scope, state["nonce"])
                if cookie is None and outgoing.get("content-type", "").startswith("text/html"):
                    outgoing.append("set-cookie", csrf_cookie(state[CSRF_FIELD]))
            await send(message)

        problem = self._refusal(scope["method"], scope["path"], headers)
        if problem is None:
            await self._app(scope, receive, send_guarded)
        else:
            await answer_problem(Request(scope), problem)(scope, receive, send_guarded)

    def _refusal(self, method: str, path: str, headers: Headers) -> Problem | None:
        host = headers.get("host", "")
        if not host_allowed(host, self._allowed):
            return Problem(
                421,
                N_("Unknown host name"),
                _(
                    "This server does not answer under the name {host}. Open it as http://localhost with its port, "
                    "or name the host in FOURFOLD_ALLOWED_HOSTS.",
                    host=repr(host[:80]),
                ),
            )
        if same_origin(headers) or may_call(path, headers, self._origins):
            return None
        if method not in SAFE_METHODS or not is_navigation(headers):
            return Problem(
                403,
                N_("Refused"),
                _("This request came from another site. Open the page itself and send it from there."),
            )
        return None


def host_allowed(host: str, allowed: frozenset[str]) -> bool:
    """Loopback names, addresses in figures (no DNS answer can forge those) and the configured names."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") and host.count(":") in (1,) else host
    if host.startswith("["):
        name = host[1:].split("]", 1)[0]
    name = name.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost") or name in allowed:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(headers: Headers) -> bool:
    """A browser says where a request comes from; a program that is no browser says nothing and carries no cookies."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def is_navigation(headers: Headers) -> bool:
    """A link that a person follows. What another site's page loads by itself (images, scripts, frames, fetches) is not
    answered: through the endless names under .localhost it could ask hundreds of times at once (Fetch Metadata, W3C,
    "resource isolation policy")."""
    if "sec-fetch-site" not in headers:
        return True  # no browser of today; an `Origin` alone comes with reads of other sites' data, which CORS refuses
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest", "document") == "document"


def _add_headers(headers: MutableHeaders, scope: Scope, nonce: str) -> None:
    headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if scope["path"].startswith("/static/"):
        versioned = b"v=" in scope.get("query_string", b"")
        headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable" if versioned else "no-cache"
    elif "cache-control" not in headers:
        headers["Cache-Control"] = "no-store"


def csrf_cookie(token: str) -> str:
    return kept_cookie(CSRF_COOKIE, token)


def kept_cookie(name: str, value: str, seconds: int = YEAR_SECONDS) -> str:
    """As Set-Cookie says it: for all pages, out of reach of scripts and of calls from other sites. 0 s ends it."""
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"


async def checked_form(request: Request) -> AsyncIterator[FormData]:
    """The form of a page, once its token matches the cookie's. Its files are there until the answer was sent."""
    async with request.form() as form:
        cookie = request.cookies.get(CSRF_COOKIE, "")
        if not request.cookies:
            raise ForbiddenError(
                _(
                    "Your browser sent no cookies; forms need one. Allow cookies for this address, reload the page, "
                    "then send it again."
                )
            )
        if not cookie or not secrets.compare_digest(str(form.get(CSRF_FIELD, "")).encode(), cookie.encode()):
            raise ForbiddenError(_("This form is from an earlier visit. Reload the page, then send it again."))
        yield form


FormDep = Annotated[FormData, Depends(checked_form)]
