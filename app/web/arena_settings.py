"""The page on which whoever runs the installation chooses what follows from votes."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.errors import InvalidError
from app.runtime import ReadSession, RuntimeDep, UnitRoute, WriteSession
from app.services.arena import arena_settings
from app.services.arena.arena_settings import LEAST_BAR, MOST_BAR, ArenaChoice
from app.translation import _
from app.web.arena_address import PATH
from app.web.security import FormDep
from app.web.templating import PageContext, render

router = APIRouter(route_class=UnitRoute)
AT = f"{PATH}/settings"


@dataclass(frozen=True, kw_only=True)
class ArenaSettingsPage(PageContext):
    template: ClassVar[str] = "arena/settings.html"
    page: str | None = "arena"
    train_on_votes: bool
    """Whether votes are rankings of two, too."""
    bar: str
    """In percent; empty: no version is activated by votes."""
    least: int = round(100 * LEAST_BAR)
    """Lowest bar, percent."""
    most: int = round(100 * MOST_BAR)
    """Highest bar, percent."""
    saved: bool = False
    """Whether the form was just taken."""
    error: str | None = None
    """Why the form was refused."""


@router.get(AT)
def show_settings(request: Request, session: ReadSession) -> Response:
    choice = arena_settings.chosen(session)
    bar = "" if choice.activate_above is None else f"{100 * choice.activate_above:g}"
    saved = "saved" in request.query_params
    return render(request, ArenaSettingsPage(train_on_votes=choice.train_on_votes, bar=bar, saved=saved))


@router.post(AT)
def save_settings(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep) -> Response:
    train_on_votes, bar = "train_on_votes" in form, str(form.get("bar", "")).strip()
    try:
        _choose(session, train_on_votes, bar, runtime.settings.retrain_after_rankings)
    except InvalidError as error:
        page = ArenaSettingsPage(train_on_votes=train_on_votes, bar=bar, error=error.page_message)
        return render(request, page, status_code=error.status_code)
    return RedirectResponse(f"{AT}?saved", 303)


def _choose(session: Session, train_on_votes: bool, bar: str, retrain_after: int) -> None:
    try:
        above = float(bar.replace(",", ".").removesuffix("%")) / 100 if bar else None
    except ValueError as error:
        raise InvalidError(_("The bar is a number of percent, such as 55.")) from error
    arena_settings.choose(session, ArenaChoice(train_on_votes, above), retrain_after=retrain_after)
