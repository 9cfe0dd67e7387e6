"""Training stands still while its database is away: it waits, and ends without an outcome if it does not come back."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.jobs import Job
from app.db.models.labelers import Labeler
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.hparams import RewardHparams
from app.services.jobs import job_runs
from app.worker.handlers.outcomes import TrainedVersion
from app.worker.patience import DatabaseGone, patiently
from app.worker.process import Child, JobRunner
from app.worker.run import JobRun
from tests.worker.harness import Harness

pytestmark = pytest.mark.sqlite  # its file is what this is about


def test_it_waits_for_a_data_folder_that_comes_back(database: Database, sessions: sessionmaker[Session]) -> None:
    path = Path(database.url.database or "")
    away = path.with_name("away.db")
    path.rename(away)
    waits: list[float] = []

    def store() -> None:
        with transaction(sessions) as session:
            session.add(Labeler(name="trained"))

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            away.rename(path)

    patiently(store, seconds=60, wait=wait)
    assert len(waits) == 3
    path.rename(away)
    with pytest.raises(DatabaseGone, match="moved, deleted or unmounted"):
        patiently(store, seconds=10, wait=lambda _seconds: None)
    assert not path.exists()


class ChildInTheDark(Child):
    """No process: it works through three looks of its worker, and the data folder is away at the first two."""

    def __init__(self, data_dir: Path) -> None:
        self.job_id, self.fence, self.asked_to_stop = "j", 1, False
        self.looks, self.killed = 0, False
        self._data_dir, self._away = data_dir, data_dir.with_name("away")

    def running(self, _wait_seconds: float) -> bool:
        self.looks += 1
        if self.looks == 1:
            self._data_dir.rename(self._away)
        elif self.looks == 3:
            self._away.rename(self._data_dir)
        return self.looks <= 3

    def kill(self) -> None:
        self.killed = True


def test_a_lost_data_folder_kills_no_child(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    """The worker looks at its job five times a second, and tells the loss once; the child waits by itself."""
    runner = JobRunner(harness.settings, threading.Event(), "worker")
    with transaction(runner.sessions) as session:
        session.add(Job(id="j", kind="train_reward", params={}, dedup_key="j"))
        session.flush()
        assert job_runs.start_attempt(session, "j", max_attempts=3) == 1
    child = ChildInTheDark(harness.settings.data_dir)
    assert runner._watch(child) == job_runs.Control()
    assert (child.looks, child.killed, child.unseen) == (4, False, False)
    assert len([line for line in caplog.messages if "cannot be read" in line]) == 1
    runner.sessions.kw["bind"].dispose()


def test_a_checkpoint_waits_for_the_data_folder(harness: Harness) -> None:
    """Written at once it would make a new folder there, with nothing but the checkpoint in it."""
    data_dir = harness.settings.data_dir
    away = data_dir.with_name("away")
    job_id = harness.add_job()
    with transaction(harness.sessions) as session:
        fence = job_runs.start_attempt(session, job_id, max_attempts=3)
    assert fence is not None
    found: list[bool] = []

    def wait(_seconds: float) -> None:
        found.append(data_dir.exists())
        if len(found) == 2:
            away.rename(data_dir)

    run = JobRun(harness.settings, harness.sessions, harness.job(job_id), fence, wait=wait)
    data_dir.rename(away)
    run.checkpoints().save({"step": 1})
    assert found == [False, False]
    assert run.checkpoints().load() == {"step": 1}


def test_a_new_version_waits_for_the_data_folder(harness: Harness) -> None:
    data_dir = harness.settings.data_dir
    away = data_dir.with_name("away")
    job_id = harness.add_job()
    with transaction(harness.sessions) as session:
        fence = job_runs.start_attempt(session, job_id, max_attempts=3)
    assert fence is not None

    def save(_directory: Path) -> str:
        raise AssertionError("written beside the lost folder")

    quick = harness.settings.model_copy(update={"worker_patience_seconds": 1.0})
    run = JobRun(quick, harness.sessions, harness.job(job_id), fence, wait=lambda _seconds: None)
    data_dir.rename(away)
    new = TrainedVersion(VersionKind.REWARD, 1, RewardHparams(), {}, save)
    with pytest.raises(DatabaseGone):
        new.store(run, lambda _session, _version, _settings: None)
    away.rename(data_dir)
