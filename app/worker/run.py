"""One attempt at a job, as its handler sees it: the row, its folder, its checkpoint, and `drain` to run a trainer.

Knows nothing of processes or of the engine, so tests run handlers inline.
"""

import json
import math
import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session, sessionmaker

from app.db.base import utc_now
from app.db.models.jobs import Job, JobStatus
from app.db.session import make_read_session_factory, transaction
from app.formats.strict_json import to_json
from app.kinds.registry import kind_of
from app.model_info.weights import sync
from app.saving import saving
from app.services.jobs import job_folders, job_runs
from app.services.jobs.job_answers import AnswersInWords
from app.services.jobs.job_runs import Control, MetricPoint, Report
from app.settings.config import Settings
from app.training.context import Answers, Progress
from app.translation import N_
from app.worker.checkpoints import JobCheckpoints
from app.worker.pace import Pace
from app.worker.patience import Wait, patiently
from app.worker.tensorboard import TensorBoard

Result = TypeVar("Result")
InWords = Callable[[Answers], AnswersInWords]
REPORT_SECONDS = 0.25


class JobStopped(BaseException):
    """The worker is stopping and the checkpoint is safe. Not an Exception: no trainer may swallow it."""


class JobCancelled(BaseException):
    """A person asked for it. Not an Exception: no trainer may swallow it."""


class JobSuperseded(BaseException):
    """Another worker took the job over; whatever this attempt writes is refused."""


@dataclass
class JobRun:
    settings: Settings
    sessions: sessionmaker[Session]
    job: Job
    """Detached: as it was when the attempt began."""
    fence: int
    stop_requested: Callable[[], bool] = lambda: False
    wait: Wait = time.sleep
    """Between two tries to reach the database."""
    precision: str | None = None
    """The number format that the job began in: it ends in the same one, whatever machine it wakes up on."""
    in_words: InWords | None = None
    """Reads the answers that a trainer tells on its way."""
    _readers: sessionmaker[Session] = field(init=False)
    _metrics: dict[str, float] = field(default_factory=dict)
    _points: list[MetricPoint] = field(default_factory=list)
    _answers: list[AnswersInWords] = field(default_factory=list)
    _latest: Progress = field(default_factory=lambda: Progress(0, 0))
    _reported_at: float = -math.inf
    _pace: Pace = field(default_factory=Pace)
    _ends_at: datetime | None = None
    _leave: bool = False
    _tensorboard: TensorBoard = field(init=False)

    def __post_init__(self) -> None:
        self._metrics = dict(self.job.metrics)
        self._readers = make_read_session_factory(self.sessions.kw["bind"])
        self._latest = Progress(self.job.step, self.job.total_steps)
        self._tensorboard = TensorBoard(self.settings, self.job, self.fence)

    @property
    def params(self) -> dict[str, Any]:
        return self.job.params

    @property
    def directory(self) -> Path:
        return self.settings.job_directory(self.job.id)

    def checkpoints(self) -> JobCheckpoints:
        path = job_folders.checkpoint_path(self.settings, self.job.id)
        return JobCheckpoints(path, on_saving=self.wait_for_data_folder, on_saved=self.saved)

    def wait_for_data_folder(self) -> None:
        """Before files are written: they would make a new folder where the data folder, moved or unmounted, was."""
        self.read(lambda session: session.connection())

    def patiently(self, work: Callable[[], Result]) -> Result:
        """Whole transactions, done again where the database is locked, full or gone; raises DatabaseGone at last."""
        return patiently(work, seconds=self.settings.worker_patience_seconds, wait=self.wait)

    def read(self, look: Callable[[Session], Result]) -> Result:
        """One patient look at the database; takes no lock."""

        def once() -> Result:
            with self._readers() as session:
                return look(session)

        return self.patiently(once)

    def commit(self, work: Callable[[Session], Result]) -> Result:
        """One patient transaction."""

        def once() -> Result:
            with transaction(self.sessions) as session:
                return work(session)

        return self.patiently(once)

    def saved(self) -> None:
        """A checkpoint is safe: if the worker is stopping, leave at the report of this step."""
        self._leave = self.stop_requested()

    def pinned(self, choose: Callable[[], dict[str, Any]], name: str = "inputs") -> dict[str, Any]:
        """What the job works on, chosen once: a resumed attempt trains on the same rows as the first one."""
        path = self.directory / f"{name}.json"
        if path.is_file():
            stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return stored
        chosen = choose()
        with saving(N_("list of the job's inputs")):
            self.directory.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f"{name}.json.new")
            fresh.write_text(to_json(chosen), encoding="utf-8")
            fresh.replace(path)
            sync(self.directory)
        return chosen

    def drain(self, trainer: Generator[Progress, None, Result]) -> Result:
        """Runs a trainer to its end, reporting each step; leaves it at once when cancelled or superseded."""
        if not kind_of(self.job.kind).first_step_is_longer:
            self._pace.begin(time.monotonic())
        try:
            while True:
                try:
                    progress = next(trainer)
                except StopIteration as stop:
                    result: Result = stop.value
                    self._flush()
                    return result
                self.report(progress)
        finally:
            trainer.close()

    def say(self, message: str) -> None:
        """A line for the person who waits, before the first step."""
        self._latest = replace(self._latest, message=message)
        self._flush()

    def beat(self) -> None:
        """Alive, between two steps: so that a cancel is seen there too."""
        if time.monotonic() - self._reported_at >= REPORT_SECONDS:
            self._flush()

    def report(self, progress: Progress) -> None:
        """At most four writes a second; curve points in between are kept and written together."""
        if progress.step != self._latest.step:
            left = self._pace.step(time.monotonic(), progress.total_steps - progress.step)
            self._ends_at = None if left is None else utc_now() + timedelta(seconds=left)
        self._latest = progress
        if progress.metrics:
            # NaN and infinity are no JSON; whether they fail the job is the trainer's decision
            finite = {name: float(value) for name, value in progress.metrics.items() if math.isfinite(value)}
            self._metrics |= finite
            if self._points and self._points[-1].step == progress.step:
                finite = self._points.pop().values | finite
            self._points.append(MetricPoint(progress.step, finite))
        if self.in_words is not None:
            self._answers += map(self.in_words, progress.answers)
        if self._leave:
            self._flush()
            raise JobStopped
        self.beat()

    def _flush(self) -> None:
        control = self.commit(self.write_report)
        if control.fenced:
            raise JobSuperseded
        self._tensorboard.follow(self._points, self.read)
        self._points, self._answers = [], []
        self._reported_at = time.monotonic()
        if control.cancel:
            raise JobCancelled

    def write_report(self, session: Session) -> Control:
        """All that was reported and not written yet."""
        report = Report(
            step=self._latest.step,
            total_steps=self._latest.total_steps,
            message=self._latest.message,
            metrics=self._metrics,
            points=self._points,
            answers=self._answers,
            ends_at=self._ends_at,
        )
        return job_runs.write_report(session, self.job.id, self.fence, report)

    def finish(self, session: Session, result: dict[str, Any]) -> None:
        """Call last in the transaction that stores the result: either both are stored or neither."""
        told = result if self.precision is None else result | {"precision": self.precision}
        if not job_runs.finish(session, self.job.id, self.fence, status=JobStatus.SUCCEEDED, result=told):
            raise JobSuperseded

    def remove_directory(self) -> None:
        """The job has ended as it should; its checkpoint is of no use any more."""
        shutil.rmtree(self.directory, ignore_errors=True)


Handle = Callable[[JobRun], None]
