"""The languages that a person reads: chosen on the label page and kept in a cookie, or else the browser's."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.db.models.labelers import Labeler
from app.errors import UnavailableError
from app.formats.languages import ANY, Asked, accepted, codes_of, listed, name
from app.runtime import RuntimeDep, UnitRoute, WriteSession
from app.services.labeling import groups, labelers
from app.services.labeling.languages import LanguagesAtHand, tags_to_draw
from app.web.security import FormDep, kept_cookie
from app.web.templating import Context

LANGUAGES_COOKIE = "fourfold_languages"
EVERY = "all"
MOST_SHOWN = 30

router = APIRouter(route_class=UnitRoute)


@dataclass(frozen=True)
class LanguageBox:
    """A language that can be ticked."""

    code: str
    name: str
    ticked: bool


@dataclass(frozen=True, kw_only=True)
class LanguageForm(Context):
    template: ClassVar[str] = "label/_languages.html"
    boxes: list[LanguageBox]
    """Those that there are prompts in, and those that were chosen. Fewer than two: there is nothing to choose."""
    drawn: str
    """The languages that cards come in, as a list in words."""


def asked_of(request: Request) -> Asked:
    cookie = request.cookies.get(LANGUAGES_COOKIE, "")
    if cookie == EVERY:
        return ANY
    chosen = codes_of(cookie.split("."))
    return Asked(chosen, chosen=True) if chosen else accepted(request.headers.get("accept-language", ""))


def language_form(at_hand: LanguagesAtHand, asked: Asked) -> LanguageForm:
    stored = codes_of(at_hand.stored)
    try:
        tags = at_hand.tags_to_draw(asked)
        drawn = stored if tags is None else codes_of(tags)
    except UnavailableError:
        drawn = asked.languages
    codes = sorted(stored | drawn)[:MOST_SHOWN]
    return LanguageForm(boxes=[LanguageBox(code, name(code), code in drawn) for code in codes], drawn=listed(drawn))


@router.post("/languages")
def choose_languages(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep) -> Response:
    """None ticked is all of them. A card in another language that was held is free again."""
    chosen = codes_of(form.getlist("language")[:MOST_SHOWN])
    labeler = labelers.find_labeler(session, request.state.labeler_name)
    if labeler is not None:
        _let_go(session, labeler, Asked(chosen, chosen=bool(chosen)))
    runtime.prefetcher.wake()
    response = RedirectResponse("/", 303)
    response.headers.append("set-cookie", kept_cookie(LANGUAGES_COOKIE, ".".join(sorted(chosen)) or EVERY))
    return response


def _let_go(session: Session, labeler: Labeler, asked: Asked) -> None:
    try:
        tags = tags_to_draw(session, asked)
    except UnavailableError:  # nothing at all: said on the label page
        tags = ()
    groups.let_go_of_other_languages(session, labeler=labeler, tags=tags)
