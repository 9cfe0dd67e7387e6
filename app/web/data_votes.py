"""Votes of the arena on the data page: looked through, opened and withdrawn."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.db.models.arena import Verdict, Vote
from app.db.models.versions import Version
from app.errors import AppError, NotFoundError
from app.formats.ids import RowId
from app.formats.writers import shown_writer
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute
from app.services.arena import votes
from app.services.labeling.labelers import labeler_of
from app.services.views.ranking_records import Standing
from app.services.views.vote_records import VotesWanted, get_vote, list_votes
from app.translation import N_, _
from app.web.asked import anything
from app.web.browser_name import BrowserLabeler, labeler_name
from app.web.data_frame import (
    PATH,
    ROWS,
    WHOSE,
    Address,
    DataPage,
    Further,
    Whose,
    address_of,
    frame,
    further,
    is_whose,
    page_at,
    values_of,
    whose,
)
from app.web.data_rankings import STANDINGS
from app.web.formatting import version_title
from app.web.security import FormDep
from app.web.templating import render

router = APIRouter(route_class=UnitRoute)
HERE = f"{PATH}/votes"
OLDEST = "oldest"
SORTS = (("", N_("Newest first")), (OLDEST, N_("Oldest first")))
VERDICTS = (
    (Verdict.A, N_("A is better")),
    (Verdict.B, N_("B is better")),
    (Verdict.TIE, N_("Both alike")),
    (Verdict.BOTH_BAD, N_("Both bad")),
)
KNOWN = {
    "q": anything,
    "who": is_whose,
    "state": values_of(STANDINGS),
    "verdict": values_of(VERDICTS),
    "sort": values_of(SORTS),
}
"""What may stand in the address."""
DONE = {"withdraw": N_("The vote was withdrawn. It is kept here and counts no more.")}


@dataclass(frozen=True, kw_only=True)
class VotesPage(DataPage):
    template: ClassVar[str] = "data/votes.html"
    here: Address
    """What is shown, for the forms and links."""
    rows: list[Vote]
    """In the order asked for."""
    own_name: str | None
    """Of this browser's labeler."""
    further: Further
    """Where the next page begins."""
    who: Whose
    """Whose votes are shown."""
    whose_options: tuple[tuple[str, str], ...] = WHOSE
    """Values and names, untranslated, as those below."""
    standings: tuple[tuple[str, str], ...] = STANDINGS
    """Whether withdrawn ones are shown."""
    sorts: tuple[tuple[str, str], ...] = SORTS
    """The orders."""
    verdicts: tuple[tuple[Verdict, str], ...] = VERDICTS
    """All verdicts."""


@dataclass(frozen=True)
class Side:
    letter: str
    text: str
    is_cut: bool
    is_chosen: bool
    writer: str
    version_id: int | None
    """Of the writer's page; None where it is not here."""
    score: float | None


@dataclass(frozen=True, kw_only=True)
class VotePage(DataPage):
    template: ClassVar[str] = "data/vote.html"
    vote: Vote
    """With its pair, prompt and labeler."""
    sides: list[Side]
    """A and B, with who wrote them."""
    is_mine: bool
    """Whether this browser's labeler gave it."""
    verdict: str
    """In words."""
    error: AppError | None = None
    """Why the last button did nothing."""


@router.get(HERE)
def index(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    here = address_of(request, HERE, KNOWN)
    own_name = labeler_name(request)
    who = whose(session, here.get("who"), own_name)
    state, verdict = here.get("state"), here.get("verdict")
    wanted = VotesWanted(
        standing=Standing(state) if state in set(Standing) else Standing.IN_FORCE,
        labeler_id=who.labeler_id,
        kind=who.kind,
        verdict=Verdict(verdict) if verdict in set(Verdict) else None,
        words=here.get("q"),
        oldest_first=here.get("sort") == OLDEST,
    )
    after, page = page_at(request, here.after, lambda after: list_votes(session, wanted, after=after, limit=ROWS))
    here = here.behind(after)
    around = frame(session, runtime, HERE)
    shown = VotesPage(frame=around, here=here, rows=page.items, own_name=own_name, further=further(page), who=who)
    return render(request, shown)


@router.get(HERE + "/{vote_id}")
def show(request: Request, runtime: RuntimeDep, session: ReadSession, vote_id: RowId, done: str = "") -> Response:
    notice = _(DONE[done]) if done in DONE else ""
    return _page(session, request=request, runtime=runtime, vote_id=vote_id, notice=notice)


@router.post(HERE + "/{vote_id}/withdraw")
async def withdraw(
    request: Request, runtime: RuntimeDep, who: BrowserLabeler, _form: FormDep, vote_id: RowId
) -> Response:
    try:
        await runtime.writing.run(lambda session: votes.withdraw_vote(session, vote_id, labeler_of(session, who)))
    except NotFoundError:
        raise
    except AppError as error:
        refused = partial(_page, request=request, runtime=runtime, vote_id=vote_id, error=error)
        return await runtime.reading.run(refused)
    return RedirectResponse(f"{HERE}/{vote_id}?done=withdraw", 303)


def _page(
    session: Session,
    *,
    request: Request,
    runtime: Runtime,
    vote_id: int,
    notice: str = "",
    error: AppError | None = None,
) -> Response:
    vote = get_vote(session, vote_id)
    page = VotePage(
        frame=frame(session, runtime, HERE, notice),
        vote=vote,
        sides=_sides(session, vote),
        is_mine=vote.labeler.name == labeler_name(request),
        verdict=_(dict(VERDICTS)[vote.verdict]),
        error=error,
    )
    return render(request, page, status_code=200 if error is None else error.status_code)


def _sides(session: Session, vote: Vote) -> list[Side]:
    pair = vote.pair
    a, b = (
        _writer(session, *each) for each in ((pair.version_a_id, pair.writer_a), (pair.version_b_id, pair.writer_b))
    )
    return [
        Side("A", pair.text_a, pair.finish_reason_a == "length", vote.verdict is Verdict.A, *a, pair.score_a),
        Side("B", pair.text_b, pair.finish_reason_b == "length", vote.verdict is Verdict.B, *b, pair.score_b),
    ]


def _writer(session: Session, version_id: int | None, name: str | None) -> tuple[str, int | None]:
    version = None if version_id is None else session.get(Version, version_id)
    if version is not None:
        return version_title(version), version.id
    return shown_writer(name) if name else _("unknown"), None
