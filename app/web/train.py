"""The train page: what runs, what it learns, its results, and which version answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from app.db.base import utc_now
from app.db.models.jobs import LIVE, Job, JobStatus
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.jobs import job_folders, jobs
from app.services.versions import versions
from app.services.views.loop_status import LoopStatus, loop_status
from app.services.views.training_overview import TrainingOverview, job_with_curves, training_overview
from app.settings.config import Settings
from app.web import notices
from app.web.decision import Decision, decision
from app.web.left_out import LeftOut, left_out
from app.web.loop import Loop, loop_in_words
from app.web.notices import JobNotice
from app.web.plots import Table, plot_tables
from app.web.security import FormDep
from app.web.starts import Start, sent_job, starts
from app.web.templating import Context, PageContext, is_fragment, render
from app.web.version_tree import Tree, tree

router = APIRouter(route_class=UnitRoute)


@dataclass(frozen=True, kw_only=True)
class Jobs(Context):
    """What runs and waits, and the forms that start more."""

    template: ClassVar[str] = "train/_jobs.html"
    overview: TrainingOverview
    """Jobs and versions."""
    loop_status: LoopStatus
    """Who ranked how much, how far the next training is, what runs now."""
    loop_now: Loop
    """Where the loop stands, in words."""
    seconds_left: Mapping[str, float | None]
    """By the ids of the jobs that run and wait; none: nobody can tell."""
    worker_lost: bool
    """Whether a job waits and no worker shows life."""
    left_out: LeftOut
    """How many prompts the active version cannot answer."""
    starts: list[Start]
    """The forms, one for each kind of job."""


@dataclass(frozen=True, kw_only=True)
class Results(Context):
    """What came of it: answers before and after, versions, jobs that have ended."""

    template: ClassVar[str] = "train/_results.html"
    overview: TrainingOverview
    """Jobs and versions."""
    tree: Tree
    """The versions."""
    resumable: set[str]
    """Ids of failed jobs that have a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Curves(Context):
    """The curves of one job."""

    template: ClassVar[str] = "train/_curves.html"
    job: Job | None
    """Whose curves they are; none before the first training."""
    tables: list[Table]
    """Each plot in words and figures."""


@dataclass(frozen=True, kw_only=True)
class Changed(Context):
    """After a button was pressed: the part of the page that it changed, and a sentence in the place for it."""

    template: ClassVar[str] = "train/_changed.html"
    changed: Jobs | Results
    """The part of the page, as it is now."""
    decision: Decision
    """What is to be decided, as it is now."""
    notice: str
    """What came of the button."""


@dataclass(frozen=True, kw_only=True)
class TrainPage(PageContext):
    template: ClassVar[str] = "train/index.html"
    page: str | None = "train"
    notice: str
    """What came of the last button that was pressed; empty without one."""
    decision: Decision
    """What is to be decided."""
    jobs: Jobs
    """What runs and waits, and the forms that start more."""
    curves: Curves
    """Of one job."""
    results: Results
    """What came of it."""


@router.get("/train")
def index(
    request: Request,
    runtime: RuntimeDep,
    session: ReadSession,
    job: str | None = None,
    said: str = "",
    kind: str = "",
    version: str = "",
) -> Response:
    overview = training_overview(session)
    page = TrainPage(
        notice=notices.about_job(said, kind) or notices.about_version(session, said, version),
        decision=decision(session, runtime.settings),
        jobs=_jobs(runtime, session, overview),
        curves=_curves(session, job),
        results=_results(runtime, session, overview),
    )
    return render(request, page)


@router.get("/train/jobs")
def live_jobs(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    return render(request, _jobs(runtime, session, training_overview(session)))


@router.get("/train/decision")
def live_decision(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    return render(request, decision(session, runtime.settings))


@router.get("/train/results")
def results(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    return render(request, _results(runtime, session, training_overview(session)))


@router.get("/train/curves")
def curves(request: Request, session: ReadSession, job: str | None = None) -> Response:
    return render(request, _curves(session, job))


@router.post("/train/jobs")
def start_job(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep) -> Response:
    kind, params = sent_job(form, session, runtime.settings)
    job, said = started(session, kind, params, runtime.settings)
    return _changed(request, runtime, session, job, said, form=form)


@router.post("/jobs/{job_id}/cancel")
def cancel_job(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep, job_id: str) -> Response:
    job = jobs.request_cancel(session, job_id, stale_seconds=runtime.settings.worker_stale_seconds)
    return _changed(request, runtime, session, job, notices.of_cancel(job), form=form)


@router.post("/jobs/{job_id}/resume")
def resume_job(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep, job_id: str) -> Response:
    job = jobs.resume_job(session, job_id, runtime.settings)
    return _changed(request, runtime, session, job, JobNotice.GOES_ON, form=form)


@router.post("/jobs/{job_id}/restart")
def restart_job(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep, job_id: str) -> Response:
    ended = jobs.ended_job(session, job_id)
    job, said = started(session, ended.kind, ended.params, runtime.settings)
    return _changed(request, runtime, session, job, said, form=form)


def started(session: Session, kind: str, params: dict[str, Any], settings: Settings) -> tuple[Job, JobNotice]:
    """Queues the work, and says so; or says that it is being done already."""
    alone = not jobs.list_jobs(session, statuses=LIVE, limit=1).items
    fresh = jobs.same_work(session, kind, params) is None
    job = jobs.queue_job(session, kind=kind, params=params, settings=settings)
    return job, notices.of_start(job, fresh=fresh, alone=alone)


def run_address(job: Job, said: JobNotice) -> str:
    """The page of a run, with a sentence about the button that was pressed."""
    return f"/train/runs/{job.id}?said={said}&kind={job.kind}"


def _changed(
    request: Request, runtime: Runtime, session: Session, job: Job, said: JobNotice, *, form: FormData
) -> Response:
    """Back to the page that asked: the run's, or the train page."""
    if form.get("back") == "run":
        return RedirectResponse(run_address(job, said), 303)
    if not is_fragment(request):
        return RedirectResponse(f"/train?said={said}&kind={job.kind}", 303)
    changed = _jobs(runtime, session, training_overview(session))
    choice = decision(session, runtime.settings)
    return render(request, Changed(changed=changed, decision=choice, notice=notices.about_job(said, job.kind)))


def changed_results(runtime: Runtime, session: Session, notice: str) -> Changed:
    """After something was decided about a version."""
    found = decision(session, runtime.settings)
    return Changed(changed=_results(runtime, session, training_overview(session)), decision=found, notice=notice)


def _jobs(runtime: Runtime, session: Session, overview: TrainingOverview) -> Jobs:
    now, settings = utc_now(), runtime.settings
    status = loop_status(session, settings, now)
    return Jobs(
        overview=overview,
        loop_status=status,
        loop_now=loop_in_words(status),
        seconds_left={job.id: jobs.seconds_left(job, now) for job in overview.running},
        worker_lost=status.job is not None and status.worker_lost,
        left_out=left_out(session),
        starts=starts(
            session,
            policies=overview.answerers,
            rankings=status.rankings,
            sft_directory=settings.version_directory(versions.sft_version(session).path),
        ),
    )


def _results(runtime: Runtime, session: Session, overview: TrainingOverview) -> Results:
    failed = [job for job in overview.recent if job.status is JobStatus.FAILED]
    resumable = {job.id for job in failed if job_folders.has_checkpoint(runtime.settings, job.id)}
    shown = tree(session, runtime.settings, back="list")
    return Results(overview=overview, tree=shown, resumable=resumable)


def _curves(session: Session, job_id: str | None) -> Curves:
    shown = job_with_curves(session, job_id)
    if shown is None:
        return Curves(job=None, tables=[])
    job, points = shown
    return Curves(job=job, tables=plot_tables(job.kind, points, ended=job.status not in LIVE))
