"""How the pages name times, jobs, versions and their states."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.db.models.groups import SkipReason
from app.db.models.jobs import LIVE, Job, JobStatus
from app.db.models.versions import Version, VersionKind
from app.formats.figures import MINUS, number
from app.formats.languages import in_a_row
from app.kinds.registry import kind_of
from app.services.jobs.ranking_counts import RankingCounts
from app.services.versions.bounds import flags_of
from app.services.versions.version_states import VersionState
from app.translation import N_, _, ngettext

SKIP_REASONS = (
    (SkipReason.ALL_BAD, N_("All four are bad")),
    (SkipReason.UNSAFE, N_("Unsafe or hurtful")),
    (SkipReason.UNCLEAR, N_("The prompt is unclear")),
    (SkipReason.UNREADABLE, N_("I can't read this language")),
    (SkipReason.TOO_SIMILAR, N_("Too similar to rank")),
    (SkipReason.OTHER, N_("Another reason")),
)
VERSION_TITLES = {
    VersionKind.BASE: N_("Base model {id}"),
    VersionKind.SFT: N_("SFT model {id}"),
    VersionKind.REWARD: N_("Reward model {id}"),
    VersionKind.POLICY: N_("Policy {id}"),
}
JOB_STATES = {
    JobStatus.QUEUED: N_("queued"),
    JobStatus.RUNNING: N_("running"),
    JobStatus.SUCCEEDED: N_("succeeded"),
    JobStatus.FAILED: N_("failed"),
    JobStatus.CANCELLED: N_("cancelled"),
}
STOPPING = N_("stopping")
"""Of a live job that is to be cancelled; everywhere, the scripts of the pages included."""


@dataclass(frozen=True)
class StateWords:
    """How a state of a version is told, wherever it stands."""

    name: str
    meaning: str
    tone: str = "neutral"
    """Of its badge."""


VERSION_STATES = {
    VersionState.ACTIVE: StateWords(
        N_("answers now"), N_("It is used now: every new answer comes from it, or is scored by it."), "good"
    ),
    VersionState.CANDIDATE: StateWords(
        N_("candidate"), N_("It is waiting for a decision; it has never been used."), "warn"
    ),
    VersionState.DISCARDED: StateWords(
        N_("discarded"), N_("Somebody decided against it. It can be taken back until its files are removed.")
    ),
    VersionState.REFERENCE: StateWords(
        N_("reference"), N_("The SFT model that the active policy was trained from and is compared with."), "accent"
    ),
    VersionState.ORIGIN: StateWords(
        N_("starting point"),
        N_("It was used, and other versions were trained from it; another one is used now."),
        "accent",
    ),
    VersionState.ROLLED_BACK: StateWords(
        N_("rolled back"), N_("It was used until somebody rolled back to an earlier version.")
    ),
    VersionState.SUPERSEDED: StateWords(N_("superseded"), N_("It was used until a newer version took its place.")),
    VersionState.RESTING: StateWords(
        N_("resting"), N_("It scores answers of another SFT model, and is used again when that one is.")
    ),
    VersionState.BASE: StateWords(
        N_("base"),
        N_("It was trained on texts alone: it goes on with them in the playground and the chat, and answers nobody."),
        "accent",
    ),
    VersionState.REMOVED: StateWords(
        N_("removed"), N_("Its files are gone, this record stays. It cannot be used any more.")
    ),
}
SCORES_NOW = N_("scores now")
"""Of the active reward model, which answers nobody."""
ACTIVATIONS = {
    "activate": (N_("Activate"), N_("Activate: {version}")),
    "anyway": (N_("Activate anyway"), N_("Activate anyway: {version}")),
    "again": (N_("Activate again"), N_("Activate again: {version}")),
    "back": (N_("Roll back"), N_("Roll back to {version}")),
}
"""What the button says that activates a version, and its name where several stand in a list."""


def version_state(state: VersionState, kind: VersionKind) -> str:
    scores = state is VersionState.ACTIVE and kind is VersionKind.REWARD
    return _(SCORES_NOW if scores else VERSION_STATES[state].name)


def version_state_meaning(state: VersionState) -> str:
    return _(VERSION_STATES[state].meaning)


def version_state_tone(state: VersionState) -> str:
    return VERSION_STATES[state].tone


def activation_words(version: Version, state: VersionState) -> tuple[str, str]:
    """Of ACTIVATIONS, untranslated."""
    if state in (VersionState.CANDIDATE, VersionState.DISCARDED, VersionState.RESTING):
        return ACTIVATIONS["anyway" if flags_of(version) else "activate"]
    return ACTIVATIONS["again" if state is VersionState.ROLLED_BACK else "back"]


def by_whom(counts: RankingCounts) -> str:
    """Numbers that add up to the total that stands before them; nothing where people gave all of them."""
    people, simulated, imported = map(number, (counts.people, counts.simulated, counts.imported))
    if counts.simulated and counts.imported:
        said = N_("{people} by people, {simulated} simulated, {imported} imported")
        return _(said, people=people, simulated=simulated, imported=imported)
    if counts.simulated:
        return _("{people} by people, {simulated} simulated", people=people, simulated=simulated)
    return _("{people} by people, {imported} imported", people=people, imported=imported) if counts.imported else ""


def rankings_in_words(counts: RankingCounts) -> str:
    """ "3 rankings (1 by people, 2 simulated)"."""
    given = by_whom(counts)
    said = ngettext("{n} ranking", "{n} rankings", counts.total, n=number(counts.total))
    return _("{rankings} ({by_whom})", rankings=said, by_whom=given) if given else said


def job_state(job: Job) -> str:
    return _(STOPPING if job.status in LIVE and job.cancel_requested else JOB_STATES[job.status])


def job_states() -> str:
    """JSON for scripts: each state of a job, in words."""
    return json.dumps({state: _(words) for state, words in (*JOB_STATES.items(), ("stopping", STOPPING))})


def left_out(job: Job) -> str:
    """What the job left out because its models cannot read it, counted; empty for nothing."""
    counts = (job.result or {}).get("left_out") or {}
    rankings, prompts = counts.get("rankings", 0), counts.get("prompts", 0)
    said = [ngettext("{n} ranking", "{n} rankings", rankings, n=number(rankings))] if rankings else []
    said += [ngettext("{n} prompt", "{n} prompts", prompts, n=number(prompts))] if prompts else []
    return in_a_row(said)


def no_curves(kind: str) -> str:
    """Said in the place of curves by a kind of job without plots."""
    return _(kind_of(kind).no_curves, kind=kind)


def version_title(version: Version) -> str:
    """With what somebody called it."""
    title = _(VERSION_TITLES[version.kind], id=version.id)
    return title if version.name is None else _("{version} “{name}”", version=title, name=version.name)


def version_origin(version: Version) -> str:
    """Of one without a parent."""
    if version.imported_from is None:
        return _("ships with Fourfold")
    return _("imported from {source}", source=version.imported_from)


def gains(example: Mapping[str, Any]) -> str:
    """Of an answer that a verdict shows: what each of the two scorers makes of the policy's answers to its prompt."""
    reward, judge = (f"{example[name]:+.2f}".replace("-", MINUS) for name in ("reward_gain", "judge_gain"))
    if example["reward_gain"] == example["judge_gain"]:
        return _("Gain on this prompt: {reward} by the reward model, which judged itself.", reward=reward)
    return _("Gain on this prompt: {reward} by the reward model, {judge} by the judge.", reward=reward, judge=judge)


def moment(when: datetime) -> str:
    """UTC, and says so; the page's script turns it into the reader's own time."""
    return when.strftime("%Y-%m-%d %H:%M UTC")
