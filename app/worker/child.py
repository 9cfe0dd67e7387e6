"""The process of one attempt at one job: app.worker.child JOB_ID FENCE [MODULE:FUNCTION].

It ends with its parent (their pipe), leaves at a checkpoint on SIGTERM, and writes the job's outcome itself, guarded by
the fence. After an exit status other than the first three below the worker starts it again.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from pkgutil import resolve_name

from sqlalchemy.orm import Session, sessionmaker

from app.db.models.jobs import Job, JobStatus
from app.db.session import make_read_session_factory, make_session_factory, open_database
from app.errors import AppError
from app.formats.languages import either
from app.hparam_fields import hparam_fields
from app.kinds.registry import kind_of
from app.processes.parent_watch import follow_parent
from app.saving import is_disk_full
from app.services.jobs import job_folders, job_runs
from app.settings.config import Settings
from app.translation import _
from app.worker.patience import DatabaseGone, patiently
from app.worker.run import Handle, JobCancelled, JobRun, JobStopped, JobSuperseded

EXIT_RECORDED = 0
EXIT_STOPPED = 75
EXIT_SUPERSEDED = 76
EXIT_PARENT_GONE = 77
EXIT_DATABASE_GONE = 78

AUTOGROUP = Path("/proc/self/autogroup")
HANDLE = "app.worker.handlers.generic:handle"
TAKES_MEMORY = ("tokens_per_micro_batch", "samples_per_prompt", "max_tokens", "batch_rows", "normalization_samples")
log = logging.getLogger("fourfold.job")


def run_attempt(run: JobRun, handle: Handle) -> int:
    """Runs the handler and records how it ended; returns the exit status."""
    try:
        return _run_to_its_end(run, handle)
    except DatabaseGone as error:  # nothing can be recorded: the job stays as it is and starts again later
        log.error("job %s: %s", run.job.id, error)
        return EXIT_DATABASE_GONE


def _run_to_its_end(run: JobRun, handle: Handle) -> int:
    try:
        handle(run)
    except JobStopped:
        return EXIT_STOPPED
    except JobSuperseded:
        log.warning("job %s was taken over by another worker; leaving", run.job.id)
        return EXIT_SUPERSEDED
    except JobCancelled:
        return _record(run, JobStatus.CANCELLED)
    except Exception as error:  # the one broad except of the job: whatever went wrong is the job's outcome
        log.exception("job %s (%s) failed", run.job.id, run.job.kind)
        return _record(run, JobStatus.FAILED, error=_sentence(error, run))
    run.remove_directory()
    return EXIT_RECORDED


def _sentence(error: Exception, run: JobRun) -> str:
    """What happened and what to do, without the paths of this machine."""
    if isinstance(error, AppError):
        return error.message
    if is_disk_full(error):
        return _("The disk is full. Free some space and let the job go on, or start it again; nothing was lost.")
    if is_out_of_memory(error):
        names = hparam_fields(kind_of(run.job.kind).hparams)
        return _(
            "Memory ran out. Close other programs or give the container more, and start the job again. It takes less "
            "with a smaller {settings}.",
            settings=either([name for name in TAKES_MEMORY if name in names]),
        )
    return _(
        "The job failed with {error}. The worker's log has the details; start the job again, and report it if it fails "
        "again.",
        error=f"{type(error).__name__}: {error}".replace(f"{run.settings.data_dir}/", ""),
    )


def is_out_of_memory(error: Exception) -> bool:
    """torch's allocators raise a RuntimeError."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and any(said in words for said in ("can't allocate memory", "not enough memory", "out of memory"))
    )


def _record(run: JobRun, status: JobStatus, *, error: str | None = None) -> int:
    """The folder of a failed job with a checkpoint stays (services/job_folders.py says how long)."""

    def finish(session: Session) -> bool:
        run.write_report(session)  # the curve to its end
        return job_runs.finish(session, run.job.id, run.fence, status=status, error=error)

    if not run.commit(finish):
        return EXIT_SUPERSEDED
    if status is JobStatus.CANCELLED or not job_folders.has_checkpoint(run.settings, run.job.id):
        run.remove_directory()
    return EXIT_RECORDED


def yield_to_pages(niceness: int) -> None:
    """Lower this process's share of the processor, so that pages answer at once while it trains.

    Linux's autogroups share by session first: the child is the leader of its own, and without the second line its
    niceness would only count among its own threads (sched(7), "The autogroup feature").
    """
    os.nice(niceness)
    with contextlib.suppress(OSError):  # no Linux, or autogroups are off
        AUTOGROUP.write_text(str(niceness))


def _handle_named(name: str) -> Handle:
    """Imported, and with it torch, when the job runs: that it cannot be is the job's outcome."""

    def handle(run: JobRun) -> None:
        resolve_name(name)(run)

    return handle


def _job(readers: sessionmaker[Session], job_id: str) -> Job | None:
    with readers() as session:
        return session.get(Job, job_id)


def main(arguments: list[str]) -> int:
    job_id, fence, *rest = arguments
    follow_parent(lambda: os._exit(EXIT_PARENT_GONE))
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = Settings()
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(message)s", stream=sys.stderr)
    yield_to_pages(settings.worker_nice)
    database = open_database(settings.resolved_database_url)
    sessions = make_session_factory(database)
    readers = make_read_session_factory(database)
    job = patiently(lambda: _job(readers, job_id), seconds=settings.worker_patience_seconds)
    if job is None or job.fence != int(fence):
        return EXIT_SUPERSEDED
    run = JobRun(settings, sessions, job, int(fence), stop_requested=stopping.is_set)
    try:
        return run_attempt(run, _handle_named(rest[0] if rest else HANDLE))
    finally:
        database.dispose()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
