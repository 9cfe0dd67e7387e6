"""`worker` and `worker-health`: the process that trains, and the check whether one is alive."""

import logging
import os
import signal
import sys
import threading

from app.db.session import make_read_session_factory, opened_database
from app.installation import install
from app.processes.parent_watch import follow_supervisor
from app.services.jobs import heartbeats
from app.settings.config import Settings


def log_to_stderr(settings: Settings) -> None:
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)


def stop_event() -> threading.Event:
    """Set by Ctrl-C, SIGTERM or the end of a supervisor. A second Ctrl-C leaves at once (the child follows)."""
    stopping = threading.Event()

    def stop(*_: object) -> None:
        if stopping.is_set():
            os._exit(130)
        stopping.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    follow_supervisor(stopping.set)
    return stopping


def worker() -> None:
    """Run queued jobs: reward models, policies, evaluations. Ctrl-C stops at the next checkpoint."""
    from app.worker.dbos_engine import run_worker

    settings = Settings()
    log_to_stderr(settings)
    install(settings)
    run_worker(settings, stop_event())
    logging.getLogger("fourfold.worker").info("the worker has stopped")
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0)  # DBOS's idle threads would be waited for


def worker_health() -> None:
    """Exit with 0 when a worker has shown life lately, else with 1."""

    settings = Settings()
    try:
        with (
            opened_database(settings.resolved_database_url) as database,
            make_read_session_factory(database)() as session,
        ):
            alive = heartbeats.living_workers(session, stale_seconds=settings.worker_stale_seconds)
    except Exception as error:  # no database yet is unhealthy too
        print(f"unhealthy: {error}", file=sys.stderr)
        raise SystemExit(1) from error
    if not alive:
        print(f"unhealthy: no worker heartbeat for {settings.worker_stale_seconds:g} s", file=sys.stderr)
        raise SystemExit(1)
    print(f"healthy: {', '.join(sorted(alive))}")
