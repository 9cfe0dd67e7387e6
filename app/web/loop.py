"""The loop as pages show it: two sentences and five stations with today's numbers."""

from dataclasses import dataclass

from app.db.models.versions import Version
from app.formats.figures import number, percent, progress, time_left
from app.kinds.evaluate import EVALUATE
from app.kinds.kind import Kind
from app.kinds.train_policy import TRAIN_POLICY
from app.kinds.train_reward import TRAIN_REWARD
from app.services.views.loop_status import LoopStatus, Situation
from app.translation import _, ngettext
from app.web.formatting import by_whom, version_title
from app.web.loop_sentences import next_sentence, state_sentence, win_rate

LABEL, DECIDE = "label", "decide"
AT_STATION = {
    Situation.STOPPING: "",
    Situation.WITHOUT_WORKER: "",
    Situation.RUNNING: "",
    Situation.QUEUED: "",
    Situation.FAILED: "",
    Situation.DECIDING: DECIDE,
}
"""Where the loop is; empty: at the station of the job's kind. In all other situations, where people rank."""


@dataclass(frozen=True)
class Station:
    name: str
    title: str
    address: str
    """Of where it is seen."""
    figure: str
    """Its number of today."""
    notes: tuple[str, ...]
    """What the number is, and what is still missing."""
    here: str = ""
    """What happens, where the loop is here now."""
    running: bool = False
    progress: float | None = None
    """Share done, of what runs."""


@dataclass(frozen=True)
class Loop:
    state: str
    """One sentence: what is."""
    next: str
    """One sentence: what comes."""
    progress: str
    """How far what runs is, and how long it still takes; empty while nothing runs."""
    share: float | None
    """The same as a number, 0 to 1."""
    phase: str
    stations: list[Station]


def loop_in_words(status: LoopStatus) -> Loop:
    situation = status.situation
    running = situation is Situation.RUNNING
    return Loop(
        state=state_sentence(status),
        next=next_sentence(status),
        progress=_progress(status) if running else "",
        share=_share(status) if running else None,
        phase=status.phase,
        stations=_stations(status),
    )


# The stations


def _progress(status: LoopStatus) -> str:
    share = _share(status)
    done = "" if share is None else progress(share)
    if status.seconds_left is None:
        return done
    left = time_left(status.seconds_left)
    return f"{done} · {left}" if done else left


def _share(status: LoopStatus) -> float | None:
    return None if status.job is None or not status.job.total_steps else min(0.99, status.job.progress)


def _stations(status: LoopStatus) -> list[Station]:
    return [
        _label(status),
        _at_work(status, TRAIN_REWARD, _("Reward model"), status.reward, *_reward_figure(status)),
        _at_work(status, TRAIN_POLICY, _policy_title(status), status.policy, *_policy_figure(status)),
        _at_work(status, EVALUATE, _("Compare"), status.policy, *_comparison_figure(status)),
        _decide(status),
    ]


def _policy_title(status: LoopStatus) -> str:
    """PPO, which follows by itself; a policy while another way of training one is at work there."""
    job = status.job or status.failed
    other = job is not None and job.kind != TRAIN_POLICY.name and _here(status) == TRAIN_POLICY.name
    return _("Policy") if other else _("PPO")


def _here(status: LoopStatus) -> str:
    """The name of the station where the loop is."""
    name = AT_STATION.get(status.situation, LABEL)
    job = status.job or status.failed
    if name or job is None:
        return name
    names = (TRAIN_REWARD.name, TRAIN_POLICY.name, EVALUATE.name)
    return job.kind if job.kind in names else TRAIN_POLICY.name  # another way of training a policy


def _what_happens(situation: Situation) -> str:
    words = {
        Situation.STOPPING: _("stopping"),
        Situation.WITHOUT_WORKER: _("waiting for a worker"),
        Situation.RUNNING: _("running now"),
        Situation.QUEUED: _("waiting"),
        Situation.FAILED: _("failed"),
        Situation.DECIDING: _("your turn"),
    }
    return words.get(situation) or _("you are here")


def _label(status: LoopStatus) -> Station:
    counts = status.rankings
    return Station(
        name=LABEL,
        title=_("Label"),
        address="/",
        figure=number(counts.total),
        notes=tuple(filter(None, (ngettext("ranking", "rankings", counts.total), by_whom(counts)))),
        here=_what_happens(status.situation) if _here(status) == LABEL else "",
    )


def _at_work(
    status: LoopStatus, kind: Kind, title: str, version: Version | None, figure: str, notes: tuple[str, ...]
) -> Station:
    """A station where a job runs: while it does, its number is how far."""
    here = _here(status) == kind.name
    running = here and status.situation is Situation.RUNNING
    share = _share(status)
    left = None if status.seconds_left is None else time_left(status.seconds_left)
    return Station(
        name=kind.name,
        title=title,
        address="/train" if version is None or here else f"/versions/{version.id}",
        figure=progress(share) if running and share is not None else "…" if running else figure,
        notes=((left,) if left else ()) if running else notes,
        here=_what_happens(status.situation) if here else "",
        running=running,
        progress=share if running else None,
    )


def _reward_figure(status: LoopStatus) -> tuple[str, tuple[str, ...]]:
    missing = status.until_training
    more = (
        ngettext("{n} more ranking", "{n} more rankings", missing, n=number(missing))
        if missing
        else _("learns with the next ranking")
    )
    if status.reward is None:
        return "–", (more,)
    return percent(status.accuracy), (_("held-out accuracy"), more)


def _policy_figure(status: LoopStatus) -> tuple[str, tuple[str, ...]]:
    if status.policy is None:
        return "–", (_("no policy yet"),)
    return version_title(status.policy), (_("the newest"),)


def _comparison_figure(status: LoopStatus) -> tuple[str, tuple[str, ...]]:
    share = win_rate(status.policy)
    return percent(share), (_("won against the SFT model") if share is not None else _("nothing compared yet"),)


def _decide(status: LoopStatus) -> Station:
    candidate, shown = status.candidate, status.candidate or status.answerer
    here = _here(status) == DECIDE
    return Station(
        name=DECIDE,
        title=_("Decide"),
        address="/train#decision" if candidate else "/train" if shown is None else f"/versions/{shown.id}",
        figure="–" if shown is None else version_title(shown),
        notes=(_("waits for you") if candidate is not None else _("answers now"),),
        here=_what_happens(status.situation) if here else "",
    )
