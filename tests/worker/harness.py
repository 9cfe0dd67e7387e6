"""A data folder with a real database, and real worker processes on it that a test may kill."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from app.db.models.jobs import LIVE, Job
from app.db.schema import migrate
from app.db.session import make_read_session_factory, make_session_factory, open_database, transaction
from app.processes.parent_watch import settings_environment
from app.settings.config import Settings
from tests.databases import database_url, migrated_file
from tests.repository import REPOSITORY
from tests.waiting import PATIENCE_SECONDS, wait_for

Worker = subprocess.Popen[bytes]


def alive(pid: int) -> bool:
    """Zombies are gone: they run nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Harness:
    def __init__(self, data_dir: Path, **settings: Any) -> None:
        quick: dict[str, Any] = {
            "worker_poll_seconds": 0.1,
            "worker_stale_seconds": 2.0,
            "worker_grace_seconds": 1.0,
            "worker_nice": 0,
        }
        own = {"data_dir": data_dir, "database_url": database_url(data_dir)}
        self.settings = Settings(**(quick | own | settings))
        data_dir.mkdir(parents=True, exist_ok=True)
        path = data_dir / "fourfold.db"
        if self.settings.database_url is None and not path.exists():
            migrated_file(path)
        self.database = open_database(self.settings.resolved_database_url, create=True)
        migrate(self.database)
        self.sessions = make_session_factory(self.database)
        self.readers = make_read_session_factory(self.database)
        self.workers: list[Worker] = []

    def start_worker(self, module: str = "tests.worker.toy_worker", *arguments: str) -> Worker:
        with (self.settings.data_dir / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=REPOSITORY,
                env=os.environ | settings_environment(self.settings) | {"PYTHONPATH": str(REPOSITORY)},  # for toys
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.workers.append(worker)
        return worker

    @property
    def log(self) -> str:
        path = self.settings.data_dir / "worker.log"
        return path.read_text() if path.is_file() else ""

    def add_job(self, kind: str = "train_reward", **params: Any) -> str:
        job_id = uuid.uuid4().hex
        with transaction(self.sessions) as session:
            session.add(Job(id=job_id, kind=kind, params=params, dedup_key=job_id))
        return job_id

    def job(self, job_id: str) -> Job:
        with self.readers() as session:
            found = session.get(Job, job_id)
            assert found is not None
            return found

    def wait_until(self, job_id: str, test: Callable[[Job], bool], what: str, seconds: float = PATIENCE_SECONDS) -> Job:
        def look() -> Job | None:
            job = self.job(job_id)
            return job if test(job) else None

        return wait_for(look, what, seconds)

    def wait_over(self, *job_ids: str, seconds: float = 120.0) -> list[Job]:
        def look() -> bool:
            with self.readers() as session:
                return not session.scalars(select(Job.id).where(Job.id.in_(job_ids), Job.status.in_(LIVE))).all()

        wait_for(look, f"end of the jobs; worker's log:\n{self.log}", seconds)
        return [self.job(job_id) for job_id in job_ids]

    def trace(self, job_id: str) -> list[dict[str, Any]]:
        path = self.settings.data_dir / f"trace-{job_id}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def child_pid(self, worker: Worker) -> int:
        """The job's process, as the kernel knows it."""
        tasks = Path(f"/proc/{worker.pid}/task")

        def look() -> int | None:
            children = " ".join((task / "children").read_text() for task in tasks.iterdir()).split()
            return int(children[0]) if children else None

        return wait_for(look, "child of the worker")

    def lose_dbos(self) -> None:
        """What DBOS knows is deleted; no worker runs."""
        for path in self.settings.data_dir.glob("engine.db*"):
            path.unlink()
        if self.database.dialect.name == "postgresql":
            with self.database.begin() as connection:
                connection.execute(text("DROP SCHEMA dbos CASCADE"))

    def name_in_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """For commands that are run in this process."""
        for name, value in settings_environment(self.settings).items():
            if name in ("FOURFOLD_DATA_DIR", "FOURFOLD_DATABASE_URL", "FOURFOLD_MODEL_DIR"):
                monkeypatch.setenv(name, value)

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
            worker.wait()
        self.database.dispose()
