"""Jobs: the record and the outbox of background work. DBOS behind it is the worker's own affair."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, column, func, select, table, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, string_enum, utc_now


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobTrigger(StrEnum):
    PERSON = "person"
    RULE = "rule"


_next_number = select(func.coalesce(func.max(column("number")), 0) + 1).select_from(table("jobs")).scalar_subquery()
LIVE = (JobStatus.QUEUED, JobStatus.RUNNING)
_LIVE_SQL = "status IN ('queued', 'running')"


class Job(Base):
    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "uq_jobs_live_dedup_key",
            "dedup_key",
            unique=True,
            sqlite_where=text(_LIVE_SQL),
            postgresql_where=text(_LIVE_SQL),
        ),
        Index(None, "status", "number"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """uuid4 hex."""
    number: Mapped[int] = mapped_column(index=True, unique=True, default=_next_number)
    """Grows with every job that is queued: the order of jobs. Times tell only people when, a clock may be set back."""
    kind: Mapped[str] = mapped_column(String(32))
    """The name of one of app/kinds, checked there when the job is queued."""
    name: Mapped[str | None]
    """What somebody called the run."""
    note: Mapped[str | None]
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    dedup_key: Mapped[str]
    trigger: Mapped[JobTrigger] = mapped_column(string_enum(JobTrigger), default=JobTrigger.PERSON)
    status: Mapped[JobStatus] = mapped_column(string_enum(JobStatus), default=JobStatus.QUEUED)
    dispatched_at: Mapped[datetime | None]
    """When the worker handed it to DBOS; None while it waits for that."""
    dispatches: Mapped[int] = mapped_column(default=0)
    """How often it was handed over; each time is a workflow of its own for DBOS."""
    executor_id: Mapped[str | None]
    """The worker that began the last attempt."""
    step: Mapped[int] = mapped_column(default=0)
    total_steps: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(default="")
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The latest of each metric; the whole curve is in job_metrics."""
    attempts: Mapped[int] = mapped_column(default=0)
    attempts_without_progress: Mapped[int] = mapped_column(default=0)
    """Since an attempt left a newer checkpoint than it began from; only these count against max_attempts."""
    checkpoint_seen: Mapped[str | None]
    """Which checkpoint the last attempt began from."""
    fence: Mapped[int] = mapped_column(default=0)
    """Grows with every start; a report with an older fence is refused."""
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    heartbeat_at: Mapped[datetime | None]
    newest_ranking_id: Mapped[int | None]
    """Of the rankings in force that a reward training read; until it reads them, of those when it was queued."""
    num_rankings: Mapped[int | None]
    """How many these were."""
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    ends_at: Mapped[datetime | None]
    """When its last step will probably be done, as told with the latest one; None while that is unknown."""
    started_at: Mapped[datetime | None]
    """When work first began, whatever attempts came after."""
    attempt_started_at: Mapped[datetime | None]
    """When the attempt began that works now, or that ended the job; None between two."""
    worked_before_seconds: Mapped[float | None]
    """How long the attempts before that one worked, all together. None of a job that was begun before they were kept
    apart: then `started_at` was moved on by the time nobody worked."""
    finished_at: Mapped[datetime | None]

    @property
    def worked_seconds(self) -> float | None:
        """How long it was worked on, all attempts together, up to its last sign of life; None before the first one. A
        clock that was set back makes it too short, never negative."""
        if self.started_at is None:
            return None
        began = self.started_at if self.worked_before_seconds is None else self.attempt_started_at
        end = self.finished_at or self.heartbeat_at
        lately = 0.0 if began is None or end is None else max(0.0, (end - began).total_seconds())
        return (self.worked_before_seconds or 0.0) + lately

    @property
    def took_seconds(self) -> float | None:
        """`worked_seconds` of a job that has ended; None where that is not known."""
        return (self.worked_seconds or None) if self.finished_at is not None else None

    def end_attempt(self) -> None:
        """Nobody works on it from now on: what was worked is kept apart from the time until the next one."""
        self.worked_before_seconds, self.attempt_started_at = self.worked_seconds, None

    @property
    def progress(self) -> float:
        """Share done, 0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


class JobMetric(Base):
    """One point of a job's live curves, one for each step."""

    __tablename__ = "job_metrics"
    __table_args__ = (
        Index(None, "job_id", "id"),
        Index(None, "job_id", "step", unique=True),
        {"sqlite_autoincrement": True},  # points that an attempt reports again are newer than all that were seen
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    step: Mapped[int]
    values: Mapped[dict[str, float]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class JobAnswers(Base):
    """What the policy of a job answered at one look to a few prompts, the same ones at each."""

    __tablename__ = "job_answers"
    __table_args__ = (Index(None, "job_id", "step", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    step: Mapped[int]
    kl: Mapped[float | None]
    """Nats per answer to the SFT model; None where it was no number."""
    answers: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """`[{"prompt_id", "prompt", "answer", "gain"}]`: the texts, and how far the answer's score is above the SFT model's
    own answers, in deviations of those; None without a scorer, or where it was no number."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class WorkerHeartbeat(Base):
    """One row per worker process: how the web and other workers know that it lives."""

    __tablename__ = "worker_heartbeats"

    executor_id: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    heartbeat_at: Mapped[datetime] = mapped_column(default=utc_now)
