"""Labelers on the data page: who gave how much, and how many cards two people ranked."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db.models.labelers import Labeler, LabelerKind
from app.runtime import ReadSession, RuntimeDep, UnitRoute
from app.services.views.labeler_records import LabelersWanted, list_labelers, second_cards
from app.services.views.record_counts import OfLabeler
from app.translation import N_
from app.web.asked import anything
from app.web.browser_name import labeler_name
from app.web.data_frame import (
    KINDS,
    PATH,
    ROWS,
    Address,
    DataPage,
    Further,
    address_of,
    frame,
    further,
    page_at,
    values_of,
)
from app.web.labeler_agreement import second_sentence
from app.web.templating import render

router = APIRouter(route_class=UnitRoute)
HERE = f"{PATH}/labelers"
NEWEST = "newest"
SORTS = (("", N_("Most given first")), (NEWEST, N_("Newest first")))
KNOWN = {"q": anything, "kind": values_of(KINDS), "sort": values_of(SORTS)}
"""What may stand in the address."""


@dataclass(frozen=True)
class LabelerRow:
    labeler: Labeler
    given: OfLabeler
    is_me: bool


@dataclass(frozen=True, kw_only=True)
class LabelersPage(DataPage):
    template: ClassVar[str] = "data/labelers.html"
    here: Address
    """What is shown, for the forms and links."""
    rows: list[LabelerRow]
    """In the order asked for."""
    further: Further
    """Where the next page begins."""
    second: str
    """How many cards two people ranked, or what to do where there are none."""
    are_compared: bool
    """Whether there are such cards."""
    kinds: tuple[tuple[LabelerKind, str], ...] = KINDS
    """All kinds with their names, untranslated."""
    sorts: tuple[tuple[str, str], ...] = SORTS
    """The orders."""


@router.get(HERE)
def index(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    here, own_name = address_of(request, HERE, KNOWN), labeler_name(request)
    kind = here.get("kind")
    wanted = LabelersWanted(
        words=here.get("q"),
        kind=LabelerKind(kind) if kind in set(LabelerKind) else None,
        newest_first=here.get("sort") == NEWEST,
    )
    counts = runtime.counts.of(session).by_labeler
    after, page = page_at(
        request, here.after, lambda after: list_labelers(session, wanted, counts, after=after, limit=ROWS)
    )
    here = here.behind(after)
    rows = [LabelerRow(each, counts.get(each.id, OfLabeler()), each.name == own_name) for each in page.items]
    second = second_cards(session)
    shown = LabelersPage(
        frame=frame(session, runtime, HERE),
        here=here,
        rows=rows,
        further=further(page),
        second=second_sentence(second),
        are_compared=second.ranked > 0,
    )
    return render(request, shown)
