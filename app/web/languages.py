"""The languages that a person reads: chosen on the label page and kept with their name (in a cookie, before there is
one), or else the browser's and the page's."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.db.models.labelers import Labeler
from app.errors import UnavailableError
from app.formats.languages import ANY, Asked, accepted, codes_of, listed, name
from app.runtime import Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.labeling import labelers
from app.services.labeling.languages import AtHand, prompts_at_hand
from app.translation import language
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
    home: str
    """Those that the model which answers is at home in; empty where nobody said."""
    is_guess: bool
    """Whether nobody chose them: they follow the browser and the page."""


def asked_of(request: Request, labeler: Labeler | None) -> Asked:
    """What the labeler chose, under that name in whichever browser; before there is one, what was chosen in this
    browser; before anything was chosen, the languages of the browser and of the page: a guess."""
    of_labeler = labelers.asked_by(labeler)
    if of_labeler is not None:
        return of_labeler
    cookie = request.cookies.get(LANGUAGES_COOKIE, "")
    if cookie == EVERY:
        return ANY
    chosen = codes_of(cookie.split("."))
    if chosen:
        return Asked(chosen, chosen=True)
    return Asked(accepted(request.headers.get("accept-language", "")).languages | {language()})


def language_form(at_hand: AtHand, asked: Asked) -> LanguageForm:
    drawn = _drawn(at_hand, asked)
    codes = sorted(at_hand.codes | drawn)[:MOST_SHOWN]
    boxes = [LanguageBox(code, name(code), code in drawn) for code in codes]
    home = "" if at_hand.model is None else listed(at_hand.model)
    is_guess = bool(asked.languages) and not asked.chosen
    return LanguageForm(boxes=boxes, drawn=listed(drawn), home=home, is_guess=is_guess)


@router.post("/languages")
def choose_languages(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep) -> Response:
    """None ticked is all of them. A card in another language that was held is free again."""
    return _choose(request, runtime, session, codes_of(form.getlist("language")[:MOST_SHOWN]))


@router.post("/languages/leave-out")
def leave_out(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep) -> Response:
    """Offered to whoever could not read a card: all others of those that cards came in before."""
    at_hand = prompts_at_hand(session)
    asked = asked_of(request, labelers.find_labeler(session, request.state.labeler_name))
    return _choose(request, runtime, session, _drawn(at_hand, asked) - codes_of([form.get("language")]))


def _choose(request: Request, runtime: Runtime, session: Session, chosen: frozenset[str]) -> Response:
    """With the labeler, where there is one, and in a cookie for as long as there is none."""
    labeler = labelers.find_labeler(session, request.state.labeler_name)
    if labeler is not None:
        labelers.choose_languages(session, labeler, chosen)
    runtime.prefetcher.wake()
    response = RedirectResponse("/", 303)
    response.headers.append("set-cookie", kept_cookie(LANGUAGES_COOKIE, ".".join(sorted(chosen)) or EVERY))
    return response


def can_leave_out(at_hand: AtHand, asked: Asked, code: str) -> bool:
    """Whether cards come in this language and would still come without it."""
    drawn = _drawn(at_hand, asked)
    return code in drawn and len(drawn) > 1


def _drawn(at_hand: AtHand, asked: Asked) -> frozenset[str]:
    """The languages that cards come in."""
    try:
        tags = at_hand.tags_to_draw(asked)
    except UnavailableError:
        return asked.languages
    return at_hand.codes if tags is None else codes_of(tag.language for tag in tags)
