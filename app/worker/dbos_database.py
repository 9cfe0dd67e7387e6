"""DBOS's own SQLite file. DBOS takes it as it is: what it would set on each connection, and what an older SQLite
lacks, is set here."""

import sqlite3
import time
from pathlib import Path

from sqlalchemy import Engine as Database
from sqlalchemy import create_engine, event

from app.settings.database_url import sqlite_url

CONNECTIONS = 20
BUSY_MILLISECONDS = 30_000
SUBSECONDS_SINCE = (3, 42, 0)
"""The SQLite whose `unixepoch` knows 'subsec', which DBOS writes into its tables on Python 3.12 and newer. Debian 12
and Ubuntu 22.04 have older ones: there it is NULL, or no function at all, and no workflow could be stored."""


def open_dbos_database(path: Path) -> Database:
    """Made with the first connection."""
    database = create_engine(sqlite_url(path), pool_size=CONNECTIONS, max_overflow=0, pool_pre_ping=True)
    event.listen(database, "connect", _configure)
    return database


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    """Each write takes SQLite's lock at its beginning, so that none has to be upgraded ("database is locked")."""
    connection.isolation_level = "IMMEDIATE"
    for pragma in (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    if sqlite3.sqlite_version_info < SUBSECONDS_SINCE:
        connection.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(what: str) -> float:
    """Whatever the Python is: the file may come from a newer one."""
    if what != "subsec":
        raise ValueError(f"unixepoch({what!r})")
    return round(time.time(), 3)
