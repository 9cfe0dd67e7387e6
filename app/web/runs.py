"""The page of one run: what came of it, with which settings, its curves, and the way to start it again."""

from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.db.base import utc_now
from app.db.models.jobs import LIVE, Job, JobStatus
from app.db.models.versions import Version, VersionKind
from app.errors import ConflictError, InvalidError
from app.model_info.scorer_format import is_outdated
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.jobs import heartbeats, job_answers, job_folders, jobs, naming
from app.services.views.label_agreement import label_agreement
from app.settings.config import Settings
from app.web import notices
from app.web.decision import case_of
from app.web.notices import JobNotice
from app.web.penalty_picture import PenaltyPicture, penalty_picture
from app.web.plots import plot_tables
from app.web.policy_verdict import told_verdict
from app.web.reward_verdict import reward_verdict
from app.web.run_answers import RunAnswers, run_answers
from app.web.run_comparison import comparable
from app.web.run_params import Setting, settings_of
from app.web.security import FormDep
from app.web.templating import PageContext, render
from app.web.train import Curves
from app.web.written import seen_texts

router = APIRouter(route_class=UnitRoute)


@dataclass(frozen=True)
class Typed:
    """What stands in the form for name and note, and why it was refused."""

    name: str
    note: str
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class RunPage(PageContext):
    template: ClassVar[str] = "train/run.html"
    page: str | None = "train"
    job: Job
    """The run."""
    notice: str
    """What came of the last button that was pressed; empty without one."""
    live: bool
    """Whether it runs or waits."""
    seconds_left: float | None
    """None: nobody can tell."""
    worker_lost: bool
    """Whether no worker shows life."""
    resumable: bool
    """Whether it failed and can go on from its checkpoint."""
    version: Version | None
    """What it made, or looked at."""
    verdict: str
    """What is to be said of that version; empty where nothing is."""
    next_step: str
    """What to do next; empty where nobody knows."""
    changed: list[Setting]
    """Settings that differ from the usual ones."""
    usual: list[Setting]
    """All others."""
    answers: RunAnswers | None
    """What its policy said to the same prompts; none before the first look, or of a run without."""
    penalty: PenaltyPicture | None
    """A reward model's losses over its penalty; none of any other run, or of one before there was such a curve."""
    curves: Curves
    """Of its metrics."""
    comparable: int
    """How many other runs can be laid over it."""
    typed_name: str
    """As it stands in the form."""
    typed_note: str
    """As it stands in the form."""
    error: str
    """Why name or note was refused; empty otherwise."""
    max_name: int = naming.MAX_NAME_CHARACTERS
    """Longest name."""
    max_note: int = naming.MAX_NOTE_CHARACTERS
    """Longest note."""


@router.get("/train/runs/{job_id}")
def show_run(
    request: Request, runtime: RuntimeDep, session: ReadSession, job_id: str, said: str = "", kind: str = ""
) -> Response:
    job = jobs.get_job(session, job_id)
    return render(request, _page(runtime, session, job, notices.about_job(said, kind)))


@router.post("/train/runs/{job_id}/rename")
def rename_run(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep, job_id: str) -> Response:
    """Refused, the page comes back with what was typed and what is wrong with it."""
    typed = Typed(str(form.get("name", "")), str(form.get("note", "")))
    try:
        job = naming.rename(session, job_id, name=typed.name, note=typed.note, **seen_texts(form))
    except (ConflictError, InvalidError) as error:
        refused = Typed(typed.name, typed.note, error.page_message)
        page = _page(runtime, session, jobs.get_job(session, job_id), "", refused)
        return render(request, page, status_code=error.status_code)
    return RedirectResponse(f"/train/runs/{job.id}?said={JobNotice.RENAMED}&kind={job.kind}", 303)


def _page(runtime: Runtime, session: Session, job: Job, notice: str, typed: Typed | None = None) -> RunPage:
    typed = typed or Typed(job.name or "", job.note or "")
    settings, version = settings_of(job.kind, job.params), _version(session, job.result or {})
    verdict, next_step = _verdict(session, version, runtime.settings)
    age = heartbeats.age_seconds(session)
    points = jobs.curve_of(session, job.id)
    return RunPage(
        job=job,
        notice=notice,
        live=job.status in LIVE,
        seconds_left=jobs.seconds_left(job, utc_now()),
        worker_lost=job.status in LIVE and (age is None or age > runtime.settings.worker_stale_seconds),
        resumable=job.status is JobStatus.FAILED and job_folders.has_checkpoint(runtime.settings, job.id),
        version=version,
        verdict=verdict,
        next_step=next_step,
        changed=[each for each in settings if each.changed],
        usual=[each for each in settings if not each.changed],
        answers=run_answers(job_answers.answers_of(session, job.id)),
        penalty=penalty_picture((job.result or {}).get("metrics") or {}),
        curves=Curves(job=job, tables=plot_tables(job.kind, points, ended=job.status not in LIVE)),
        comparable=len(comparable(session, job)),
        typed_name=typed.name,
        typed_note=typed.note,
        error=typed.error,
    )


def _version(session: Session, result: dict[str, Any]) -> Version | None:
    number = result.get("version_id")
    return session.get(Version, number) if isinstance(number, int) else None


def _verdict(session: Session, version: Version | None, settings: Settings) -> tuple[str, str]:
    if version is not None and version.kind is VersionKind.REWARD:
        return reward_verdict(
            version.metrics,
            enough_accuracy=settings.auto_policy_accuracy,
            ceiling=label_agreement(session, version.id).ceiling,
            outdated=is_outdated(settings.version_directory(version.path)),
        )
    if version is None or version.kind is not VersionKind.POLICY:
        return "", ""
    return case_of(session, version).verdict, (told_verdict(version) or {}).get("next_step", "")
