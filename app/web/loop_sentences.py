"""Where the loop stands, in two sentences: what is, and what comes next."""

from collections.abc import Callable

from app.db.models.versions import Version
from app.formats.figures import number, percent
from app.kinds.evaluate import EVALUATE
from app.kinds.registry import kind_of
from app.kinds.train_reward import TRAIN_REWARD
from app.services.views.loop_status import LoopStatus, Situation
from app.translation import _, ngettext
from app.web.formatting import by_whom, version_title


def state_sentence(status: LoopStatus) -> str:
    return _STATE[status.situation](status)


def next_sentence(status: LoopStatus) -> str:
    return _NEXT.get(status.situation, _more_rankings)(status)


def win_rate(policy: Version | None) -> float | None:
    """By its comparison with the SFT model; None before."""
    return None if policy is None else (policy.metrics.get("evaluation") or {}).get("win_rate")


# What is


def _title(status: LoopStatus) -> str:
    """Of the job that is live, else of the one that failed."""
    job = status.job or status.failed
    return "" if job is None else _(kind_of(job.kind).title)


def _running(status: LoopStatus) -> str:
    return "" if status.job is None else _("{sentence}.", sentence=_(kind_of(status.job.kind).running))


def _collecting(status: LoopStatus) -> str:
    counts = status.rankings
    if counts.total == counts.simulated:
        return ngettext(
            "{n} ranking so far, a simulated one.",
            "{n} rankings so far, all simulated.",
            counts.total,
            n=number(counts.total),
        )
    said = ngettext("{n} ranking so far.", "{n} rankings so far.", counts.total, n=number(counts.total))
    whose = by_whom(counts)
    return _("{n} rankings so far ({whose}).", n=number(counts.total), whose=whose) if whose else said


def _guessing(status: LoopStatus) -> str:
    return _(
        "The reward model orders {share} of held-out pairs as people did: no better than a coin.",
        share=percent(status.accuracy),
    )


def _unsure(status: LoopStatus) -> str:
    return _("The reward model is right on {share} of held-out pairs.", share=percent(status.accuracy))


def _rolled_back(status: LoopStatus) -> str:
    assert status.answerer is not None
    assert status.policy is not None
    return _(
        "{earlier} answers again: {newer} was rolled back.",
        earlier=version_title(status.answerer),
        newer=version_title(status.policy),
    )


def _named(message: Callable[[str], str], of: Callable[[LoopStatus], Version | None]) -> Callable[[LoopStatus], str]:
    def said(status: LoopStatus) -> str:
        version = of(status)
        return "" if version is None else message(version_title(version))

    return said


_STATE: dict[Situation, Callable[[LoopStatus], str]] = {
    Situation.STOPPING: lambda status: _("{job} is stopping.", job=_title(status)),
    Situation.WITHOUT_WORKER: lambda status: _("{job} waits: no worker is running.", job=_title(status)),
    Situation.RUNNING: _running,
    Situation.QUEUED: lambda status: _("{job} is queued.", job=_title(status)),
    Situation.DECIDING: _named(
        lambda title: _("{version} is waiting for your decision.", version=title), lambda status: status.candidate
    ),
    Situation.FAILED: lambda status: _("{job} failed.", job=_title(status)),
    Situation.OUTDATED: lambda _status: _("Nothing is scored: this program cannot read the reward model any more."),
    Situation.LEARNED_NOTHING: lambda _status: _("The reward model found no difference to learn."),
    Situation.GUESSING: _guessing,
    Situation.UNSURE: _unsure,
    Situation.ROLLED_BACK: _rolled_back,
    Situation.ANSWERING: _named(
        lambda title: _("{version} answers now.", version=title), lambda status: status.answerer
    ),
    Situation.ENOUGH: _collecting,
    Situation.COLLECTING: _collecting,
    Situation.EMPTY: lambda _status: _("Nothing is ranked yet."),
}


# What comes next


def _more_rankings(status: LoopStatus) -> str:
    missing = status.until_training
    if not missing:
        return _("The next ranking starts a training.")
    if status.reward is None:
        return ngettext(
            "{n} more, and a reward model learns from it.",
            "{n} more, and a reward model learns from them.",
            missing,
            n=number(missing),
        )
    return ngettext(
        "{n} more ranking, and the reward model learns again.",
        "{n} more rankings, and the reward model learns again.",
        missing,
        n=number(missing),
    )


def _first_rankings(status: LoopStatus) -> str:
    return ngettext(
        "Rank four answers; after {n} ranking a model starts to learn your taste.",
        "Rank four answers; after {n} rankings a model starts to learn your taste.",
        status.until_training,
        n=number(status.until_training),
    )


def _after_the_job(status: LoopStatus) -> str:
    kind = "" if status.job is None else status.job.kind
    if kind == TRAIN_REWARD.name and status.auto_policy_accuracy <= 1:
        least = percent(status.auto_policy_accuracy)
        return _("If it is right on {share} of held-out pairs, PPO begins by itself.", share=least)
    if kind == TRAIN_REWARD.name:
        return _("Then it scores answers, and PPO can be started.")
    if kind == EVALUATE.name and status.auto_activate:
        return _("If it passes, it answers from then on.")
    if kind == EVALUATE.name:
        return _("Then you decide whether it answers from now on.")
    return _("Then it is compared with the SFT model on prompts that nobody ranked.")


def _decision(status: LoopStatus) -> str:
    share = win_rate(status.candidate)
    if share is None:
        return _("Look at its answers, then use it or leave it.")
    return _(
        "It won {share} of its comparisons with the SFT model. Look, then use it or leave it.", share=percent(share)
    )


def _until_ppo(status: LoopStatus) -> str:
    if status.auto_policy_accuracy > 1 or not status.until_training:
        return _more_rankings(status)
    return ngettext(
        "PPO begins by itself at {share}; {n} more ranking, and it learns again.",
        "PPO begins by itself at {share}; {n} more rankings, and it learns again.",
        status.until_training,
        n=number(status.until_training),
        share=percent(status.auto_policy_accuracy),
    )


_NEXT: dict[Situation, Callable[[LoopStatus], str]] = {
    Situation.STOPPING: lambda _status: _("No version is changed by it."),
    Situation.WITHOUT_WORKER: lambda _status: _(
        "Start one on this machine: fourfold worker. Rankings are kept meanwhile."
    ),
    Situation.RUNNING: _after_the_job,
    Situation.QUEUED: lambda _status: _("It starts in a moment. You can go on ranking."),
    Situation.DECIDING: _decision,
    Situation.FAILED: lambda _status: _("The Train page says why, and starts it again."),
    Situation.OUTDATED: lambda _status: _("Train a reward model again on the Train page: your rankings are all there."),
    Situation.UNSURE: _until_ppo,
    Situation.EMPTY: _first_rankings,
}
