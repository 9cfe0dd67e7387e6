"""What follows a job: reward model -> policy -> evaluation -> (perhaps) activation.

Call each rule in the transaction of its cause, after the job is marked finished: a live job of the same kind would
swallow the next one. What enough rankings queue is in app/services/jobs/retraining.py.
"""

from sqlalchemy.orm import Session

from app.db.models.jobs import Job, JobTrigger
from app.db.models.versions import Version
from app.kinds.evaluate import EVALUATE
from app.kinds.train_policy import TRAIN_POLICY
from app.preferences import NOTHING_LEARNED
from app.services.jobs import jobs, needs
from app.services.jobs.retraining import after_ranking
from app.services.lifecycle import installing
from app.services.lifecycle.activation import activate
from app.services.prompts.prompts import install_shipped_prompts
from app.services.versions import bounds, versions
from app.settings.config import Settings

WORSE_THAN_CHANCE = 0.5


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
        activate(session, version.id, data_dir=settings.data_dir)
    after_ranking(session, retrain_after=settings.retrain_after_rankings)  # those that came in meanwhile
    if accuracy is None or accuracy < settings.auto_policy_accuracy:
        return None
    # no reward model is named: the one that is active when PPO begins may have seen more rankings than this one
    return jobs.queue_job(session, kind=TRAIN_POLICY.name, trigger=JobTrigger.RULE)


def after_get_model(session: Session, version: Version, settings: Settings) -> Version:
    """A model that somebody fetched, or what was trained from it, answers from now on; prompts that were written for it
    come with it."""
    install_shipped_prompts(session, version.prompt_sets)
    return installing.let_answer(session, version, data_dir=settings.data_dir)


def after_train_policy(session: Session, version: Version, _settings: Settings) -> Job | None:
    """Every new policy is compared with the SFT model on held-out prompts, where there is a reward model to judge by:
    not every kind of training needs one."""
    params = {"version_id": version.id}
    if version.reward_version_id is not None:
        params["reward_version_id"] = version.reward_version_id
    if not all(needs.is_met(session, need, params) for need in EVALUATE.needs):
        return None
    return jobs.queue_job(session, kind=EVALUATE.name, params=params, trigger=JobTrigger.RULE)


def after_evaluate(session: Session, version: Version, settings: Settings) -> bool:
    """Activates the candidate where the rule is on, a judge that did not train it lets it pass, nothing has left its
    bounds and its training did not end over-optimized; says whether it did. What was active before, or
    discarded, stays as it is, however often it is evaluated: somebody went back from it, or on."""
    measured = bounds.measured(version.metrics.get("evaluation") or {})
    passes = (
        settings.auto_activate
        and version.waits
        and not bounds.flags_of(version)
        and not (bounds.policy_verdict(version) or {}).get("over_optimized")
        and measured.get("judge/is_other") == 1.0
        and measured.get("win_rate", 0.0) >= settings.auto_activate_win_rate
        and measured.get("kl", float("inf")) <= settings.auto_activate_max_kl
    )
    if passes:
        activate(session, version.id, data_dir=settings.data_dir)
    return passes
