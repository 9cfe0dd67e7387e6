"""When a reward model is trained again: as soon as enough rankings are new."""

from sqlalchemy.orm import Session

from app.db.models.jobs import Job, JobTrigger
from app.kinds.train_reward import TRAIN_REWARD
from app.services.jobs import jobs
from app.services.jobs.ranking_counts import LeftOut, count_around


def last_read(session: Session) -> tuple[int, int]:
    """The newest ranking that the latest reward training read, and how many it read; zeros before there was one."""
    job = jobs.latest_job(session, TRAIN_REWARD.name)
    return (0, 0) if job is None else (job.newest_ranking_id or 0, job.num_rankings or 0)


def new_rankings(session: Session, left_out: LeftOut | None = None) -> int:
    """How many rankings differ between those in force and those that the latest reward training read.

    Those that came since, or those that it read and that were withdrawn (or their prompt archived) since, whichever are
    more: one that was withdrawn and given anew is one. A training of any outcome counts, so that a failing one is not
    queued again at every ranking. Where none is in force there is nothing to train on, and none is new. Ids only grow,
    so the newest one that it read and their number tell it all.
    """
    newest, read = last_read(session)
    later, earlier = count_around(session, newest, left_out)
    if not later + earlier:
        return 0
    late = max(0, earlier - read)  # written before, committed after it had looked (PostgreSQL)
    return int(max(later + late, read - earlier))


def until_training(session: Session, *, retrain_after: int) -> int:
    """How many more rankings a training waits for, just after one was saved: none where that one is read by the
    training that it started."""
    return max(0, retrain_after - (new_rankings(session) or retrain_after))


def has_trained(session: Session) -> bool:
    """Whether a reward model was trained before, or is being trained."""
    return jobs.latest_job(session, TRAIN_REWARD.name) is not None


def after_ranking(session: Session, *, retrain_after: int) -> Job | None:
    """Enough new rankings queue a training of the reward model."""
    if new_rankings(session) < retrain_after:
        return None
    return jobs.queue_job(session, kind=TRAIN_REWARD.name, trigger=JobTrigger.RULE)
