"""What the train page says after a button was pressed: one sentence for each outcome."""

from enum import StrEnum

from app.db.models.jobs import LIVE, Job, JobStatus
from app.db.models.versions import Version
from app.kinds.registry import KINDS
from app.services.versions.version_states import VersionState
from app.web import formatting


class Said(StrEnum):
    """Stands in the address where there is no JavaScript, so it names a sentence and is none."""

    BEGINS = "begins"
    QUEUED = "queued"
    RUNS_ALREADY = "runs_already"
    WAITS_ALREADY = "waits_already"
    STOPPING = "stopping"
    CANCELLED = "cancelled"
    GOES_ON = "goes_on"


JOB_NOTICES = {
    Said.BEGINS: "{} starts in a moment.",
    Said.QUEUED: "{} is queued: it starts when the jobs before it have ended.",
    Said.RUNS_ALREADY: "{} is already running, so nothing new was started. Wait until it ends, or cancel it.",
    Said.WAITS_ALREADY: "{} is already queued and starts by itself, so nothing new was queued.",
    Said.STOPPING: "{} stops at its next step. What it has learned so far is discarded.",
    Said.CANCELLED: "{} was cancelled. No version was changed.",
    Said.GOES_ON: "{} resumes from its checkpoint.",
}


def of_start(job: Job, *, fresh: bool, alone: bool) -> Said:
    """`fresh`: it was queued by this press. `alone`: no other job is live."""
    if fresh:
        return Said.BEGINS if alone else Said.QUEUED
    return Said.RUNS_ALREADY if job.status is JobStatus.RUNNING else Said.WAITS_ALREADY


def of_cancel(job: Job) -> Said:
    return Said.STOPPING if job.status in LIVE else Said.CANCELLED


def about_job(said: str, kind: str) -> str:
    """The sentence, or none where an address says something else."""
    if said not in set(Said) or kind not in KINDS:
        return ""
    return JOB_NOTICES[Said(said)].format(KINDS[kind].title)


def of_activation(version: Version) -> str:
    return f"{formatting.version_title(version)} {formatting.version_state(VersionState.ACTIVE, version.kind)}."
