"""What the policy of a run answered to the same few prompts, look by look.

Few looks are kept, evenly over the run: the first and the newest ones always.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.db.models.jobs import JobAnswers

MOST_LOOKS = 40
MOST_CHARACTERS = 2_000
"""Of a prompt, and of an answer."""


@dataclass(frozen=True)
class AnswersInWords:
    """One look, as `JobAnswers` keeps it."""

    step: int
    kl: float | None
    answers: list[dict[str, Any]]


def forget_after(session: Session, job_id: str, step: int) -> None:
    """An attempt does this step again, and will look at the later ones again."""
    session.execute(delete(JobAnswers).where(JobAnswers.job_id == job_id, JobAnswers.step > step))


def add(session: Session, job_id: str, looks: Sequence[AnswersInWords]) -> None:
    """They take the place of those at the same steps."""
    if not looks:
        return
    told = {look.step: look for look in looks}
    steps = {*session.scalars(select(JobAnswers.step).where(JobAnswers.job_id == job_id)), *told}
    gone = steps - evenly(steps, MOST_LOOKS)
    session.execute(delete(JobAnswers).where(JobAnswers.job_id == job_id, JobAnswers.step.in_(gone | set(told))))
    session.add_all(
        JobAnswers(job_id=job_id, step=look.step, kl=look.kl, answers=look.answers)
        for look in told.values()
        if look.step not in gone
    )


def evenly(steps: set[int], most: int) -> set[int]:
    """At most so many of them, the first and the last among them: again and again the one goes whose neighbours are
    nearest to each other, the earliest of equals."""
    kept = sorted(steps)
    while len(kept) > most:
        kept.pop(min(range(1, len(kept) - 1), key=lambda place: kept[place + 1] - kept[place - 1]))
    return set(kept)


def answers_of(session: Session, job_id: str) -> list[JobAnswers]:
    """All looks of the job that are kept, in the order of their steps."""
    return list(session.scalars(select(JobAnswers).where(JobAnswers.job_id == job_id).order_by(JobAnswers.step)))
