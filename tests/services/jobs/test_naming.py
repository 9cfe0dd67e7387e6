"""Names and notes of runs: in one form, taken away by an empty text, refused as a whole."""

import pytest
from sqlalchemy.orm import Session

from app.db.models.jobs import Job
from app.errors import InvalidError, NotFoundError
from app.services.jobs.naming import MAX_NAME_CHARACTERS, MAX_NOTE_CHARACTERS, rename


@pytest.fixture
def job(session: Session) -> Job:
    job = Job(id="run", kind="train_policy", dedup_key="run")
    session.add(job)
    session.flush()
    return job


def test_a_name_and_a_note_are_kept_and_taken_away(session: Session, job: Job) -> None:
    rename(session, "run", name="  the   first ", note="Went well.")
    assert (job.name, job.note) == ("the first", "Went well.")
    rename(session, "run", name=" ", note="")
    assert (job.name, job.note) == (None, None)


@pytest.mark.parametrize(
    ("name", "note"), [("x" * (MAX_NAME_CHARACTERS + 1), "n"), ("x", "n" * (MAX_NOTE_CHARACTERS + 1)), ("a\nb", "n")]
)
def test_what_is_refused_changes_nothing(session: Session, job: Job, name: str, note: str) -> None:
    with pytest.raises(InvalidError):
        rename(session, "run", name=name, note=note)
    assert (job.name, job.note) == (None, None)
    rename(session, "run", name="x" * MAX_NAME_CHARACTERS, note="n" * MAX_NOTE_CHARACTERS)


def test_a_run_that_is_not_there_has_no_name(session: Session) -> None:
    with pytest.raises(NotFoundError):
        rename(session, "none", name="x", note="")
