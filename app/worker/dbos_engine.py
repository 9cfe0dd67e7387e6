"""The worker process, and the only module that knows DBOS.

The jobs table is the record and the outbox. This loop hands the queued rows to DBOS one by one (the workflow's id is
that of the hand-over, so twice is once), DBOS keeps one heavy job at a time over all workers and brings a dead
worker's jobs back. Its pitfalls, and what each line here does about them, are in docs/architecture.md (Jobs).
"""

import logging
import threading
import time
from contextlib import suppress

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions
from sqlalchemy import make_url
from sqlalchemy.orm import Session, sessionmaker

from app.db.base import utc_now
from app.db.session import transaction
from app.services.jobs import heartbeats, job_runs
from app.services.jobs.job_runs import HandOver
from app.settings.config import Settings
from app.worker.child import HANDLE
from app.worker.dbos_database import open_dbos_database
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


def _database(settings: Settings) -> DBOSConfig:
    """On SQLite a file of its own beside ours: its polling never waits for, or delays, a ranking; it can be deleted."""
    url = make_url(settings.resolved_database_url)
    if url.get_backend_name() == "sqlite":
        return DBOSConfig(name="fourfold", system_database_engine=open_dbos_database(settings.data_dir / "engine.db"))
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return DBOSConfig(name="fourfold", system_database_url=address)


def _configuration(settings: Settings, executor_id: str) -> DBOSConfig:
    """Every default that phones, listens, pickles or changes with the code is set."""
    return DBOSConfig(
        **_database(settings),
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

    def __init__(self, runner: JobRunner) -> None:
        self._sessions = runner.sessions
        self._readers = runner.readers
        self._executor_id = runner.executor_id

    def hand_over(self) -> None:
        """The next queued row to the engine. One at a time: on SQLite, DBOS orders its queue by whole seconds."""
        with self._readers() as session:
            given = job_runs.next_to_dispatch(session)
        if given is None:
            return
        options: EnqueueOptions = {
            "workflow_name": RUN_JOB,
            "workflow_id": _workflow_id(given),
            "queue_name": QUEUE,
            "queue_partition_key": PARTITION,
            "app_version": APPLICATION_VERSION,
        }
        DBOS.enqueue_workflow_with_options(options, given.job_id)
        with transaction(self._sessions) as session:
            job_runs.mark_dispatched(session, given, utc_now())

    def reconcile(self) -> None:
        """No job waits for ever: one that the engine does not know (its file was deleted, or the database comes from a
        backup), or that it ended without an outcome (another attempt had taken over), is handed over again.

        What the engine knows and the table does not is no job: its workflow finds no row and ends."""
        with self._readers() as session:
            expected = {_workflow_id(given): given for given in job_runs.dispatched(session)}
        if not expected:
            return
        flows = DBOS.list_workflows(workflow_ids=list(expected), load_input=False)
        working = {flow.workflow_id for flow in flows if flow.status not in ENDED}
        for workflow_id, given in expected.items():
            if workflow_id in working:
                continue
            with transaction(self._sessions) as session:
                lost = job_runs.requeue(session, given)
            if lost:
                log.warning("job %s: the engine has no work for it; handing it over again", given.job_id)

    def adopt(self, stale_seconds: float) -> None:
        """Jobs of dead peers. Never our own: DBOS recovered those at launch, and what is pending since then runs."""
        with self._readers() as session:
            alive = heartbeats.living_workers(session, stale_seconds=stale_seconds) | {self._executor_id}
        pending = DBOS.list_workflows(status="PENDING", name=RUN_JOB, load_input=False, load_output=False)
        for flow in pending:
            if flow.executor_id not in alive:
                log.warning("job %s: its worker is gone; taking it over", flow.workflow_id)
                DBOS.resume_workflow(flow.workflow_id, queue_name=QUEUE)


def _workflow_id(given: HandOver) -> str:
    """One for each hand-over: the engine never runs again what it once ended."""
    return f"{given.job_id}-{given.number}"


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
        try:
            with transaction(self._sessions) as session:
                heartbeats.beat(session, self._executor_id, utc_now())
        except Exception:
            log.exception("the heartbeat could not be written")

    def run(self) -> None:
        while not self._stopped.wait(self._seconds):
            self.beat()

    def stop(self) -> None:
        self._stopped.set()
        self.join()
        with suppress(Exception), transaction(self._sessions) as session:
            heartbeats.forget(session, self._executor_id)


def run_worker(settings: Settings, stopping: threading.Event, *, handle: str = HANDLE) -> None:
    """Works until `stopping` is set; then lets the running child reach its checkpoint and returns."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with worker_slot(settings.data_dir) as executor_id:
        runner = JobRunner(settings, stopping, executor_id, handle)
        heart = _Heart(settings, runner.sessions, executor_id)
        heart.start()
        _register(runner)
        DBOS(config=_configuration(settings, executor_id))
        DBOS.launch()
        DBOS.register_queue(QUEUE, partition_concurrency=1, polling_interval_sec=settings.worker_poll_seconds)
        log.info("worker %s is ready", executor_id)
        try:
            _work(runner, _Dispatcher(runner))
        finally:
            stopping.set()
            runner.wait_idle()
            heart.stop()


def _work(runner: JobRunner, dispatcher: _Dispatcher) -> None:
    settings, stopping = runner.settings, runner.stopping
    look_around_at = 0.0
    told = ""
    while not stopping.wait(settings.worker_poll_seconds):
        try:
            dispatcher.hand_over()
            if time.monotonic() >= look_around_at:
                runner.clear_folders()
                dispatcher.adopt(settings.worker_stale_seconds)
                dispatcher.reconcile()
                look_around_at = time.monotonic() + settings.worker_stale_seconds / HEARTBEATS_PER_STALE
        except Exception as error:  # the worker's broad except: the database may be busy or full for a while
            log.error("the worker could not look for jobs; trying again", exc_info=repr(error) != told)
            told = repr(error)
            stopping.wait(RETRY_SECONDS)
