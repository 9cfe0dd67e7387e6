"""What DBOS needs of its SQLite file, whichever SQLite this machine has."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.worker import dbos_database
from app.worker.dbos_database import open_dbos_database


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Database]:
    database = open_dbos_database(tmp_path / "q?x %41" / "engine.db")
    (tmp_path / "q?x %41").mkdir()
    yield database
    database.dispose()


def test_it_tells_the_time_in_milliseconds_as_defaults_of_tables_ask_for_it(opened: Database) -> None:
    """As DBOS's tables and statements do on Python 3.12 and newer; NULL in SQLite 3.38 to 3.41, an error before."""
    before = time.time()
    with opened.begin() as connection:
        connection.execute(text("CREATE TABLE flows (made INTEGER NOT NULL DEFAULT (unixepoch('subsec') * 1000))"))
        connection.execute(text("INSERT INTO flows DEFAULT VALUES"))
        made = connection.scalar(text("SELECT made FROM flows"))
        now = connection.scalar(text("SELECT CAST(unixepoch('subsec') * 1000 AS BIGINT)"))
    assert int(before * 1000) <= made <= now <= time.time() * 1000 + 1


def test_the_time_has_milliseconds(opened: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbos_database, "SUBSECONDS_SINCE", (99, 0, 0))
    monkeypatch.setattr(time, "time", lambda: 1_790_000_000.123456)
    with opened.connect() as connection:
        assert connection.scalar(text("SELECT unixepoch('subsec')")) == 1_790_000_000.123
        with pytest.raises(OperationalError):
            connection.scalar(text("SELECT unixepoch('auto')"))


def test_a_newer_sqlite_keeps_its_own(opened: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbos_database, "SUBSECONDS_SINCE", sqlite3.sqlite_version_info)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    with opened.connect() as connection:
        assert connection.scalar(text("SELECT coalesce(unixepoch('subsec'), 1)")) != 0.0


def test_readers_wait_for_no_writer_and_a_writer_takes_its_lock_at_once(opened: Database) -> None:
    with opened.begin() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA busy_timeout")) == 30_000
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        connection.execute(text("CREATE TABLE flows (id INTEGER)"))
    with opened.connect() as writer, opened.connect() as reader:
        writer.execute(text("DELETE FROM flows WHERE id = 1"))  # changes nothing: begun is enough
        assert reader.scalar(text("SELECT count(*) FROM flows")) == 0
        reader.execute(text("PRAGMA busy_timeout=0"))
        with pytest.raises(OperationalError, match="locked"):
            reader.execute(text("INSERT INTO flows VALUES (1)"))
