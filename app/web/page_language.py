"""The language of a page: the one that was chosen in this browser, kept in a cookie, or else the first of the browser's
own that there is."""

from fastapi import APIRouter, Request
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.formats.languages import preferred
from app.http.problems import API_PREFIXES
from app.runtime import UnitRoute
from app.translation import LANGUAGES, SOURCE_LANGUAGE, speaking
from app.web.security import FormDep, kept_cookie
from app.web.sign_in import is_own

COOKIE = "fourfold_page_language"
router = APIRouter(route_class=UnitRoute)


class PageLanguage:
    """Whatever a request for a page calls speaks the page's language; the API speaks English."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith((*API_PREFIXES, "/static/")):
            await self._app(scope, receive, send)
            return
        with speaking(language_of(Request(scope).cookies.get(COOKIE), Headers(scope=scope))):
            await self._app(scope, receive, send)


def language_of(chosen: str | None, headers: Headers) -> str:
    if chosen in LANGUAGES:
        return chosen
    return next((code for code in preferred(headers.get("accept-language", "")) if code in LANGUAGES), SOURCE_LANGUAGE)


@router.post("/language")
def choose_language(form: FormDep) -> Response:
    """Keeps the choice and goes back to the page that it was made on."""
    code, back = str(form.get("language", "")), str(form.get("back", "/"))
    response = RedirectResponse(back if is_own(back) else "/", 303)
    if code in LANGUAGES:
        response.headers.append("set-cookie", kept_cookie(COOKIE, code))
    return response
