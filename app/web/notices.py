"""What the train page says after a button was pressed: one sentence for each outcome."""

from enum import StrEnum

from app.db.models.jobs import LIVE, Job, JobStatus
from app.db.models.versions import Version
from app.kinds.registry import KINDS
from app.services.versions.version_states import VersionState
from app.web import formatting


class JobNotice(StrEnum):
    """Stands in the address where there is no JavaScript, so it names a sentence and is none."""

    BEGINS = "begins"
    QUEUED = "queued"
    RUNS_ALREADY = "runs_already"
    WAITS_ALREADY = "waits_already"
    STOPPING = "stopping"
    CANCELLED = "cancelled"
    GOES_ON = "goes_on"


JOB_NOTICES = {
    JobNotice.BEGINS: "{} starts in a moment.",
    JobNotice.QUEUED: "{} is queued: it starts when the jobs before it have ended.",
    JobNotice.RUNS_ALREADY: "{} is already running, so nothing new was started. Wait until it ends, or cancel it.",
    JobNotice.WAITS_ALREADY: "{} is already queued and starts by itself, so nothing new was queued.",
    JobNotice.STOPPING: "{} stops at its next step. What it has learned so far is discarded.",
    JobNotice.CANCELLED: "{} was cancelled. No version was changed.",
    JobNotice.GOES_ON: "{} resumes from its checkpoint.",
}


def of_start(job: Job, *, fresh: bool, alone: bool) -> JobNotice:
    """`fresh`: it was queued by this press. `alone`: no other job is live."""
    if fresh:
        return JobNotice.BEGINS if alone else JobNotice.QUEUED
    return JobNotice.RUNS_ALREADY if job.status is JobStatus.RUNNING else JobNotice.WAITS_ALREADY


def of_cancel(job: Job) -> JobNotice:
    return JobNotice.STOPPING if job.status in LIVE else JobNotice.CANCELLED


def about_job(said: str, kind: str) -> str:
    """The sentence, or none where an address says something else."""
    if said not in set(JobNotice) or kind not in KINDS:
        return ""
    return JOB_NOTICES[JobNotice(said)].format(KINDS[kind].title)


def of_activation(version: Version) -> str:
    return f"{formatting.version_title(version)} {formatting.version_state(VersionState.ACTIVE, version.kind)}."
