"""How far the comparison of a policy with the SFT model is, as long as there is no figure of it."""

from sqlalchemy.orm import Session

from app.db.models.jobs import LIVE, Job, JobStatus
from app.db.models.versions import Version
from app.kinds.evaluate import EVALUATE
from app.services.jobs import jobs
from app.translation import N_, _

NEWEST = 50
"""Evaluations that are looked at."""
NONE = N_(
    "It has not been compared with the SFT model, and no comparison is queued. Start one on the Train page, or compare "
    "it blind."
)
NO_WIN_RATE = N_(
    "Its comparison with the SFT model gave no win rate. Start it again on the Train page, or compare it blind."
)
SAID = {
    JobStatus.QUEUED: N_("Its comparison with the SFT model is queued. The win rate comes with it."),
    JobStatus.RUNNING: N_("It is being compared with the SFT model now. The win rate comes with it."),
    JobStatus.FAILED: N_(
        "Its comparison with the SFT model failed. Start it again on the Train page, or compare it blind."
    ),
    JobStatus.CANCELLED: N_(
        "Its comparison with the SFT model was cancelled. Start it again on the Train page, or compare it blind."
    ),
}


def comparison_of(session: Session, version: Version) -> tuple[str, Job | None]:
    """A sentence, and the newest job that compares it."""
    newest = jobs.list_jobs(session, kind=EVALUATE.name, limit=NEWEST).items
    mine = [job for job in newest if job.params.get("version_id") == version.id]
    job = next((each for each in mine if each.status in LIVE), next(iter(mine), None))
    otherwise = NO_WIN_RATE if version.metrics.get("evaluation") else NONE
    return _(otherwise if job is None else SAID.get(job.status, otherwise)), job
