"""Jobs as rows: queueing, cancelling, following. Knows nothing of the engine that runs them (see job_runs.py).

A job is queued in the transaction of its cause, so the cause and the job are saved together or not at all.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.jobs import LIVE, Job, JobKind, JobMetric, JobStatus, JobTrigger, WorkerHeartbeat
from app.errors import ConflictError, NotFoundError
from app.services.job_params import check_params
from app.services.paging import Page, check_limit

FINAL = tuple(status for status in JobStatus if status not in LIVE)


def queue_job(
    session: Session, *, kind: JobKind, params: dict[str, Any] | None = None, trigger: JobTrigger = JobTrigger.PERSON
) -> Job:
    """A new queued job, or the live one that already does the same work."""
    checked = check_params(session, kind, params or {})
    key = _dedup_key(kind, checked)
    live = _live_job(session, key)
    if live is not None:
        return live
    job = Job(id=uuid.uuid4().hex, kind=kind, params=checked, dedup_key=key, trigger=trigger)
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError:  # another process queued it between our look and our insert (PostgreSQL)
        live = _live_job(session, key)
        if live is None:
            raise
        return live
    return job


def _dedup_key(kind: JobKind, params: dict[str, Any]) -> str:
    return f"{kind}:{params['version_id']}" if kind is JobKind.EVALUATE else str(kind)


def _live_job(session: Session, key: str) -> Job | None:
    return session.scalar(select(Job).where(Job.dedup_key == key, Job.status.in_(LIVE)))


def get_job(session: Session, job_id: str) -> Job:
    job = session.get(Job, job_id)
    if job is None:
        raise NotFoundError(f"There is no job {job_id!r}. GET /api/v1/jobs lists them.")
    return job


def list_jobs(
    session: Session,
    *,
    after: str | None = None,
    limit: int = 50,
    statuses: Sequence[JobStatus] = (),
    kind: JobKind | None = None,
) -> Page[Job]:
    """Newest first; the cursor is a job id."""
    check_limit(limit)
    statement = select(Job).order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)
    if statuses:
        statement = statement.where(Job.status.in_(statuses))
    if kind is not None:
        statement = statement.where(Job.kind == kind)
    if after is not None:
        last = get_job(session, after)
        older = and_(Job.created_at == last.created_at, Job.id < last.id)
        statement = statement.where(or_(Job.created_at < last.created_at, older))
    rows = list(session.scalars(statement))
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def request_cancel(session: Session, job_id: str) -> Job:
    """A queued job ends at once, a running one at its next report; asking twice changes nothing."""
    job = get_job(session, job_id)
    if job.status is JobStatus.CANCELLED:
        return job
    if job.status not in LIVE:
        raise ConflictError(f"The job has already {job.status}; there is nothing to cancel.")
    job.cancel_requested = True
    if job.status is JobStatus.QUEUED:
        job.status = JobStatus.CANCELLED
        job.finished_at = utc_now()
    session.flush()
    return job


def metrics_since(session: Session, job_id: str, after_id: int = 0, *, limit: int = 1_000) -> list[JobMetric]:
    """Points of the job's curves that came after the point `after_id`, in order."""
    statement = select(JobMetric).where(JobMetric.job_id == job_id, JobMetric.id > after_id)
    return list(session.scalars(statement.order_by(JobMetric.id).limit(limit)))


def seconds_left(job: Job, now: datetime | None = None) -> float | None:
    """Time left at the pace so far; None while that is unknown."""
    if job.status is not JobStatus.RUNNING or job.started_at is None or not job.step or not job.total_steps:
        return None
    elapsed = ((now or utc_now()) - job.started_at).total_seconds()
    return max(0.0, elapsed * (job.total_steps - job.step) / job.step)


def latest_job(session: Session, kind: JobKind) -> Job | None:
    return session.scalar(select(Job).where(Job.kind == kind).order_by(Job.created_at.desc(), Job.id.desc()).limit(1))


def worker_age_seconds(session: Session, now: datetime | None = None) -> float | None:
    """Age of the newest heartbeat of any worker; None when none is running."""
    newest = session.scalar(select(func.max(WorkerHeartbeat.heartbeat_at)))
    return None if newest is None else max(0.0, ((now or utc_now()) - newest).total_seconds())
