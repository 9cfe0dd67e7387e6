"""Several runs on the same plots: what differs between their settings, and a line for each of them."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.db.models.jobs import LIVE, Job
from app.errors import InvalidError
from app.formats.languages import in_a_row
from app.kinds.kind import Kind
from app.kinds.registry import KINDS, kind_of
from app.runtime import ReadSession, UnitRoute
from app.services.jobs import jobs
from app.translation import _
from app.web.plots import Drawn, Table, overlaid
from app.web.run_params import difference, settings_of, usual_of
from app.web.templating import PageContext, render

router = APIRouter(route_class=UnitRoute)
MOST_RUNS = 4
"""As many as there are dashes that can be told apart."""
OFFERED = 12


@dataclass(frozen=True)
class Compared:
    """One of the runs."""

    job: Job
    title: str
    drawn: bool
    """Whether it is on the plots, or only offered."""
    changed: str
    """What differs from the usual settings; empty for nothing."""


@dataclass(frozen=True, kw_only=True)
class ComparisonPage(PageContext):
    template: ClassVar[str] = "train/compare.html"
    page: str | None = "train"
    runs: list[Compared]
    """Those that are drawn and those that are offered, the newest first."""
    most: int = MOST_RUNS
    """So many can be drawn."""
    differences: list[str]
    """A sentence for each setting in which the drawn ones differ."""
    tables: list[Table]
    """The plots."""
    followed: str
    """Ids of those that are drawn, for the script."""


@router.get("/train/compare")
def compare(request: Request, session: ReadSession, job: list[str] = Query(default=[])) -> Response:  # noqa: B008
    drawn = sorted([jobs.get_job(session, job_id) for job_id in set(job)], key=lambda each: each.number)
    if not drawn:
        drawn = _newest_with_points(session)
    if len(drawn) > MOST_RUNS:
        raise InvalidError(_("At most {n} runs fit on a plot. Choose fewer.", n=MOST_RUNS))
    families = {usual_of(kind_of(each.kind)).name for each in drawn}
    if len(families) > 1:
        titles = in_a_row([_(kind_of(name).title) for name in sorted(families)])
        raise InvalidError(
            _("Runs of different kinds have different curves ({kinds}). Choose some of one kind.", kinds=titles)
        )
    return render(request, _page(session, drawn))


def _newest_with_points(session: Session) -> list[Job]:
    """One, or none; a run that waits has nothing to draw."""
    plotted = (each for each in jobs.list_jobs(session, limit=OFFERED).items if kind_of(each.kind).plots)
    return [each for each in plotted if jobs.metrics_since(session, each.id)][:1]


def comparable(session: Session, job: Job, *, limit: int = OFFERED) -> list[Job]:
    """The newest runs whose curves fit to those of this one, itself left out."""
    family = usual_of(kind_of(job.kind))
    names = [name for name, kind in KINDS.items() if usual_of(kind) is family]
    newest = [each for name in names for each in jobs.list_jobs(session, kind=name, limit=limit + 1).items]
    begun = [each for each in newest if each.started_at is not None and each.id != job.id]
    return sorted(begun, key=lambda each: -each.number)[:limit]


def run_title(job: Job) -> str:
    """With what somebody called it."""
    if job.name is None:
        return _("Run {number}", number=job.number)
    return _("Run {number} “{name}”", number=job.number, name=job.name)


def changed_in_words(job: Job) -> str:
    return ", ".join(each.sentence for each in settings_of(job.kind, job.params) if each.changed)


def _page(session: Session, drawn: list[Job]) -> ComparisonPage:
    offered = [] if not drawn else comparable(session, drawn[0])
    runs = sorted({each.id: each for each in [*drawn, *offered]}.values(), key=lambda each: -each.number)
    lines = [
        Drawn(each.id, run_title(each), jobs.curve_of(session, each.id), each.status not in LIVE) for each in drawn
    ]
    told = [(run_title(each), settings_of(each.kind, each.params)) for each in drawn]
    return ComparisonPage(
        runs=[Compared(each, run_title(each), each in drawn, changed_in_words(each)) for each in runs],
        differences=[_difference(name, values, drawn) for name, values in difference(told)],
        tables=overlaid(_family(drawn).name, lines) if drawn else [],
        followed=" ".join(each.id for each in drawn),
    )


def _family(drawn: list[Job]) -> Kind:
    return usual_of(kind_of(drawn[0].kind))


def _difference(name: str, values: list[str], runs: list[Job]) -> str:
    each = zip(values, runs, strict=True)
    said = [_("{value} in run {number}", value=value, number=run.number) for value, run in each]
    return _("{setting}: {values}.", setting=name, values=in_a_row(said))
