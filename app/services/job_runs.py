"""The worker's side of the jobs table: attempts, reports, outcomes, heartbeats.

Every write of an attempt names its fence, so an attempt that was superseded (its worker was taken for dead) changes
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.jobs import LIVE, Job, JobMetric, JobStatus, WorkerHeartbeat


@dataclass(frozen=True)
class Control:
    """What a report learns: `fenced` means that another attempt took over and this one must stop writing."""

    cancel: bool = False
    fenced: bool = False


@dataclass(frozen=True)
class MetricPoint:
    step: int
    values: dict[str, float]


def next_to_dispatch(session: Session) -> str | None:
    """The oldest queued job, once the engine has ended the one before: the order is ours, to the microsecond."""
    if dispatched(session):
        return None
    waiting = select(Job.id).where(Job.status == JobStatus.QUEUED, Job.dispatched_at.is_(None))
    return session.scalar(waiting.order_by(Job.created_at, Job.id).limit(1))


def dispatched(session: Session) -> list[str]:
    """Live jobs that the engine should know: one, or as many as workers looked at the same moment."""
    return list(session.scalars(select(Job.id).where(Job.status.in_(LIVE), Job.dispatched_at.is_not(None))))


def mark_dispatched(session: Session, job_id: str, when: datetime | None) -> None:
    """None puts it back into the outbox: the engine's own record of it is gone."""
    session.execute(update(Job).where(Job.id == job_id, Job.status.in_(LIVE)).values(dispatched_at=when))


def start_attempt(session: Session, job_id: str, *, max_attempts: int, crash: str | None = None) -> int | None:
    """The fence of a new attempt; None when the job is not to run (ended, cancelled, or started too often).

    `crash` says how the attempt before ended; it becomes the error of a job that is given up.
    """
    job = session.get(Job, job_id, with_for_update=True)
    if job is None or job.status not in LIVE:
        return None
    if job.cancel_requested:
        _end(job, JobStatus.CANCELLED)
        return None
    if job.attempts >= max_attempts:
        cause = crash or "The worker was killed while it ran."
        _end(job, JobStatus.FAILED, error=f"Gave up after {job.attempts} starts. {cause}")
        return None
    job.attempts += 1
    job.fence += 1
    job.status = JobStatus.RUNNING
    job.message = "Starting" if job.attempts == 1 else f"Starting again (attempt {job.attempts})"
    job.started_at, job.heartbeat_at = _start_time(job), utc_now()
    return job.fence


def _start_time(job: Job) -> datetime:
    """Now, less the time that earlier attempts worked: their steps are done, so the pace (time left) stays right."""
    now = utc_now()
    if job.started_at is None or job.heartbeat_at is None:
        return now
    return now - (job.heartbeat_at - job.started_at)


def _end(job: Job, status: JobStatus, *, error: str | None = None) -> None:
    job.status = status
    job.error = error
    job.finished_at = utc_now()


def release_attempt(session: Session, job_id: str, fence: int) -> None:
    """The worker stops in good order: the job waits for the next start, and this attempt does not count."""
    session.execute(
        _of_attempt(job_id, fence).values(
            status=JobStatus.QUEUED, attempts=Job.attempts - 1, message="Waiting for the worker to start again"
        )
    )


def _of_attempt(job_id: str, fence: int) -> Any:
    return (
        update(Job)
        .where(Job.id == job_id, Job.fence == fence, Job.status == JobStatus.RUNNING)
        .execution_options(synchronize_session=False)
    )


def control_of(session: Session, job_id: str, fence: int) -> Control:
    """The same answer as `report`, without writing."""
    row = session.execute(select(Job.cancel_requested, Job.fence, Job.status).where(Job.id == job_id)).one_or_none()
    if row is None or row.fence != fence or row.status is not JobStatus.RUNNING:
        return Control(fenced=True)
    return Control(cancel=row.cancel_requested)


def report(
    session: Session,
    job_id: str,
    fence: int,
    *,
    step: int,
    total_steps: int,
    message: str,
    metrics: Mapping[str, float],
    points: Sequence[MetricPoint] = (),
) -> Control:
    """Progress, heartbeat and curve points in one transaction; reads the cancel flag on the way.

    `metrics` is the latest of each metric, `points` the new points of the curves.
    """
    statement = _of_attempt(job_id, fence).values(
        step=step, total_steps=total_steps, message=message, metrics=dict(metrics), heartbeat_at=utc_now()
    )
    cancel = session.execute(statement.returning(Job.cancel_requested)).scalar_one_or_none()
    if cancel is None:
        return Control(fenced=True)
    session.add_all([JobMetric(job_id=job_id, step=point.step, values=point.values) for point in points])
    return Control(cancel=cancel)


def forget_points_from(session: Session, job_id: str, step: int) -> None:
    """A resumed attempt runs these steps again: its points take the place of the old ones."""
    session.execute(delete(JobMetric).where(JobMetric.job_id == job_id, JobMetric.step >= step))


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
        values |= {"step": Job.total_steps, "message": "Done"}
    ended = session.execute(_of_attempt(job_id, fence).values(**values).returning(Job.id))
    return ended.scalar_one_or_none() is not None


def fail_lost(session: Session, job_id: str, error: str) -> None:
    """The engine ended the job without an outcome in our table."""
    values = {"status": JobStatus.FAILED, "error": error, "finished_at": utc_now()}
    session.execute(update(Job).where(Job.id == job_id, Job.status.in_(LIVE)).values(**values))


def beat(session: Session, executor_id: str, now: datetime) -> None:
    row = session.get(WorkerHeartbeat, executor_id)
    if row is None:
        session.add(WorkerHeartbeat(executor_id=executor_id, started_at=now, heartbeat_at=now))
    else:
        row.heartbeat_at = now


def forget_heartbeat(session: Session, executor_id: str) -> None:
    session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.executor_id == executor_id))


def fresh_workers(session: Session, since: datetime) -> set[str]:
    """Executors whose last heartbeat is not older than `since`."""
    return set(session.scalars(select(WorkerHeartbeat.executor_id).where(WorkerHeartbeat.heartbeat_at >= since)))
