"""What a job would take, before it is queued: its time, its memory, and the hyper-parameters that it would use."""

from dataclasses import asdict

from fastapi import APIRouter

from app.api.description import raises
from app.api.jobs import JobIn
from app.api.schemas import JsonObject, Out
from app.errors import ConflictError, GoneError, InvalidError, NotFoundError
from app.kinds.registry import kind_named
from app.runtime import ReadSession, RuntimeDep, UnitRoute
from app.services.jobs import ranking_counts
from app.services.jobs.job_params import check_params
from app.services.jobs.size_checks import check_size
from app.services.jobs.start_plan import cost_of
from app.services.versions import versions
from app.translation import _

router = APIRouter(prefix="/api/v1/job-plans", tags=["jobs"], route_class=UnitRoute)


class JobPlanOut(Out):
    seconds: float
    """About, while nothing else runs."""
    measured_here: bool
    """By the last job of the kind here; else by the model's size."""
    memory_bytes: int
    """About, at the peak."""
    available_bytes: int | None
    """Memory that is free; null where that is not known."""
    fits: bool
    """Whether so much memory is free now; the job looks again when it starts, and is refused where there is less."""
    hparams: JsonObject
    """As the job would use them: those that follow the model's size are filled in."""


@router.post("", responses=raises(NotFoundError, ConflictError, GoneError, InvalidError))
def plan(body: JobIn, runtime: RuntimeDep, session: ReadSession) -> JobPlanOut:
    """Says what a job would take; queues nothing. Refuses what `POST /api/v1/jobs` refuses."""
    kind = kind_named(body.kind)
    params = check_params(session, kind, body.params)
    if kind.effort is None:
        raise InvalidError(_("A job of the kind {name} trains nothing, so there is no plan of it.", name=kind.name))
    check_size(session, kind, params, runtime.settings)
    directory = runtime.settings.version_directory(versions.sft_version(session).path)
    counts = ranking_counts.count_rankings(session)
    cost = cost_of(session, kind, directory, rankings=counts.total, params=params)
    if cost is None:
        raise ConflictError(_("The SFT model's config.json cannot be read. Restore its files, or import it again."))
    return JobPlanOut(
        seconds=cost.seconds,
        measured_here=cost.measured_here,
        memory_bytes=cost.memory,
        available_bytes=cost.available,
        fits=cost.fits,
        hparams=asdict(cost.hparams),
    )
