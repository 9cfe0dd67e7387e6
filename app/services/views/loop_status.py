"""Where the loop stands, in one glance: who ranked how much, how far the next training is, what runs now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.jobs import LIVE, Job, JobStatus
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.kinds.registry import kind_of
from app.model_info.scorer_format import is_outdated
from app.preferences import NOTHING_LEARNED
from app.services.jobs import heartbeats, jobs, ranking_counts, retraining
from app.services.jobs.ranking_counts import LeftOut, RankingCounts
from app.services.lifecycle.deciding import candidate_of
from app.services.versions import versions
from app.settings.config import Settings

CHANCE = 0.5


class Situation(StrEnum):
    """Where the loop stands: one at a time, the first that holds."""

    STOPPING = "stopping"
    """A job is to be cancelled."""
    WITHOUT_WORKER = "without_worker"
    """A job runs or waits, and no worker shows life."""
    RUNNING = "running"
    QUEUED = "queued"
    DECIDING = "deciding"
    """A policy waits, and a person decides whether it answers."""
    FAILED = "failed"
    """The job that ended last failed."""
    OUTDATED = "outdated"
    """The reward model in use has a format that is read no more: nothing is scored, and no policy can be trained."""
    LEARNED_NOTHING = "learned_nothing"
    """The newest reward model could not tell the answers apart; no policy follows."""
    GUESSING = "guessing"
    """It orders held-out pairs no better than chance."""
    UNSURE = "unsure"
    """It is better than chance, and not good enough for PPO to begin by itself."""
    ROLLED_BACK = "rolled_back"
    """An earlier version answers than the newest policy, which did."""
    ANSWERING = "answering"
    """A policy answers."""
    ENOUGH = "enough"
    """Enough rankings are new, and no training was queued."""
    COLLECTING = "collecting"
    EMPTY = "empty"
    """Nothing is ranked."""


@dataclass(frozen=True)
class LoopStatus:
    rankings: RankingCounts
    new_rankings: int
    retrain_after: int
    job: Job | None
    """What runs, else what waits in the queue."""
    seconds_left: float | None
    worker_lost: bool
    """No worker has shown life of late."""
    failed: Job | None
    """The job that ended last, where it failed."""
    reward: Version | None
    """The newest reward model."""
    outdated: bool
    """Whether the reward model in use has a format that is read no more."""
    policy: Version | None
    """The newest policy."""
    candidate: Version | None
    """The newest policy that waits for a decision, the one on the decision card; an older one than `policy`, where that
    one was decided about or is gone."""
    answerer: Version | None
    """What answers now."""
    auto_policy_accuracy: float
    """Held-out accuracy from which PPO begins by itself."""
    auto_activate: bool
    """Whether a policy that passes its comparison answers without being asked for."""

    @property
    def until_training(self) -> int:
        return max(0, self.retrain_after - self.new_rankings)

    @property
    def accuracy(self) -> float | None:
        """Of the newest reward model, on held-out pairs."""
        return None if self.reward is None else self.reward.metrics.get("held_out_accuracy")

    @property
    def situation(self) -> Situation:
        holds = {
            **self._of_jobs(),
            Situation.DECIDING: self.candidate is not None and (self.failed is None or self._is_compared),
            Situation.FAILED: self.failed is not None,
            Situation.OUTDATED: self.outdated,
            **self._of_versions(),
            Situation.EMPTY: self.rankings.total == 0,
            Situation.ENOUGH: self.until_training == 0,
        }
        return next((each for each, true in holds.items() if true), Situation.COLLECTING)

    @property
    def _is_compared(self) -> bool:
        """Whether all is there to decide about the candidate; else a job that failed goes first."""
        return self.candidate is not None and "evaluation" in self.candidate.metrics

    def _of_jobs(self) -> dict[Situation, bool]:
        job = self.job
        return {
            Situation.STOPPING: job is not None and job.cancel_requested,
            Situation.WITHOUT_WORKER: job is not None and self.worker_lost,
            Situation.RUNNING: job is not None and job.status is JobStatus.RUNNING,
            Situation.QUEUED: job is not None,
        }

    def _of_versions(self) -> dict[Situation, bool]:
        """A reward model speaks for itself until a policy has come of it."""
        reward, policy, answerer, accuracy = self.reward, self.policy, self.answerer, self.accuracy
        newest = reward is not None and (policy is None or policy.id < reward.id)
        nothing = reward is not None and reward.metrics.get("verdict") == NOTHING_LEARNED
        retired = policy is not None and policy.status is VersionStatus.RETIRED
        return {
            Situation.LEARNED_NOTHING: newest and nothing,
            Situation.GUESSING: newest and accuracy is not None and accuracy <= CHANCE,
            Situation.UNSURE: newest and accuracy is not None and accuracy < self.auto_policy_accuracy,
            Situation.ROLLED_BACK: retired and answerer is not None and policy is not None and answerer.id < policy.id,
            Situation.ANSWERING: answerer is not None and answerer.kind is VersionKind.POLICY,
        }

    @property
    def phase(self) -> str:
        """collecting, queued, deciding, or the phase of the kind of job that runs."""
        if self.job is None:
            return "collecting" if self.candidate is None else "deciding"
        return "queued" if self.job.status is not JobStatus.RUNNING else kind_of(self.job.kind).phase


def loop_status(
    session: Session,
    settings: Settings,
    now: datetime,
    left_out_for: Callable[[Session, int], LeftOut] = ranking_counts.find_left_out,
) -> LoopStatus:
    """`left_out_for`: which rankings are not in force, by the newest ranking that was read by a training."""
    job, age = _current_job(session), heartbeats.age_seconds(session, now)
    newest, _read = retraining.last_read(session)
    left_out = left_out_for(session, newest)
    return LoopStatus(
        rankings=ranking_counts.count_rankings(session, left_out),
        new_rankings=retraining.new_rankings(session, left_out),
        retrain_after=settings.retrain_after_rankings,
        job=job,
        seconds_left=None if job is None else jobs.seconds_left(job, now),
        worker_lost=age is None or age > settings.worker_stale_seconds,
        failed=_failed_job(session),
        reward=_newest(session, VersionKind.REWARD),
        outdated=_is_outdated(session, settings),
        policy=_newest(session, VersionKind.POLICY),
        candidate=candidate_of(session),
        answerer=versions.active_answerer_or_none(session),
        auto_policy_accuracy=settings.auto_policy_accuracy,
        auto_activate=settings.auto_activate,
    )


def _current_job(session: Session) -> Job | None:
    live = jobs.list_jobs(session, statuses=LIVE, limit=20).items
    running = [job for job in live if job.status is JobStatus.RUNNING]
    return next(iter([*running, *reversed(live)]), None)


def _failed_job(session: Session) -> Job | None:
    ended = session.scalar(select(Job).where(Job.status.in_(jobs.FINAL)).order_by(Job.number.desc()).limit(1))
    return ended if ended is not None and ended.status is JobStatus.FAILED else None


def _newest(session: Session, kind: VersionKind) -> Version | None:
    """With its files or without: what was removed has happened, too, but says nothing any more."""
    newest = session.scalar(select(Version).where(Version.kind == kind).order_by(Version.id.desc()).limit(1))
    return None if newest is None or newest.removed_at is not None else newest


def _is_outdated(session: Session, settings: Settings) -> bool:
    reward = versions.active_reward(session)
    return reward is not None and is_outdated(settings.version_directory(reward.path))
