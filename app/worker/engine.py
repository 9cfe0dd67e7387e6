"""The worker process, and the only module that knows DBOS.

The jobs table is the record and the outbox. This loop hands the queued rows to DBOS one by one (workflow id = job id,
so twice is once), DBOS keeps one heavy job at a time over all workers and brings a dead worker's jobs back. Its
pitfalls, and what each line here does about them, are in docs/architecture.md (Jobs).
"""

import logging
import sqlite3
import threading
import time
from contextlib import suppress
from datetime import timedelta

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions
from sqlalchemy import make_url
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.db.base import utc_now
from app.db.session import transaction
from app.services import job_runs
from app.worker.child import DEFAULT_HANDLERS
from app.worker.process import JobRunner
from app.worker.slots import worker_slot

QUEUE = "heavy"
PARTITION = "cpu0"
APPLICATION_VERSION = "1"
RUN_JOB = "run_job"
ENDED = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})
HEARTBEATS_PER_STALE = 4
RETRY_SECONDS = 2.0

log = logging.getLogger("fourfold.worker")


def engine_database_url(settings: Settings) -> str:
    """On SQLite a file of its own beside ours: its polling never waits for, or delays, a ranking; it can be deleted."""
    url = make_url(settings.resolved_database_url)
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{settings.data_dir.resolve() / 'engine.db'}"
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _configuration(settings: Settings, executor_id: str) -> DBOSConfig:
    """Every default that phones, listens, pickles or changes with the code is set."""
    url = engine_database_url(settings)
    if url.startswith("sqlite"):
        with sqlite3.connect(make_url(url).database or "") as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
    return DBOSConfig(
        name="fourfold",
        system_database_url=url,
        executor_id=executor_id,
        application_version=APPLICATION_VERSION,
        serializer=DBOSPortableJSONSerializer(),
        enable_otlp=False,
        log_level="WARNING",
        scheduler_polling_interval_sec=3_600.0,
        notification_listener_polling_interval_sec=1.0,
    )


def _register(runner: JobRunner) -> None:
    """The one workflow. It must be known before launch, which recovers this worker's own jobs."""

    @DBOS.step(name="attempts")
    def attempts(job_id: str) -> None:
        while True:
            try:
                return runner.run_job(job_id)
            except Exception:  # the worker's broad except: a locked or full database must not lose the job
                log.exception("job %s: the worker could not run it; trying again", job_id)
                runner.stopping.wait(RETRY_SECONDS)

    @DBOS.workflow(name=RUN_JOB, max_recovery_attempts=None)
    def run_job(job_id: str) -> None:
        attempts(job_id)


class _Dispatcher:
    """Between the jobs table and DBOS."""

    def __init__(self, runner: JobRunner, executor_id: str) -> None:
        self._sessions = runner.sessions
        self._readers = runner.readers
        self._executor_id = executor_id

    def hand_over(self) -> None:
        """The next queued row to the engine. One at a time: on SQLite, DBOS orders its queue by whole seconds."""
        with self._readers() as session:
            job_id = job_runs.next_to_dispatch(session)
        if job_id is None:
            return
        options: EnqueueOptions = {
            "workflow_name": RUN_JOB,
            "workflow_id": job_id,
            "queue_name": QUEUE,
            "queue_partition_key": PARTITION,
            "app_version": APPLICATION_VERSION,
        }
        DBOS.enqueue_workflow_with_options(options, job_id)
        with transaction(self._sessions) as session:
            job_runs.mark_dispatched(session, job_id, utc_now())

    def reconcile(self) -> None:
        """Live jobs that the engine lost (its file was deleted or is older than ours) run; none waits for ever."""
        with self._readers() as session:
            expected = job_runs.dispatched(session)
        if not expected:
            return
        known = {flow.workflow_id: flow.status for flow in DBOS.list_workflows(workflow_ids=expected, load_input=False)}
        for job_id in expected:
            with transaction(self._sessions) as session:
                if job_id not in known:
                    job_runs.mark_dispatched(session, job_id, None)
                elif known[job_id] in ENDED:
                    job_runs.fail_lost(
                        session, job_id, "The job engine ended this job without a result. Start it again."
                    )

    def adopt(self, stale: timedelta) -> None:
        """Jobs of dead peers. Never our own: DBOS recovered those at launch, and what is pending since then runs."""
        with self._readers() as session:
            alive = job_runs.fresh_workers(session, utc_now() - stale) | {self._executor_id}
        pending = DBOS.list_workflows(status="PENDING", name=RUN_JOB, load_input=False, load_output=False)
        for flow in pending:
            if flow.executor_id not in alive:
                log.warning("job %s: its worker is gone; taking it over", flow.workflow_id)
                DBOS.resume_workflow(flow.workflow_id, queue_name=QUEUE)


class _Heart(threading.Thread):
    """Beats in a thread of its own, so that a busy loop is not taken for a dead worker."""

    def __init__(self, settings: Settings, sessions: sessionmaker[Session], executor_id: str) -> None:
        super().__init__(name="heart", daemon=True)
        self._sessions = sessions
        self._executor_id = executor_id
        self._seconds = settings.worker_stale_seconds / HEARTBEATS_PER_STALE
        self._stopped = threading.Event()
        self.beat()

    def beat(self) -> None:
        with transaction(self._sessions) as session:
            job_runs.beat(session, self._executor_id, utc_now())

    def run(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                self.beat()
            except Exception:
                log.exception("the heartbeat could not be written")

    def stop(self) -> None:
        self._stopped.set()
        self.join()
        with suppress(Exception), transaction(self._sessions) as session:
            job_runs.forget_heartbeat(session, self._executor_id)


def run_worker(settings: Settings, stopping: threading.Event, *, handlers: str = DEFAULT_HANDLERS) -> None:
    """Works until `stopping` is set; then lets the running child reach its checkpoint and returns."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    runner = JobRunner(settings, stopping, handlers)
    with worker_slot(settings.data_dir) as executor_id:
        heart = _Heart(settings, runner.sessions, executor_id)
        heart.start()
        _register(runner)
        DBOS(config=_configuration(settings, executor_id))
        DBOS.launch()
        DBOS.register_queue(QUEUE, partition_concurrency=1, polling_interval_sec=settings.worker_poll_seconds)
        log.info("worker %s is ready", executor_id)
        try:
            _work(settings, stopping, _Dispatcher(runner, executor_id))
        finally:
            stopping.set()
            runner.wait_idle()
            heart.stop()


def _work(settings: Settings, stopping: threading.Event, dispatcher: _Dispatcher) -> None:
    look_around_at = 0.0
    told = ""
    while not stopping.wait(settings.worker_poll_seconds):
        try:
            dispatcher.hand_over()
            if time.monotonic() >= look_around_at:
                dispatcher.adopt(timedelta(seconds=settings.worker_stale_seconds))
                dispatcher.reconcile()
                look_around_at = time.monotonic() + settings.worker_stale_seconds / HEARTBEATS_PER_STALE
        except Exception as error:  # the worker's broad except: the database may be busy or full for a while
            log.error("the worker could not look for jobs; trying again", exc_info=repr(error) != told)
            told = repr(error)
            stopping.wait(RETRY_SECONDS)
