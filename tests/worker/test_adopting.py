"""Whose jobs a worker takes over."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.db.base import utc_now
from app.db.session import transaction
from app.services.jobs import heartbeats
from app.worker import dbos_engine
from app.worker.process import JobRunner
from tests.worker.harness import Harness


def test_only_the_jobs_of_dead_peers(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never its own, though its heartbeat is old: a lock on the database can keep that from being written."""
    now, old = utc_now(), utc_now() - timedelta(minutes=10)
    with transaction(harness.sessions) as session:
        for name, beat in (("own", old), ("living", now), ("dead", old)):
            heartbeats.beat(session, name, beat)
    flows = [SimpleNamespace(workflow_id=f"job-of-{name}", executor_id=name) for name in ("own", "living", "dead")]
    taken: list[str] = []

    def pending(**_filters: Any) -> list[SimpleNamespace]:
        return flows

    def resume(workflow_id: str, **_options: Any) -> None:
        taken.append(workflow_id)

    monkeypatch.setattr("app.worker.dbos_engine.DBOS.list_workflows", pending)
    monkeypatch.setattr("app.worker.dbos_engine.DBOS.resume_workflow", resume)
    runner = SimpleNamespace(sessions=harness.sessions, readers=harness.sessions, executor_id="own")
    dbos_engine._Dispatcher(cast(JobRunner, runner)).adopt(harness.settings.worker_stale_seconds)
    assert taken == ["job-of-dead"]
