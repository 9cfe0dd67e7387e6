"""Which jobs' folders are kept, and going on from what is in them."""

import uuid
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.jobs import Job, JobStatus
from app.errors import ConflictError
from app.services.jobs import heartbeats, job_folders, job_runs, jobs
from app.settings.config import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", kept_checkpoints=2)


def add(session: Session, settings: Settings, status: JobStatus, *, checkpoint: bool = True, key: str = "") -> Job:
    job = Job(id=uuid.uuid4().hex, kind="train_policy", dedup_key=key or uuid.uuid4().hex, status=status)
    session.add(job)
    session.flush()
    folder = settings.job_directory(job.id)
    folder.mkdir(parents=True)
    (folder / "inputs.json").write_text("{}")
    if checkpoint:
        job_folders.checkpoint_path(settings, job.id).write_bytes(b"state")
    return job


def test_what_is_kept(session: Session, settings: Settings) -> None:
    """Of live jobs all, of failed ones the newest two that can go on, and what no row names."""
    old = add(session, settings, JobStatus.FAILED)
    kept = [add(session, settings, JobStatus.FAILED) for _ in range(2)]
    kept += [add(session, settings, status, checkpoint=False) for status in (JobStatus.QUEUED, JobStatus.RUNNING)]
    gone = [add(session, settings, status) for status in (JobStatus.SUCCEEDED, JobStatus.CANCELLED)]
    gone += [old, add(session, settings, JobStatus.FAILED, checkpoint=False)]
    settings.job_directory("stranger").mkdir()
    job_folders.clear(session, settings)
    assert {path.name for path in settings.job_directory("").iterdir()} == {"stranger", *(job.id for job in kept)}
    job_folders.clear(session, settings)


def test_nothing_to_clear(session: Session, settings: Settings) -> None:
    job_folders.clear(session, settings)
    assert not settings.data_dir.exists()


def test_marks_tell_checkpoints_apart(settings: Settings) -> None:
    assert job_folders.checkpoint_mark(settings, "job") is None
    path = job_folders.checkpoint_path(settings, "job")
    path.parent.mkdir(parents=True)
    marks = []
    for _ in range(2):
        fresh = path.with_name("checkpoint.pt.new")
        fresh.write_bytes(b"state")
        fresh.replace(path)
        marks.append(job_folders.checkpoint_mark(settings, "job"))
    assert None not in marks
    assert marks[0] != marks[1]
    assert job_folders.checkpoint_mark(settings, "job") == marks[1]


def test_a_failed_job_goes_on(session: Session, settings: Settings) -> None:
    job = add(session, settings, JobStatus.FAILED)
    job.error, job.attempts_without_progress, job.params = "It broke.", 3, {"seed": 7}
    resumed = jobs.resume_job(session, job.id, settings)
    assert resumed is job
    assert (resumed.status, resumed.error, resumed.attempts_without_progress) == (JobStatus.QUEUED, None, 0)
    assert (resumed.params, resumed.dispatched_at, resumed.finished_at) == ({"seed": 7}, None, None)
    assert jobs.resume_job(session, job.id, settings) is job, "twice is once"
    job_folders.clear(session, settings)
    assert job_folders.has_checkpoint(settings, job.id)


def test_a_job_that_failed_while_it_was_being_cancelled_goes_on(session: Session, settings: Settings) -> None:
    """It is not ended by the old cancel, and stands for its work again: nothing does the same beside it."""
    heartbeats.beat(session, "worker", utc_now())
    job = add(session, settings, JobStatus.RUNNING, key="train_policy")
    job.executor_id = "worker"
    assert jobs.request_cancel(session, job.id).status is JobStatus.RUNNING
    job.status = JobStatus.FAILED
    other = add(session, settings, JobStatus.QUEUED, key="train_policy")
    with pytest.raises(ConflictError, match=other.id):
        jobs.resume_job(session, job.id, settings)
    other.status = JobStatus.SUCCEEDED
    session.flush()
    jobs.resume_job(session, job.id, settings)
    assert job_runs.start_attempt(session, job.id, max_attempts=3) == 1
    assert job.dedup_key == "train_policy"


def test_what_cannot_go_on_says_so(session: Session, settings: Settings) -> None:
    done = add(session, settings, JobStatus.SUCCEEDED)
    with pytest.raises(ConflictError, match="A succeeded job cannot be resumed, only a failed one"):
        jobs.resume_job(session, done.id, settings)
    empty = add(session, settings, JobStatus.FAILED, checkpoint=False)
    with pytest.raises(ConflictError, match="no checkpoint to resume from"):
        jobs.resume_job(session, empty.id, settings)
    failed = add(session, settings, JobStatus.FAILED, key="train_policy")
    other = add(session, settings, JobStatus.QUEUED, key="train_policy")
    with pytest.raises(ConflictError, match=other.id):
        jobs.resume_job(session, failed.id, settings)
