"""Where the loop stands, in one glance: who ranked how much, how far the next training is, what runs now."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models.jobs import LIVE, Job, JobStatus
from app.db.models.versions import Version, VersionKind, VersionRanking, VersionStatus
from app.kinds.registry import kind_of
from app.services.jobs import heartbeats, jobs, retraining
from app.services.labeling import rankings
from app.services.labeling.rankings import RankingCounts
from app.services.versions import versions


@dataclass(frozen=True)
class LoopStatus:
    rankings: RankingCounts
    new_rankings: int
    retrain_after: int
    job: Job | None
    """What runs, else what waits in the queue."""
    seconds_left: float | None
    candidate: Version | None
    """The newest policy that was evaluated and waits for a person to decide."""
    worker_age_seconds: float | None

    @property
    def until_training(self) -> int:
        return max(0, self.retrain_after - self.new_rankings)

    @property
    def phase(self) -> str:
        """collecting, queued, deciding, or the phase of the kind of job that runs."""
        if self.job is None:
            return "collecting" if self.candidate is None else "deciding"
        return "queued" if self.job.status is not JobStatus.RUNNING else kind_of(self.job.kind).phase

    @property
    def running(self) -> str:
        """What the job that runs does, in a sentence; empty while none does."""
        if self.job is None or self.job.status is not JobStatus.RUNNING:
            return ""
        return kind_of(self.job.kind).running


def loop_status(session: Session, *, retrain_after: int, now: datetime) -> LoopStatus:
    job = _current_job(session)
    return LoopStatus(
        rankings=rankings.count_rankings(session),
        new_rankings=retraining.new_rankings(session),
        retrain_after=retrain_after,
        job=job,
        seconds_left=None if job is None else jobs.seconds_left(job, now),
        candidate=_waiting_candidate(session),
        worker_age_seconds=heartbeats.age_seconds(session, now),
    )


def _current_job(session: Session) -> Job | None:
    live = jobs.list_jobs(session, statuses=LIVE, limit=20).items
    running = [job for job in live if job.status is JobStatus.RUNNING]
    return next(iter([*running, *reversed(live)]), None)


def _waiting_candidate(session: Session) -> Version | None:
    newest = session.scalar(
        select(Version).where(Version.kind == VersionKind.POLICY).order_by(Version.id.desc()).limit(1)
    )
    waits = (
        newest is not None
        and newest.removed_at is None
        and newest.status is VersionStatus.CANDIDATE
        and "evaluation" in newest.metrics
    )
    return newest if waits else None


@dataclass(frozen=True)
class VersionRow:
    """A version with what a list shows of its origin."""

    version: Version
    num_rankings: int
    """Rankings that made it: a policy's are those of its reward model."""


def version_rows(session: Session, *, limit: int = 50) -> list[VersionRow]:
    """Newest first."""
    listed = versions.list_versions(session, limit=limit).items
    sources = {version.id: version.ranking_source_id for version in listed}
    counted = session.execute(
        select(VersionRanking.version_id, func.count())
        .where(VersionRanking.version_id.in_({source for source in sources.values() if source is not None}))
        .group_by(VersionRanking.version_id)
    ).all()
    counts: dict[int | None, int] = {row[0]: row[1] for row in counted}
    return [VersionRow(version, counts.get(sources[version.id], 0)) for version in listed]
