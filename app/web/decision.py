"""The decision card: all that a person needs to decide about a candidate, in one place on top of the train page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.db.models.jobs import Job
from app.db.models.versions import Version
from app.errors import AppError
from app.formats.figures import duration, number, percent
from app.services.arena.alarm import RewardAlarm, alarm_of
from app.services.arena.matches import match_of
from app.services.arena.standings import result_of
from app.services.jobs import jobs
from app.services.lifecycle import deciding, removal
from app.services.versions import versions
from app.services.versions.bounds import flags_of, measured
from app.settings.config import Settings
from app.translation import N_, _, ngettext
from app.web.arena_result import result_sentence
from app.web.comparing import comparison_of
from app.web.policy_verdict import told_verdict
from app.web.retelling import retold
from app.web.shares import Share
from app.web.templating import Context

MOST_SHOWN = 2
"""Prompts whose answers stand on the card."""


@dataclass(frozen=True)
class WinRate(Share):
    """As the judge of the evaluation finds it, on held-out prompts."""

    @property
    def sentence(self) -> str:
        rate, low, high = map(percent, (self.rate, self.low, self.high))
        if not self.is_measured:
            return _("It wins {rate} of its comparisons with the SFT model.", rate=rate)
        said = N_("It wins {rate} of its comparisons with the SFT model (95% interval {low} to {high}).")
        return _(said, rate=rate, low=low, high=high)


@dataclass(frozen=True)
class Alarm:
    name: str
    sentence: str
    is_flag: bool = False
    """Whether it is one of the version's flags (templates/train/_flags.html)."""


@dataclass(frozen=True)
class Figure:
    name: str
    value: str
    gloss: str


@dataclass(frozen=True)
class Case:
    """What speaks for a version and against it."""

    verdict: str
    """What came of its training, in a sentence."""
    win: WinRate | None
    """None before its evaluation."""
    comparison: str
    """How far that is, where there is no win rate yet and the verdict does not say it; else empty."""
    comparison_job: Job | None
    """What compares it, or tried to."""
    votes: str
    """What blind votes say; empty without any."""
    against: Version | None
    """Whom they compare it with: what answers now, and that one with the model it comes from. None: there is none."""
    reward_alarm: RewardAlarm | None
    """Whether the reward model praises what people do not prefer; none without votes."""
    alarms: list[Alarm]
    figures: list[Figure]
    """How far it went from the SFT model, its answers' length, what it cost."""

    @property
    def speaks_for_it(self) -> bool:
        """Whether it was found better, and nothing warns."""
        return self.win is not None and self.win.low > 0.5 and not self.alarms


@dataclass(frozen=True, kw_only=True)
class Decision(Context):
    template: ClassVar[str] = "train/_decision.html"
    candidate: Version | None
    """The newest that waits for a decision."""
    case: Case | None
    """What speaks for it and against it."""
    samples: list[dict[str, Any]]
    """A few of its answers, before and after."""
    seen_id: int | None
    """What answers now: sent along with the decision."""
    frees: int
    """Bytes that removing its files would free."""
    others: list[Version]
    """That wait, too."""
    discarded: Version | None
    """The one that was decided against last; it can be taken back."""


def decision(session: Session, settings: Settings) -> Decision:
    waiting = deciding.candidates(session)
    candidate, answerer = (waiting[0] if waiting else None), versions.active_answerer_or_none(session)
    return Decision(
        candidate=candidate,
        case=None if candidate is None else case_of(session, candidate),
        samples=[] if candidate is None else (candidate.metrics.get("samples") or [])[:MOST_SHOWN],
        seen_id=None if answerer is None else answerer.id,
        frees=0 if candidate is None else removal.freed_bytes([settings.version_directory(candidate.path)]),
        others=waiting[1:],
        discarded=deciding.last_discarded(session),
    )


def case_of(session: Session, version: Version) -> Case:
    votes, against, alarm = _votes(session, version)
    win = win_rate_of(version)
    comparison, job = comparison_of(session, version) if win is None else ("", None)
    verdict = _verdict(version, win)
    return Case(
        verdict=verdict or comparison,
        win=win,
        comparison=comparison if verdict else "",
        comparison_job=job,
        votes=votes,
        against=against,
        reward_alarm=alarm,
        alarms=_alarms(version, win, alarm),
        figures=_figures(session, version),
    )


def win_rate_of(version: Version) -> WinRate | None:
    """None before its evaluation."""
    found = measured(version.metrics.get("evaluation") or {})
    return WinRate(found["win_rate"], found.get("win_rate_error")) if "win_rate" in found else None


def _verdict(version: Version, win: WinRate | None) -> str:
    told = told_verdict(version)
    if told is not None and told["sentences"]:
        return str(told["sentences"][0])
    if win is None:
        return ""
    if win.may_be_chance:
        return _("No clear difference: its answers are about as good as the SFT model's.")
    return (
        _("Its answers are better than the SFT model's.")
        if win.rate > 0.5
        else _("Its answers are worse than the SFT model's.")
    )


def _votes(session: Session, version: Version) -> tuple[str, Version | None, RewardAlarm | None]:
    """Of blind comparisons with what answers now, and with nothing else."""
    try:
        match = match_of(session, version.id)
    except AppError:  # there is nothing to compare it with
        return "", None, None
    found = result_of(session, match)
    if not found.counts.total:
        return "", match.against, None
    return result_sentence(found), match.against, alarm_of(session, match, found.counts)


OVER_OPTIMIZED = (
    N_("Over-optimized"),
    N_(
        "At the end of its training the reward model's score rose while the judge's fell, or its answers left their "
        "bounds."
    ),
)
FORGETS = N_("Forgets"), N_("It has kept {share} of the answers that the SFT model is sure of.")
FOOLS = N_("Fools its reward model"), N_("Another judge finds less than half of what its reward model promises.")
AHEAD = N_("Praised more than it is liked")
BOUNDS = N_("Out of bounds")
LITTLE = N_("Too little data")
ITSELF = N_("The reward model judged itself: too few prompts were ranked for a judge of its own.")
CHANCE = N_("The interval of its win rate holds 50%: the difference may be chance.")


def _alarms(version: Version, win: WinRate | None, alarm: RewardAlarm | None) -> list[Alarm]:
    told: Mapping[str, Any] = told_verdict(version) or {}
    found = measured(version.metrics.get("evaluation") or {})
    said = [Alarm(_(OVER_OPTIMIZED[0]), _(OVER_OPTIMIZED[1]))] if told.get("over_optimized") else []
    if told.get("forgets") and "knowledge" in found:
        said.append(Alarm(_(FORGETS[0]), _(FORGETS[1], share=percent(found["knowledge"]))))
    if alarm is not None and alarm.is_raised:
        said.append(Alarm(_(FOOLS[0] if alarm.is_grave else AHEAD), alarm.sentence))
    elif told.get("fit") == "overfit":
        said.append(Alarm(_(FOOLS[0]), _(FOOLS[1])))
    skipped = "forgets" if told.get("forgets") and "knowledge" in found else ""
    said += [
        Alarm(_(BOUNDS), retold(flag.sentence), is_flag=True) for flag in flags_of(version) if flag.name != skipped
    ]
    if found.get("judge/is_other") == 0.0:
        said.append(Alarm(_(LITTLE), _(ITSELF)))
    if win is not None and win.error and win.may_be_chance:
        said.append(Alarm(_(LITTLE), _(CHANCE)))
    return said


def _figures(session: Session, version: Version) -> list[Figure]:
    found = measured(version.metrics.get("evaluation") or {})
    said = []
    if "kl" in found:
        gloss = N_("How far its answers are from the SFT model's, in nats an answer; 0 is no difference.")
        said.append(Figure(_("KL divergence"), number(float(found["kl"]), 1), _(gloss)))
    if "length_mean" in found and "length_reference_mean" in found:
        before, after = (number(float(found[name]), 0) for name in ("length_reference_mean", "length_mean"))
        gloss = N_("Tokens an answer, of the SFT model and of this one.")
        said.append(Figure(_("Length"), _("{before} → {after}", before=before, after=after), _(gloss)))
    said.append(Figure(_("Cost"), _cost(session, version), _("What it was trained with.")))
    return [each for each in said if each.value]


def _cost(session: Session, version: Version) -> str:
    seen = version.metrics.get("validations") or []
    episodes = seen[-1].get("episodes") if seen else version.hparams.get("total_episodes")
    rankings, job = versions.count_rankings(session, version), _job(session, version)
    seconds = None if job is None else job.took_seconds
    said = [] if not episodes else [ngettext("{n} episode", "{n} episodes", int(episodes), n=number(int(episodes)))]
    said += [] if seconds is None else [duration(seconds)]
    said += [ngettext("{n} ranking", "{n} rankings", rankings, n=number(rankings))] if rankings else []
    return " · ".join(said)


def _job(session: Session, version: Version) -> Job | None:
    try:
        return None if version.job_id is None else jobs.get_job(session, version.job_id)
    except AppError:
        return None
