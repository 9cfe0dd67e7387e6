"""Runs a job's attempts in child processes and waits until each is really gone. Knows nothing of DBOS.

A crash (killed, out of memory, torch fault) is tried again from the checkpoint; an error that the child recorded is
not.
"""

import logging
import os
import signal
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import IO

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.jobs import JobStatus
from app.db.session import make_read_session_factory, make_session_factory, open_database, transaction
from app.errors import UnavailableError
from app.processes import own_process
from app.processes.parent_watch import settings_environment
from app.services.jobs import job_folders, job_runs
from app.services.jobs.job_runs import Control
from app.services.lifecycle import removal
from app.settings.config import Settings
from app.translation import _
from app.worker.child import HANDLE

WATCH_SECONDS = 0.2
SHUTDOWN_GRACE_SECONDS = 3.0
RETRY_SECONDS = 0.5
STDERR_LINES = 20

log = logging.getLogger("fourfold.worker")


class WorkerStopping(BaseException):
    """Not an Exception: DBOS must not record it, so that the job is still pending at the next start."""


@dataclass
class JobRunner:
    settings: Settings
    stopping: threading.Event
    executor_id: str
    handle: str = HANDLE
    sessions: sessionmaker[Session] = field(init=False)
    readers: sessionmaker[Session] = field(init=False)
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        database = open_database(self.settings.resolved_database_url)
        self.sessions = make_session_factory(database)
        self.readers = make_read_session_factory(database)

    def wait_idle(self) -> None:
        """After `stopping` is set: returns when no child is left."""
        with self._busy:
            pass

    def run_job(self, job_id: str) -> None:
        with self._busy:
            self._run_attempts(job_id)
        self.clear_folders()

    def clear_folders(self) -> None:
        """Of jobs that have ended, but for those that may go on; and of versions that were removed."""
        with self.readers() as session:
            job_folders.clear(session, self.settings)
            for sentence in removal.clear(session, self.settings):
                log.warning("%s", sentence)

    def _run_attempts(self, job_id: str) -> None:
        """Attempts until one records an outcome. Raises WorkerStopping when the job is to be taken up again later."""
        crash: str | None = None
        while not self.stopping.is_set():
            fence = self._start_attempt(job_id, crash)
            if fence is None:
                return
            child = Child(self.settings, job_id, fence, self.handle)
            try:
                control = self._watch(child)
            finally:
                child.end()
            crash = self._settle(child, control)
            if crash is None:
                return
            log.warning("job %s: %s", job_id[:8], crash)
            self.stopping.wait(RETRY_SECONDS)
        raise WorkerStopping

    def _start_attempt(self, job_id: str, crash: str | None) -> int | None:
        checkpoint = job_folders.checkpoint_mark(self.settings, job_id)
        with transaction(self.sessions) as session:
            return job_runs.start_attempt(
                session,
                job_id,
                max_attempts=self.settings.max_attempts,
                executor_id=self.executor_id,
                checkpoint=checkpoint,
                crash=crash,
            )

    def _watch(self, child: "Child") -> Control:
        """Until the child is gone, or must go; the last word from the jobs table."""
        kill_at: float | None = None
        while child.running(WATCH_SECONDS):
            control = self._look(child)
            now = time.monotonic()
            if control.fenced and kill_at is None:  # ended by itself a moment ago, or taken over by another worker
                kill_at = now + SHUTDOWN_GRACE_SECONDS
            if control.cancel and kill_at is None:
                kill_at = now + self.settings.worker_grace_seconds
            if self.stopping.is_set() and not child.asked_to_stop:
                child.ask_to_stop()
                kill_at = min(now + SHUTDOWN_GRACE_SECONDS, kill_at or now + SHUTDOWN_GRACE_SECONDS)
            if kill_at is not None and now >= kill_at:
                child.kill()
        with self.readers() as session:
            return job_runs.control_of(session, child.job_id, child.fence)

    def _look(self, child: "Child") -> Control:
        """While the database cannot be read the child works on; it has patience of its own."""
        try:
            with self.readers() as session:
                control = job_runs.control_of(session, child.job_id, child.fence)
        except (SQLAlchemyError, UnavailableError) as error:
            if not child.unseen:
                log.warning("job %s: the jobs table cannot be read: %s", child.job_id[:8], error)
            child.unseen = True
            return Control()
        child.unseen = False
        return control

    def _settle(self, child: "Child", control: Control) -> str | None:
        """After the child is gone: None when the job is over for this worker, else how it crashed."""
        if control.fenced:
            return None
        with transaction(self.sessions) as session:
            if control.cancel:
                job_runs.finish(session, child.job_id, child.fence, status=JobStatus.CANCELLED)
            elif self.stopping.is_set():
                job_runs.release_attempt(session, child.job_id, child.fence)
        if control.cancel:
            return None
        if self.stopping.is_set():
            raise WorkerStopping
        return child.describe_crash()


class Child:
    """A started child process. In a session of its own: Ctrl-C in the terminal reaches the worker first."""

    unseen = False
    """Whether the last look at its job failed, which is told once."""

    def __init__(self, settings: Settings, job_id: str, fence: int, handle: str) -> None:
        self.job_id = job_id
        self.fence = fence
        self.asked_to_stop = False
        threads = str(settings.worker_threads)
        environment = (
            own_process.environment()
            | settings_environment(settings)
            | {
                "OMP_NUM_THREADS": threads,
                "OMP_WAIT_POLICY": "PASSIVE",  # a waiting thread sleeps; spinning starves the pages
            }
        )
        self._process = subprocess.Popen(
            own_process.command("app.worker.child", job_id, str(fence), handle),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        assert self._process.stderr is not None
        self._tail: deque[str] = deque(maxlen=STDERR_LINES)
        self._reader = threading.Thread(target=self._forward, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        log.info("job %s: attempt %s runs as process %s", job_id[:8], fence, self._process.pid)

    def _forward(self, stderr: IO[str]) -> None:
        for line in stderr:
            self._tail.append(line.rstrip())
            log.info("job %s: %s", self.job_id[:8], line.rstrip())

    def running(self, wait_seconds: float) -> bool:
        try:
            self._process.wait(wait_seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def ask_to_stop(self) -> None:
        self.asked_to_stop = True
        self._process.terminate()

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Returns when the process is gone, whatever state it was in."""
        self.kill()
        self._process.wait()
        self._reader.join(timeout=1.0)
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        self._process.stdin.close()
        self._process.stderr.close()

    def describe_crash(self) -> str:
        code = self._process.returncode
        if code == -signal.SIGKILL:
            how = _(
                "The training process was killed (signal 9; often memory ran out: close other programs or lower "
                "batch_size)."
            )
        elif code < 0:
            how = _(
                "The training process was ended by signal {number} ({name}).",
                number=-code,
                name=signal.Signals(-code).name,
            )
        else:
            how = _("The training process ended with status {status} and no result.", status=code)
        last = next((line for line in reversed(self._tail) if line.strip()), "")
        return _("{problem} Its last line: {line}", problem=how, line=last) if last else how
