"""How the pages name times, jobs, versions and their states. Pure."""

from datetime import datetime

from app.db.models.groups import SkipReason
from app.db.models.jobs import LIVE, Job, JobStatus
from app.db.models.versions import Version, VersionKind
from app.formats.figures import number
from app.services.labeling.rankings import RankingCounts
from app.services.versions.version_states import VersionState

SKIP_REASONS = (
    (SkipReason.ALL_BAD, "All four are bad"),
    (SkipReason.UNSAFE, "Unsafe or hurtful"),
    (SkipReason.UNCLEAR, "The prompt is unclear"),
    (SkipReason.TOO_SIMILAR, "Too similar to rank"),
    (SkipReason.OTHER, "Another reason"),
)
VERSION_TITLES = {
    VersionKind.BASE: "Base model",
    VersionKind.SFT: "SFT model",
    VersionKind.REWARD: "Reward model",
    VersionKind.POLICY: "Policy",
}
JOB_STATES = {
    JobStatus.QUEUED: "queued",
    JobStatus.RUNNING: "running",
    JobStatus.SUCCEEDED: "succeeded",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELLED: "cancelled",
}
STOPPING = "stopping"
"""Of a live job that is to be cancelled; everywhere, the scripts of the pages included."""
VERSION_STATES = {
    VersionState.ACTIVE: "It is used now: every new answer comes from it, or is scored by it.",
    VersionState.CANDIDATE: "It is waiting for a decision; it has never been used.",
    VersionState.REFERENCE: "The SFT model that the active policy was trained from and is compared with.",
    VersionState.ROLLED_BACK: "It was used until somebody rolled back to an earlier version.",
    VersionState.SUPERSEDED: "It was used until a newer version took its place.",
    VersionState.RESTING: "It scores answers of another SFT model, and is used again when that one is.",
    VersionState.REMOVED: "Its files are gone, this record stays. It cannot be used any more.",
}


def version_state(state: VersionState, kind: VersionKind) -> str:
    if state is VersionState.ACTIVE:
        return "scores now" if kind is VersionKind.REWARD else "answers now"
    return state.replace("_", " ")


def version_state_meaning(state: VersionState) -> str:
    return VERSION_STATES[state]


def by_whom(counts: RankingCounts) -> str:
    """Numbers that add up to the total that stands before them; nothing where people gave all of them."""
    others = ((counts.simulated, "simulated"), (counts.imported, "imported"))
    said = [f"{number(count)} {what}" for count, what in others if count]
    return ", ".join([f"{number(counts.people)} by people", *said]) if said else ""


def rankings_in_words(counts: RankingCounts) -> str:
    """ "3 rankings (1 by people, 2 simulated)"."""
    given = by_whom(counts)
    return f"{number(counts.total)} ranking{'' if counts.total == 1 else 's'}{f' ({given})' if given else ''}"


def job_state(job: Job) -> str:
    return STOPPING if job.status in LIVE and job.cancel_requested else JOB_STATES[job.status]


def version_title(version: Version) -> str:
    return f"{VERSION_TITLES[version.kind]} {version.id}"


def version_origin(version: Version) -> str:
    """Of one without a parent."""
    return "ships with Fourfold" if version.imported_from is None else f"imported from {version.imported_from}"


def moment(when: datetime) -> str:
    """UTC, and says so; the page's script turns it into the reader's own time."""
    return when.strftime("%Y-%m-%d %H:%M UTC")
