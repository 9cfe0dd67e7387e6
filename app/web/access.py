"""Access if FOURFOLD_TOKEN is set: browsers sign in, programs send it as a bearer token.

A signed-in browser holds a cookie, which is signed with a key made from the token: it does not hold the token, whoever
reads it cannot try tokens against it quickly (scrypt, RFC 7914), and another token signs everybody out. Nothing is
stored, so it outlives restarts and holds for several web processes.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.problems import Problem, answer_problem, wants_page
from app.translation import N_, _
from app.web.guesses import Guesses
from app.web.security import is_navigation, kept_cookie, same_origin

COOKIE = "fourfold_session"
SESSION_SECONDS = 30 * 86_400
SIGN_IN = "/sign-in"
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/language", SIGN_IN})
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Fourfold"'}
SIGNED_OUT = Problem(
    401,
    N_("Sign in"),
    "This server lets in only those who know its token. Send it as `Authorization: Bearer TOKEN`.",
    page=N_("Nothing is lost: what you entered is still on this page. Sign in in another tab, then continue here."),
    headers=CHALLENGE,
)
FORM_SIGNED_OUT = N_("Nothing was saved. Sign in, then go back and send it again: what you entered is still there.")
WRONG_TOKEN = Problem(
    401,
    N_("Sign in"),
    "This is not the token of this server. Send the value of its FOURFOLD_TOKEN as `Authorization: Bearer TOKEN`.",
    headers=CHALLENGE,
)


class Tokens:
    """The one token of this server: what is presented is held against it, in the same time whatever it is."""

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        self._token, self._clock = token.encode(), clock
        self._key = hashlib.scrypt(self._token, salt=b"fourfold session", n=2**14, r=8, p=1, dklen=32)
        self.guesses = Guesses()

    def is_right(self, presented: str) -> bool:
        return hmac.compare_digest(presented.encode(errors="replace"), self._token)

    def new_session(self) -> str:
        """The value of a cookie: when it ends, some random letters, and the signature of both."""
        said = f"{int(self._clock()) + SESSION_SECONDS}.{secrets.token_urlsafe(12)}"
        return f"{said}.{self._signature(said)}"

    def is_session(self, cookie: str) -> bool:
        said, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self._signature(said).encode()):
            return False
        return int(said.partition(".")[0]) > self._clock()

    def _signature(self, said: str) -> str:
        return hmac.digest(self._key, said.encode(errors="replace"), "sha256").hex()


class Access:
    """Puts `signed_in` (by cookie) and `authorized` into the state of each request. Behind `Security`.

    Open to everybody are health, files under /static and signing in. Others get a 401; a person who opens a page is
    sent to sign in, and back."""

    def __init__(self, app: ASGIApp, tokens: Tokens | None) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, refusal, signed_in = Request(scope), None, False
        if self._tokens is not None:
            signed_in = _keeps_cookies(request) and self._tokens.is_session(request.cookies.get(COOKIE, ""))
            refusal = None if signed_in else _refusal(request, self._tokens)
        scope.setdefault("state", {}).update(signed_in=signed_in, authorized=refusal is None, tokens=self._tokens)
        if refusal is None or scope["path"] in OPEN_PATHS or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
        else:
            await _refused(request, refusal)(scope, receive, send)


def _keeps_cookies(request: Request) -> bool:
    """A call by a page elsewhere counts for itself, also where the browser sends our cookie with it."""
    return same_origin(request.headers) or is_navigation(request.headers)


def _refusal(request: Request, tokens: Tokens) -> Problem | None:
    """Of a request without a session; None for the right bearer token."""
    presented = bearer_of(request.headers)
    if presented is None:
        return SIGNED_OUT
    wait = tokens.guesses.seconds_to_wait(request, presented)
    if wait:
        return too_many_guesses(wait)
    if tokens.is_right(presented):
        return None
    tokens.guesses.note_wrong(request, presented)
    return WRONG_TOKEN


def too_many_guesses(seconds: int) -> Problem:
    return Problem(
        429,
        N_("Too many wrong tokens"),
        _("Too many wrong tokens came from this address. Wait {n} s, then try again.", n=seconds),
        headers={"Retry-After": str(seconds)},
    )


def bearer_of(headers: Headers) -> str | None:
    """RFC 6750: the scheme's name in any case. None where another one, or none, is used."""
    scheme, _, presented = headers.get("authorization", "").partition(" ")
    return presented.strip() if scheme.lower() == "bearer" else None


def _refused(request: Request, problem: Problem) -> Response:
    if problem is SIGNED_OUT and "hx-request" not in request.headers and wants_page(request):
        if request.method in {"GET", "HEAD"}:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"{SIGN_IN}?next={quote(request.url.path + query, safe='')}", 303)
        problem = replace(problem, page=FORM_SIGNED_OUT)
    return answer_problem(request, problem)


def session_cookie(tokens: Tokens, *, secure: bool) -> str:
    return kept_cookie(COOKIE, tokens.new_session(), SESSION_SECONDS) + ("; Secure" if secure else "")


def ended_session_cookie() -> str:
    return kept_cookie(COOKIE, "", 0)
