"""What the train page shows in one read: jobs, versions, what may be started and why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.db.models.groups import Group
from app.db.models.jobs import LIVE, Job, JobMetric, JobStatus
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionOrigin
from app.errors import NotFoundError
from app.kinds.registry import KINDS, kind_of
from app.services.jobs import jobs
from app.services.versions import versions
from app.services.versions.version_states import Standing, standing
from app.services.views.version_tree import line_of, made_of

RECENT_JOBS = 10
RANKINGS_SHOWN, NUMBERS_SHOWN = 8, 500
"""Rankings that made a version: with their prompts, and by number alone."""


@dataclass(frozen=True)
class TrainingOverview:
    running: list[Job]
    """Running and queued, in the order in which they will be done."""
    recent: list[Job]
    """Ended, newest first."""
    versions: list[Version]
    """The newest ones, newest first."""

    @property
    def signature(self) -> str:
        """Changes when a job starts or ends: the page then looks at the rest anew."""
        return ",".join(f"{job.id[:8]}:{job.status}" for job in [*self.running, *self.recent])

    @property
    def newest_with_curves(self) -> Job | None:
        """The training that runs, else the last one: a quick one may come and go between two looks of the page."""
        drawn = [job for job in [*self.running, *self.recent] if kind_of(job.kind).plots]
        begun = [job for job in drawn if job.started_at is not None]
        return max(begun, key=lambda job: (job.status is JobStatus.RUNNING, job.number), default=None)

    @property
    def answerers(self) -> list[Version]:
        """Versions that an evaluation may compare, newest first."""
        return [each for each in self.versions if each.kind is VersionKind.POLICY and not each.removed_at]

    @property
    def sampled(self) -> Version | None:
        """The newest version with answers from before and after."""
        return next((each for each in self.versions if each.metrics.get("samples")), None)


def training_overview(session: Session) -> TrainingOverview:
    live = jobs.list_jobs(session, statuses=LIVE, limit=50).items
    return TrainingOverview(
        running=sorted(live, key=lambda job: (job.status is not JobStatus.RUNNING, job.number)),
        recent=jobs.list_jobs(session, statuses=jobs.FINAL, limit=RECENT_JOBS).items,
        versions=versions.list_versions(session).items,
    )


def job_with_curves(session: Session, job_id: str | None) -> tuple[Job, Sequence[JobMetric]] | None:
    """The named job, else the newest one that has curves, with its points; None before the first."""
    job = jobs.get_job(session, job_id) if job_id else _newest(session)
    return None if job is None else (job, jobs.metrics_since(session, job.id))


def _newest(session: Session) -> Job | None:
    drawn = [job for kind in KINDS.values() if kind.plots and (job := jobs.latest_job(session, kind.name)) is not None]
    started = [job for job in drawn if job.started_at is not None]
    return max(started or drawn, key=lambda job: job.number, default=None)


@dataclass(frozen=True)
class VersionDetails:
    version: Version
    lineage: list[Version]
    """The version, what it was made from, what that was made from."""
    made: list[Version]
    """What was made from it, or trained against it; newest first."""
    num_rankings: int
    """How many made it."""
    newest_ids: list[int]
    """Of these, the newest first; at most NUMBERS_SHOWN."""
    newest_rankings: list[Ranking]
    """Of those that made it, the newest first, each with its prompt and its labeler."""
    job: Job | None
    standing: Standing

    @property
    def fitted(self) -> set[str]:
        """Hyper-parameters that nobody gave: they follow the model's size."""
        if self.job is None:
            return set()
        return {name for name in kind_of(self.job.kind).fitted if self.job.params.get(name) is None}

    @property
    def has_twin(self) -> bool:
        """Whether it is one of the shipped two. The base model that the SFT model was fine-tuned from was not kept: the
        one that ships was trained anew."""
        shipped = {each.kind for each in (*self.lineage, *self.made) if each.origin is VersionOrigin.SHIPPED}
        return self.version.origin is VersionOrigin.SHIPPED and shipped >= {VersionKind.BASE, VersionKind.SFT}

    @property
    def evaluation(self) -> dict[str, Any]:
        figures: dict[str, Any] = self.version.metrics.get("evaluation") or {}
        return figures


def version_details(session: Session, version_id: int) -> VersionDetails:
    version = versions.get_version(session, version_id)
    try:
        job = None if version.job_id is None else jobs.get_job(session, version.job_id)
    except NotFoundError:
        job = None
    ids = versions.newest_ranking_ids(session, version, NUMBERS_SHOWN)
    return VersionDetails(
        version=version,
        lineage=line_of(session, version),
        made=made_of(session, version),
        num_rankings=versions.count_rankings(session, version),
        newest_ids=ids,
        newest_rankings=_with_prompts(session, ids[:RANKINGS_SHOWN]),
        job=job,
        standing=standing(session),
    )


def _with_prompts(session: Session, ranking_ids: Sequence[int]) -> list[Ranking]:
    shown = select(Ranking).where(Ranking.id.in_(ranking_ids)).order_by(Ranking.id.desc())
    prompts = selectinload(Ranking.group).selectinload(Group.prompt)
    return list(session.scalars(shown.options(prompts, selectinload(Ranking.labeler))))
