"""Jobs as rows: queueing, cancelling, following. Knows nothing of the engine that runs them (see job_runs.py).

A job is queued in the transaction of its cause, so the cause and the job are saved together or not at all.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.base import CLOCK_TOLERANCE, utc_now
from app.db.models.jobs import LIVE, Job, JobMetric, JobStatus, JobTrigger
from app.db.models.rankings import Ranking
from app.errors import About, ConflictError, NotFoundError, Record
from app.kinds.kind import Kind
from app.kinds.registry import job_title, kind_named
from app.services.jobs import heartbeats, job_folders
from app.services.jobs.job_params import check_params, same_params
from app.services.jobs.ranking_counts import count_around
from app.services.jobs.size_checks import check_size
from app.services.paging import Page, check_limit
from app.settings.config import Settings
from app.translation import N_, _

FINAL = tuple(status for status in JobStatus if status not in LIVE)


def queue_job(
    session: Session,
    *,
    kind: str,
    params: dict[str, Any] | None = None,
    trigger: JobTrigger = JobTrigger.PERSON,
    settings: Settings | None = None,
) -> Job:
    """A new queued job, or the live one that already does the same work. `kind` is the name of one (app/kinds).

    Raises ConflictError where the live one was started with other parameters; what a rule asks for, it answers.
    `settings`: of what a person asks for, which is held against the SFT model's size; without them the job does that.
    """
    known = kind_named(kind)
    checked = check_params(session, known, params or {})
    if settings is not None:
        check_size(session, known, checked, settings)
    key = _dedup_key(known, checked)
    live = _live_job(session, key)
    if live is not None:
        if trigger is not JobTrigger.RULE and not same_params(known, checked, live.params):
            raise _under_way(live)
        return live
    job = Job(id=uuid.uuid4().hex, kind=known.name, params=checked, dedup_key=key, trigger=trigger)
    if known.reads_rankings:
        job.newest_ranking_id, job.num_rankings = _rankings_in_force(session)
    session.add(job)
    session.flush()
    return job


def _under_way(live: Job) -> ConflictError:
    given = ", ".join(f"{name} {value}" for name, value in live.params.items())
    return ConflictError(
        f"Job {live.id} ({live.kind}) is {live.status} already, with other parameters: {given or 'the default ones'}. "
        f"Wait for it to end, or cancel it (POST /api/v1/jobs/{live.id}/cancel), then start this one.",
        page=_(
            "{job} is under way already, with other settings ({settings}). Wait until it ends, or cancel it, then "
            "start this one.",
            job=job_title(live.kind),
            settings=given or _("the usual ones"),
        ),
        about=About(Record.JOB, live.id),
    )


def same_work(session: Session, kind: str, params: dict[str, Any]) -> Job | None:
    """The live job that `queue_job` would answer with instead of a new one."""
    known = kind_named(kind)
    return _live_job(session, _dedup_key(known, check_params(session, known, params)))


def _dedup_key(kind: Kind, params: dict[str, Any]) -> str:
    return ":".join([kind.name, *(str(params.get(name)) for name in kind.same_work)])


def _live_job(session: Session, key: str) -> Job | None:
    return session.scalar(select(Job).where(Job.dedup_key == key, Job.status.in_(LIVE)))


def _rankings_in_force(session: Session) -> tuple[int, int]:
    """The newest one's id and their number; 0 and 0 where there is none."""
    newest = session.scalar(select(Ranking.id).where(Ranking.in_force()).order_by(Ranking.id.desc()).limit(1))
    return newest or 0, sum(count_around(session, 0))


def get_job(session: Session, job_id: str) -> Job:
    possible = job_id.isascii() and job_id.isalnum()  # PostgreSQL cannot be asked for every text
    job = session.get(Job, job_id) if possible else None
    if job is None:
        raise NotFoundError(
            f"There is no job {job_id[:80]!r}. GET /api/v1/jobs lists them.",
            page=_("There is no job {id}. The Train page shows the latest ones.", id=repr(job_id[:80])),
        )
    return job


def list_jobs(
    session: Session,
    *,
    after: str | None = None,
    limit: int = 50,
    statuses: Sequence[JobStatus] = (),
    kind: str | None = None,
) -> Page[Job]:
    """Newest first; the cursor is a job id."""
    check_limit(limit)
    statement = select(Job).order_by(Job.number.desc()).limit(limit + 1)
    if statuses:
        statement = statement.where(Job.status.in_(statuses))
    if kind is not None:
        statement = statement.where(Job.kind == kind)
    if after is not None:
        statement = statement.where(Job.number < get_job(session, after).number)
    rows = list(session.scalars(statement))
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def request_cancel(session: Session, job_id: str, *, stale_seconds: float = 15.0) -> Job:
    """Ends a job that nobody works on at once: one that waits, or whose worker has shown no life for `stale_seconds`.

    Others end at their next report. Asking twice changes nothing; the same work may be queued anew at once.
    """
    job = get_job(session, job_id)
    if job.status is JobStatus.CANCELLED:
        return job
    if job.status not in LIVE:
        raise ConflictError(
            f"The job has already {job.status}; there is nothing to cancel.",
            page=_("The job has already ended; there is nothing to cancel."),
            about=About(Record.JOB, job_id),
        )
    job.cancel_requested = True
    job.dedup_key = job.id  # it no longer stands for its work
    living = heartbeats.living_workers(session, stale_seconds=stale_seconds)
    if job.status is JobStatus.QUEUED or job.executor_id not in living:
        job.end_attempt()
        job.status = JobStatus.CANCELLED
        job.finished_at = utc_now()
    session.flush()
    return job


def resume_job(session: Session, job_id: str, settings: Settings) -> Job:
    """A failed job goes on from its checkpoint, with its parameters and the data that it chose; twice is once.

    Raises ConflictError where there is no checkpoint, or another job already does this work.
    """
    job = get_job(session, job_id)
    if job.status in LIVE:
        return job
    if job.status is not JobStatus.FAILED:
        raise ConflictError(
            f"A {job.status} job cannot be resumed, only a failed one. Start it again instead.",
            page=_("Only a failed job can be resumed, and this one did not fail. Start it again instead."),
            about=About(Record.JOB, job_id),
        )
    if not job_folders.has_checkpoint(settings, job_id):
        said = _("This job has no checkpoint to resume from. Start it again instead.")
        raise ConflictError(said, about=About(Record.JOB, job_id))
    key = _dedup_key(kind_named(job.kind), job.params)
    other = _live_job(session, key)
    if other is not None:
        raise ConflictError(
            f"Job {other.id} already does this work. Wait for it to end, or cancel it first.",
            page=_("Another job already does this work. Wait for it to end, or cancel it first."),
            about=About(Record.JOB, other.id),
        )
    job.end_attempt()
    job.status = JobStatus.QUEUED
    job.cancel_requested, job.dedup_key = False, key  # a cancel that it failed before seeing is taken back
    job.message = N_("Waiting to resume from its checkpoint")
    job.attempts_without_progress = 0
    job.dispatched_at = job.finished_at = job.error = None
    session.flush()
    return job


def restart_job(session: Session, job_id: str, settings: Settings) -> Job:
    """A new job with the parameters of one that has ended. It begins anew, with the data of today."""
    job = ended_job(session, job_id)
    return queue_job(session, kind=job.kind, params=job.params, settings=settings)


def ended_job(session: Session, job_id: str) -> Job:
    """Raises ConflictError for a live one."""
    job = get_job(session, job_id)
    if job.status in LIVE:
        said = _("The job has not ended yet. Cancel it first, or wait for its end.")
        raise ConflictError(said, about=About(Record.JOB, job_id))
    return job


def curve_of(session: Session, job_id: str) -> list[JobMetric]:
    """All points of the job's curves, in the order of their steps."""
    return list(session.scalars(select(JobMetric).where(JobMetric.job_id == job_id).order_by(JobMetric.step)))


def metrics_since(session: Session, job_id: str, after_id: int = 0, *, limit: int = 1_000) -> list[JobMetric]:
    """Points of the job's curves that came after the point `after_id`, in order: also those that an attempt reported
    again."""
    statement = select(JobMetric).where(JobMetric.job_id == job_id, JobMetric.id > after_id)
    return list(session.scalars(statement.order_by(JobMetric.id).limit(limit)))


def seconds_left(job: Job, now: datetime | None = None) -> float | None:
    """Until its last step is done, by the pace of the last ones; None while that is unknown.

    Between two steps it counts down. Nought: in a moment, what was made is being stored, or the step takes longer.
    """
    now = now or utc_now()
    if job.status is not JobStatus.RUNNING or job.cancel_requested or job.ends_at is None:
        return None
    if job.heartbeat_at is None or job.heartbeat_at > now + CLOCK_TOLERANCE:  # the clock was set back
        return None
    return max(0.0, (job.ends_at - now).total_seconds())


def latest_job(session: Session, kind: str) -> Job | None:
    """The one that was queued last."""
    return session.scalar(select(Job).where(Job.kind == kind).order_by(Job.number.desc()).limit(1))
