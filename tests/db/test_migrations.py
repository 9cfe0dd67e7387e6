"""What the migrations do to data that is there, and that they lead to the tables the program knows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text

import app.db.models  # noqa: F401  registers the tables
from app.db.schema import _alembic_config
from app.db.session import make_engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = make_engine(f"sqlite:///{tmp_path / 'fourfold.db'}", create=True)
    yield made
    made.dispose()


def migrate(engine: Engine, revision: str) -> None:
    config = _alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        if revision == "check":
            command.check(config)
        elif revision == "0001" and _has_tables(engine):
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)


def _has_tables(engine: Engine) -> bool:
    with engine.execution_options(read_only=True).connect() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'jobs'")))


JOB = """INSERT INTO jobs (id, kind, params, dedup_key, "trigger", status, dispatched_at, step, total_steps, message,
  metrics, attempts, fence, cancel_requested, created_at, started_at)
VALUES (:id, :kind, '{}', :id, 'person', 'succeeded', :at, 0, 0, '', '{}', 1, 1, 0, :at, :at)"""
POINT = """INSERT INTO job_metrics (job_id, step, "values", created_at) VALUES ('b', :step, :values, '2026-01-01')"""


def test_jobs_are_numbered_and_doubled_points_removed(engine: Engine) -> None:
    migrate(engine, "0001")
    with engine.begin() as connection:
        for job_id, day in (("a", 2), ("b", 1), ("c", 3)):
            connection.execute(text(JOB), {"id": job_id, "kind": "train_reward", "at": f"2026-01-0{day} 00:00:00"})
        for step, values in ((1, "{}"), (2, '{"loss": 1}'), (2, '{"loss": 2}'), (3, "{}")):
            connection.execute(text(POINT), {"step": step, "values": values})
    migrate(engine, "head")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, dispatches, newest_ranking_id FROM jobs ORDER BY number")).all()
        assert [tuple(row) for row in rows] == [("b", 1, 0), ("a", 1, 0), ("c", 1, 0)]
        points = connection.execute(text('SELECT step, "values" FROM job_metrics ORDER BY id')).all()
        assert [tuple(row) for row in points] == [(1, "{}"), (2, '{"loss": 2}'), (3, "{}")]


def test_they_lead_to_the_tables_of_the_program_and_back(engine: Engine) -> None:
    for revision in ("head", "check", "0001", "head", "check"):
        migrate(engine, revision)
