"""Signing in and out, if FOURFOLD_TOKEN is set. A plain form: it needs no script."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.translation import N_, _
from app.web.access import SIGN_IN, Tokens, ended_session_cookie, session_cookie, too_many_guesses
from app.web.security import FormDep
from app.web.templating import PageContext, render

router = APIRouter()
WRONG = N_("This is not the token. Type it exactly as in FOURFOLD_TOKEN; upper and lower case matter.")
EMPTY = N_("Type the token first.")


@dataclass(frozen=True, kw_only=True)
class SignInPage(PageContext):
    template: ClassVar[str] = "sign_in/index.html"
    next: str
    """The path of this server to go on to."""
    error: str | None
    """Why the token was refused."""


@router.get(SIGN_IN)
async def form(request: Request, next: str = "/") -> Response:
    if request.state.authorized:
        return RedirectResponse(own_path(next), 303)
    return _page(request, next)


@router.post(SIGN_IN)
async def sign_in(request: Request, form: FormDep) -> Response:
    tokens: Tokens | None = request.state.tokens
    presented, wanted = str(form.get("token", "")).strip(), own_path(str(form.get("next", "/")))
    if tokens is None:
        return RedirectResponse(wanted, 303)
    if not presented:
        return _page(request, wanted, error=_(EMPTY), status_code=422)
    wait = tokens.guesses.seconds_to_wait(request, presented)
    if wait:
        problem = too_many_guesses(wait)
        page = _page(request, wanted, error=problem.detail, status_code=problem.status)
        page.headers.update(problem.headers)
        return page
    if not tokens.is_right(presented):
        tokens.guesses.note_wrong(request, presented)
        return _page(request, wanted, error=_(WRONG), status_code=403)
    response = RedirectResponse(wanted, 303)
    response.headers.append("set-cookie", session_cookie(tokens, secure=request.url.scheme == "https"))
    return response


@router.post("/sign-out")
async def sign_out(_form: FormDep) -> Response:
    response = RedirectResponse(SIGN_IN, 303)
    response.headers.append("set-cookie", ended_session_cookie())
    return response


def own_path(address: str) -> str:
    """Where to go on: a path of this server, nothing that a browser could read as an address elsewhere."""
    return address if is_own(address) and urlsplit(address).path != SIGN_IN else "/"


def is_own(address: str) -> bool:
    """Whether it is a path of this server, and no browser could read it as an address elsewhere."""
    plain = address.isprintable() and "\\" not in address and address.startswith("/") and not address.startswith("//")
    if not plain:
        return False
    parts = urlsplit(address)
    return not parts.scheme and not parts.netloc


def _page(request: Request, wanted: str, *, error: str | None = None, status_code: int = 200) -> Response:
    return render(request, SignInPage(next=own_path(wanted), error=error), status_code=status_code)
