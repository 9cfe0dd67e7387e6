"""The worker's side of the jobs table: hand-overs, attempts, reports, outcomes.

Every write of an attempt names its fence, so an attempt that was superseded (its worker was taken for dead) changes
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.jobs import LIVE, Job, JobMetric, JobStatus
from app.services.jobs import job_answers
from app.services.jobs.job_answers import AnswersInWords
from app.translation import _


@dataclass(frozen=True)
class Control:
    """What a report learns: `fenced` means that another attempt took over and this one must stop writing."""

    cancel: bool = False
    fenced: bool = False


@dataclass(frozen=True)
class MetricPoint:
    step: int
    values: dict[str, float]


@dataclass(frozen=True)
class Report:
    """How far an attempt is."""

    step: int
    total_steps: int
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """The latest of each."""
    points: Sequence[MetricPoint] = ()
    """New ones of the curves, in the order of their steps; they take the place of what an earlier attempt reported from
    the first of them on."""
    answers: Sequence[AnswersInWords] = ()
    """New ones of the policy in training, likewise."""
    ends_at: datetime | None = None


@dataclass(frozen=True)
class HandOver:
    """The `number`-th time that a job is given to the engine."""

    job_id: str
    number: int


def next_to_dispatch(session: Session) -> HandOver | None:
    """The first waiting job, once the engine has ended the one before: the order is ours."""
    if dispatched(session):
        return None
    waiting = select(Job.id, Job.dispatches).where(Job.status.in_(LIVE), Job.dispatched_at.is_(None))
    row = session.execute(waiting.order_by(Job.number).limit(1)).one_or_none()
    return None if row is None else HandOver(row.id, row.dispatches + 1)


def dispatched(session: Session) -> list[HandOver]:
    """Live jobs that the engine should know: one, or as many as workers looked at the same moment."""
    rows = session.execute(select(Job.id, Job.dispatches).where(Job.status.in_(LIVE), Job.dispatched_at.is_not(None)))
    return [HandOver(row.id, row.dispatches) for row in rows]


def mark_dispatched(session: Session, given: HandOver, when: datetime) -> None:
    live = update(Job).where(Job.id == given.job_id, Job.status.in_(LIVE))
    session.execute(live.values(dispatched_at=when, dispatches=given.number))


def requeue(session: Session, lost: HandOver) -> bool:
    """The engine does not know this hand-over, or ended it without an outcome: the job waits for the next one.

    An attempt that lives all the same is refused at its next report; the new one goes on from the same checkpoint.
    """
    live = update(Job).where(Job.id == lost.job_id, Job.dispatches == lost.number, Job.status.in_(LIVE))
    values = {"status": JobStatus.QUEUED, "dispatched_at": None, "message": _("Waiting to be resumed")}
    waits = session.execute(live.values(**values).returning(Job.id)).scalar_one_or_none() is not None
    if waits:
        session.get_one(Job, lost.job_id, populate_existing=True).end_attempt()
        session.flush()
    return waits


def start_attempt(
    session: Session,
    job_id: str,
    *,
    max_attempts: int,
    executor_id: str | None = None,
    checkpoint: str | None = None,
    crash: str | None = None,
) -> int | None:
    """The fence of a new attempt; None when the job is not to run (ended, cancelled, or started too often).

    `checkpoint` marks the one that this attempt begins from: where it is another than the attempt before began from,
    that one had advanced, and the count of starts without progress begins anew. `crash` says how the attempt before
    ended; it becomes the error of a job that is given up.
    """
    job = session.get(Job, job_id)
    if job is None or job.status not in LIVE:
        return None
    job.end_attempt()
    if job.cancel_requested:
        _end(job, JobStatus.CANCELLED)
        return None
    if checkpoint is not None and checkpoint != job.checkpoint_seen:
        job.attempts_without_progress = 0
        job.checkpoint_seen = checkpoint
    if job.attempts_without_progress >= max_attempts:
        error = _(
            "Gave up after {n} starts without progress. {cause}",
            n=job.attempts_without_progress,
            cause=crash or _("The worker was killed while it ran."),
        )
        _end(job, JobStatus.FAILED, error=error)
        return None
    job.attempts += 1
    job.attempts_without_progress += 1
    job.fence += 1
    job.executor_id = executor_id
    job.status = JobStatus.RUNNING
    job.message = _("Starting") if job.attempts == 1 else _("Starting again (attempt {n})", n=job.attempts)
    job.attempt_started_at = job.heartbeat_at = now = utc_now()
    job.started_at, job.ends_at = min(job.started_at or now, now), None  # the clock may have been set back
    job.worked_before_seconds = job.worked_before_seconds or 0.0
    return job.fence


def _end(job: Job, status: JobStatus, *, error: str | None = None) -> None:
    job.status = status
    job.error = error
    job.finished_at = utc_now()


def release_attempt(session: Session, job_id: str, fence: int) -> None:
    """The worker stops in good order: the job waits for the next start, and this attempt does not count."""
    released = session.execute(
        _of_attempt(job_id, fence)
        .values(
            status=JobStatus.QUEUED,
            attempts=Job.attempts - 1,
            attempts_without_progress=Job.attempts_without_progress - 1,
            message=_("Waiting for the worker to start again"),
        )
        .returning(Job.id)
    )
    if released.scalar_one_or_none() is not None:
        session.get_one(Job, job_id, populate_existing=True).end_attempt()
        session.flush()


def _of_attempt(job_id: str, fence: int) -> Any:
    return (
        update(Job)
        .where(Job.id == job_id, Job.fence == fence, Job.status == JobStatus.RUNNING)
        .execution_options(synchronize_session=False)
    )


def control_of(session: Session, job_id: str, fence: int) -> Control:
    """The same answer as `write_report`, without writing."""
    row = session.execute(select(Job.cancel_requested, Job.fence, Job.status).where(Job.id == job_id)).one_or_none()
    if row is None or row.fence != fence or row.status is not JobStatus.RUNNING:
        return Control(fenced=True)
    return Control(cancel=row.cancel_requested)


def write_report(session: Session, job_id: str, fence: int, report: Report) -> Control:
    """Progress, heartbeat and curve points in one transaction; reads the cancel flag on the way."""
    statement = _of_attempt(job_id, fence).values(
        step=report.step,
        total_steps=report.total_steps,
        message=report.message,
        metrics=dict(report.metrics),
        heartbeat_at=utc_now(),
        ends_at=report.ends_at,
    )
    cancel = session.execute(statement.returning(Job.cancel_requested)).scalar_one_or_none()
    if cancel is None:
        return Control(fenced=True)
    if report.points:
        first = report.points[0].step
        session.execute(delete(JobMetric).where(JobMetric.job_id == job_id, JobMetric.step >= first))
        session.add_all([JobMetric(job_id=job_id, step=point.step, values=point.values) for point in report.points])
        job_answers.forget_after(session, job_id, first)
    job_answers.add(session, job_id, report.answers)
    return Control(cancel=cancel)


def note_rankings(session: Session, job_id: str, fence: int, ranking_ids: Sequence[int]) -> None:
    """Which rankings a reward training reads: all that come later, or are withdrawn later, are new to the next one."""
    values = {"newest_ranking_id": max(ranking_ids, default=0), "num_rankings": len(ranking_ids)}
    session.execute(_of_attempt(job_id, fence).values(**values))


def finish(
    session: Session,
    job_id: str,
    fence: int,
    *,
    status: JobStatus,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """Ends the attempt's job. False: another attempt took over, and the caller must roll back."""
    values: dict[str, Any] = {"status": status, "result": result, "error": error, "finished_at": utc_now()}
    if status is JobStatus.SUCCEEDED:
        values |= {"step": Job.total_steps, "message": _("Done")}
    ended = session.execute(_of_attempt(job_id, fence).values(**values).returning(Job.id))
    return ended.scalar_one_or_none() is not None
