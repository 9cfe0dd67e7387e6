"""What the train page says after a button was pressed: one sentence for each outcome."""

from enum import StrEnum

from sqlalchemy.orm import Session

from app.db.models.jobs import LIVE, Job, JobStatus
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.formats.ids import parse_id
from app.kinds.registry import KINDS, job_title
from app.translation import N_, _
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
    RENAMED = "renamed"


JOB_NOTICES = {
    JobNotice.BEGINS: N_("{job} starts in a moment."),
    JobNotice.QUEUED: N_("{job} is queued: it starts when the jobs before it have ended."),
    JobNotice.RUNS_ALREADY: N_(
        "{job} is already running, so nothing new was started. Wait until it ends, or cancel it."
    ),
    JobNotice.WAITS_ALREADY: N_("{job} is already queued and starts by itself, so nothing new was queued."),
    JobNotice.STOPPING: N_("{job} stops at its next step. What it has learned so far is discarded."),
    JobNotice.CANCELLED: N_("{job} was cancelled. No version was changed."),
    JobNotice.GOES_ON: N_("{job} resumes from its checkpoint."),
    JobNotice.RENAMED: N_("Saved: name and note of this run."),
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
    return _(JOB_NOTICES[JobNotice(said)], job=job_title(kind))


class VersionNotice(StrEnum):
    ACTIVATED = "activated"
    DISCARDED = "discarded"
    TAKEN_BACK = "taken_back"
    RENAMED = "renamed"


VERSION_NOTICES = {
    VersionNotice.ACTIVATED: N_("{version} answers now."),
    VersionNotice.DISCARDED: N_("{version} was discarded. What answers has not changed."),
    VersionNotice.TAKEN_BACK: N_("{version} waits for a decision again."),
    VersionNotice.RENAMED: N_("Saved: name and note of {version}."),
}


def of_version(said: VersionNotice, version: Version) -> str:
    scores = said is VersionNotice.ACTIVATED and version.kind is VersionKind.REWARD
    message = N_("{version} scores now.") if scores else VERSION_NOTICES[said]
    return _(message, version=formatting.version_title(version))


def about_version(session: Session, said: str, version_id: str) -> str:
    """The sentence, or none where an address says something else, or what is not so any more: a page is loaded again,
    and somebody else may have decided since."""
    number = parse_id(version_id)
    version = None if number is None else session.get(Version, number)
    if version is None or said not in set(VersionNotice) or not _is_so(VersionNotice(said), version):
        return ""
    return of_version(VersionNotice(said), version)


def _is_so(said: VersionNotice, version: Version) -> bool:
    match said:
        case VersionNotice.ACTIVATED:
            return version.status is VersionStatus.ACTIVE
        case VersionNotice.DISCARDED:
            return version.discarded_at is not None
        case VersionNotice.TAKEN_BACK:
            return version.waits
        case VersionNotice.RENAMED:
            return True
