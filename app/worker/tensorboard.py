"""A run's curves for TensorBoard, where the setting asks for it: what the database has, and nothing else."""

import logging
from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.jobs import Job, JobMetric
from app.services.jobs import jobs
from app.services.jobs.job_runs import MetricPoint
from app.settings.config import Settings
from app.worker.event_file import EventFile, Scalars

Read = Callable[[Callable[[Session], list[JobMetric]]], list[JobMetric]]
"""One look at the database."""
log = logging.getLogger("fourfold.job")


class TensorBoard:
    """Of one attempt. A disk that is full, or a folder that cannot be written, ends this and not the training."""

    def __init__(self, settings: Settings, job: Job, fence: int) -> None:
        directory = settings.tensorboard_directory / f"run-{job.number}-{job.kind}"
        self._file = EventFile(directory, fence, utc_now())
        self._job_id, self._wanted = job.id, settings.tensorboard
        self._last_step: int | None = None

    def follow(self, points: Sequence[MetricPoint], read: Read) -> None:
        """`points`: reported just now, and stored."""
        if not self._wanted or not points:
            return
        try:
            self._write(points, read)
        except OSError as error:
            self._wanted = False
            log.warning("job %s: no more event files for TensorBoard: %s", self._job_id, error)

    def _write(self, points: Sequence[MetricPoint], read: Read) -> None:
        if self._last_step is None or points[0].step <= self._last_step:
            stored = read(lambda session: jobs.curve_of(session, self._job_id))
            self._file.begin([Scalars(point.created_at, point.step, point.values) for point in stored])
        else:
            self._file.add([Scalars(utc_now(), point.step, point.values) for point in points])
        self._last_step = points[-1].step
