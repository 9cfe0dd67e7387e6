"""What follows what: rankings -> reward model -> policy -> evaluation -> (perhaps) activation.

Call each rule in the transaction of its cause, after the job is marked finished: a live job of the same kind would
swallow the next one.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models.jobs import Job, JobTrigger
from app.db.models.rankings import Ranking
from app.db.models.versions import Version
from app.kinds.evaluate import EVALUATE
from app.kinds.train_policy import TRAIN_POLICY
from app.kinds.train_reward import TRAIN_REWARD
from app.preferences import NOTHING_LEARNED
from app.services.jobs import jobs
from app.services.versions import bounds, versions
from app.settings.config import Settings

WORSE_THAN_CHANCE = 0.5


def new_rankings(session: Session) -> int:
    """How many rankings differ between those in force and those that the latest reward training read.

    Those that came since, or those that it read and that were withdrawn (or their prompt archived) since, whichever are
    more: one that was withdrawn and given anew is one. A training of any outcome counts, so that a failing one is not
    queued again at every ranking. Where none is in force there is nothing to train on, and none is new. Ids only grow,
    so the newest one that it read and their number tell it all.
    """
    job = jobs.latest_job(session, TRAIN_REWARD.name)
    newest, read = (0, 0) if job is None else (job.newest_ranking_id or 0, job.num_rankings or 0)
    counted = select(func.count().filter(Ranking.id > newest), func.count().filter(Ranking.id <= newest))
    later, earlier = session.execute(counted.select_from(Ranking).where(Ranking.in_force())).one()
    if not later + earlier:
        return 0
    late = max(0, earlier - read)  # written before, committed after it had looked (PostgreSQL)
    return int(max(later + late, read - earlier))


def after_ranking(session: Session, *, retrain_after: int) -> Job | None:
    """Enough new rankings queue a training of the reward model."""
    if new_rankings(session) < retrain_after:
        return None
    return jobs.queue_job(session, kind=TRAIN_REWARD.name, trigger=JobTrigger.RULE)


def after_train_reward(session: Session, version: Version, settings: Settings) -> Job | None:
    """The newest reward model scores from now on (unless it learned nothing or is worse than chance, and another one
    scores); a good one queues PPO against it.

    Neither where another SFT model was activated while it was trained: it waits as a candidate for that one's return.
    """
    accuracy = version.metrics.get("held_out_accuracy")
    if versions.sft_of(session, version) not in (None, versions.sft_version(session)):
        after_ranking(session, retrain_after=settings.retrain_after_rankings)
        return None
    learned = version.metrics.get("verdict") != NOTHING_LEARNED and (accuracy is None or accuracy >= WORSE_THAN_CHANCE)
    if learned or versions.active_reward(session) is None:
        versions.activate(session, version.id, data_dir=settings.data_dir)
    after_ranking(session, retrain_after=settings.retrain_after_rankings)  # those that came in meanwhile
    if accuracy is None or accuracy < settings.auto_policy_accuracy:
        return None
    # no reward model is named: the one that is active when PPO begins may have seen more rankings than this one
    return jobs.queue_job(session, kind=TRAIN_POLICY.name, trigger=JobTrigger.RULE)


def after_train_policy(session: Session, version: Version) -> Job:
    """Every new policy is compared with the SFT model on held-out prompts."""
    params = {"version_id": version.id}
    if version.reward_version_id is not None:
        params["reward_version_id"] = version.reward_version_id
    return jobs.queue_job(session, kind=EVALUATE.name, params=params, trigger=JobTrigger.RULE)


def after_evaluate(session: Session, version: Version, settings: Settings) -> bool:
    """Activates the candidate where the rule is on, the evaluation passes and nothing has left its bounds; says whether
    it did."""
    found = bounds.measured(version.metrics.get("evaluation") or {})
    passes = (
        settings.auto_activate
        and not bounds.flags_of(version)
        and found.get("win_rate", 0.0) >= settings.auto_activate_win_rate
        and found.get("kl", float("inf")) <= settings.auto_activate_max_kl
    )
    if passes:
        versions.activate(session, version.id, data_dir=settings.data_dir)
    return passes
