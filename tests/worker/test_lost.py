"""Jobs whose DBOS file, database or folder was lost or exchanged, and jobs that fail or are killed often: real ones."""

import os
import signal
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from app.db.models.jobs import Job, JobStatus
from app.db.session import transaction
from app.services.jobs import job_folders, jobs
from tests.waiting import wait_for
from tests.worker.harness import Harness, Worker, alive

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
SUM_TO_20 = 210


def kill(worker: Worker, child: int) -> None:
    """kill -9; returns when its child is gone, too."""
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    wait_for(lambda: not alive(child), "end of the orphan")


def back_up(harness: Harness, path: Path) -> None:
    """As docs/deployment.md says."""
    with closing(sqlite3.connect(harness.settings.data_dir / "fourfold.db")) as connection:
        connection.execute("VACUUM INTO ?", [str(path)])


def restore(path: Path, data_dir: Path) -> None:
    for name in ("fourfold.db", "fourfold.db-wal", "fourfold.db-shm"):
        (data_dir / name).unlink(missing_ok=True)
    data_dir.mkdir(exist_ok=True)
    (data_dir / "fourfold.db").write_bytes(path.read_bytes())


def test_kills_end_no_job_that_advances(harness: Harness) -> None:
    """kill -9 of the child at three attempts, each behind a new checkpoint, then of the worker; the file of DBOS is
    deleted: the job is not given up (max_attempts is 3), and ends with every step counted once."""
    job = harness.add_job(steps=20, seconds=0, hold_at=[4, 8, 12, 16])
    worker = harness.start_worker()
    for step in (4, 8, 12):
        harness.wait_until(job, partial(_is_at, step), f"step {step}")
        os.kill(harness.child_pid(worker), signal.SIGKILL)
    harness.wait_until(job, partial(_is_at, 16), "fourth attempt")
    kill(worker, harness.child_pid(worker))
    assert harness.job(job).status is JobStatus.RUNNING
    harness.lose_dbos()
    harness.start_worker()
    (ended,) = harness.wait_over(job)
    assert (ended.status, ended.error, ended.attempts) == (JobStatus.SUCCEEDED, None, 5)
    assert ended.result is not None
    assert ended.result["total"] == SUM_TO_20
    assert [row["step"] for row in harness.trace(job)] == list(range(1, 21)), "no step twice, none left out"
    with harness.readers() as session:
        assert [point.step for point in jobs.metrics_since(session, job)] == list(range(1, 21))


def _is_at(step: int, job: Job) -> bool:
    return job.step == step


@pytest.mark.nightly  # make test has tests/backup/test_backup.py: a job goes on from a backup
@pytest.mark.sqlite
def test_a_database_from_a_backup(harness: Harness, tmp_path: Path) -> None:
    """Copied while a job ran. Restored beside a DBOS that has long ended it, and into an empty folder: it runs
    again both times, and so does a new one."""
    job = harness.add_job(steps=20, seconds=0, hold_at=[4])
    worker = harness.start_worker()
    harness.wait_until(job, partial(_is_at, 4), "fourth step")
    back_up(harness, tmp_path / "backup.db")
    os.kill(harness.child_pid(worker), signal.SIGKILL)
    harness.wait_over(job)
    unknown = harness.add_job(steps=2, seconds=0)  # DBOS will know it, the restored database will not
    harness.wait_over(unknown)
    worker.terminate()
    worker.wait()
    harness.database.dispose()
    for data_dir in (harness.settings.data_dir, tmp_path / "elsewhere"):
        restore(tmp_path / "backup.db", data_dir)
        restored = Harness(data_dir)
        try:
            check_all_end(restored, job)
        finally:
            restored.close()


def check_all_end(harness: Harness, job_id: str) -> None:
    assert harness.job(job_id).status is JobStatus.RUNNING
    fresh_id = harness.add_job(steps=2, seconds=0)
    worker = harness.start_worker()
    job, fresh = harness.wait_over(job_id, fresh_id)
    worker.terminate()
    worker.wait()
    assert (job.status, job.error, fresh.status) == (JobStatus.SUCCEEDED, None, JobStatus.SUCCEEDED)
    assert job.result is not None
    assert job.result["total"] == SUM_TO_20


def test_a_failed_job_goes_on_from_its_checkpoint(harness: Harness) -> None:
    """Its parameters, inputs and curve are kept; the folder goes when the job has ended well."""
    job = harness.add_job(steps=20, seconds=0, fail_at=11)
    harness.start_worker()
    (failed,) = harness.wait_over(job)
    assert failed.status is JobStatus.FAILED
    assert job_folders.has_checkpoint(harness.settings, job)
    (harness.settings.data_dir / "mended").touch()
    with transaction(harness.sessions) as session:
        jobs.resume_job(session, job, harness.settings)
    (ended,) = harness.wait_over(job)
    assert (ended.status, ended.error, ended.attempts) == (JobStatus.SUCCEEDED, None, 2)
    assert ended.result == {"total": SUM_TO_20, "first_pid": harness.trace(job)[0]["pid"]}
    assert [row["step"] for row in harness.trace(job)] == [*range(1, 12), *range(11, 21)]
    with harness.readers() as session:
        assert [point.step for point in jobs.metrics_since(session, job)] == list(range(1, 21))
    assert not harness.settings.job_directory(job).exists()
