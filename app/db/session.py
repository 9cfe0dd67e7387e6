"""Opens the database. On SQLite: WAL, synchronous FULL, foreign keys, writers that queue instead of failing.

One writes at a time, on PostgreSQL too (app/db/postgres.py): a service may look and then write. SQLite has one writer
by nature. Inside a process the writers wait in one line (`_WriteTurn`): SQLite's own waiting is a poll that knows no
order, and is left to what it is needed for, the writers of other processes.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy import Engine as Database
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session, sessionmaker

from app.db.file import DatabaseFile
from app.db.postgres import open_postgres
from app.db.trouble import BUSY, DatabaseBusyError
from app.formats.strict_json import to_json
from app.translation import _

BUSY_SECONDS = 30.0
KEPT_CONNECTIONS = 16


def open_database(url: str, *, busy_seconds: float = BUSY_SECONDS, create: bool = False) -> Database:
    """`busy_seconds`: how long a write waits for its turn, within this process and for other ones. `create`: whether a
    database file may be made; without it, one that is not there is an error (DataLostError).

    There is no upper bound on connections: a thread holds one, so the threads are the bound.
    """
    if not url.startswith("sqlite"):
        return open_postgres(make_url(url), busy_seconds=busy_seconds, kept_connections=KEPT_CONNECTIONS)
    database = create_engine(
        url,
        pool_size=KEPT_CONNECTIONS,
        max_overflow=-1,
        json_serializer=to_json,
        connect_args={"timeout": busy_seconds},
    )
    event.listen(database, "connect", _configure_sqlite)
    if database.url.database and database.url.database != ":memory:":
        DatabaseFile(Path(database.url.database), create=create).listen(database)
    _WriteTurn(busy_seconds).listen(database)
    return database


@contextmanager
def opened_database(url: str, *, create: bool = False) -> Iterator[Database]:
    """For one piece of work: its connections are closed at the end."""
    database = open_database(url, create=create)
    try:
        yield database
    finally:
        database.dispose()


def _configure_sqlite(connection: DBAPIConnection, _record: Any) -> None:
    """FULL: an acknowledged ranking survives a power cut, not only a crash of the process."""
    connection.isolation_level = None  # SQLAlchemy sends BEGIN itself, see _WriteTurn
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function("lower", 1, _lower, deterministic=True)  # searches ask for it; SQLite's knows A to Z


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class _WriteTurn:
    """Sends BEGIN. A writer first gets the process's turn and keeps it until its connection is back in the pool.

    It takes SQLite's write lock at BEGIN, so a read never has to be upgraded ("database is locked"). Sessions that only
    read say so (`make_read_session_factory`) and wait for nobody.
    """

    def __init__(self, wait_seconds: float) -> None:
        self._turn = threading.Lock()
        self._wait_seconds = wait_seconds

    def listen(self, database: Database) -> None:
        event.listen(database, "begin", self._begin)
        event.listen(database, "checkin", self._give_back)

    def _begin(self, connection: Connection) -> None:
        """Raises DatabaseBusyError without a turn in time, OperationalError where another process keeps the lock."""
        if connection.get_execution_options().get("read_only", False):
            connection.exec_driver_sql("BEGIN")
            return
        if self not in connection.info:
            if not self._turn.acquire(timeout=self._wait_seconds):
                raise DatabaseBusyError(BUSY, page=_(BUSY))
            connection.info[self] = True
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _give_back(self, _connection: DBAPIConnection | None, record: Any) -> None:
        if record.info.pop(self, None):
            self._turn.release()


def make_session_factory(database: Database) -> sessionmaker[Session]:
    return sessionmaker(database, expire_on_commit=False)


def make_read_session_factory(database: Database) -> sessionmaker[Session]:
    """Sessions that only read: they take no write lock and never wait for a writer (WAL)."""
    return sessionmaker(database.execution_options(read_only=True), expire_on_commit=False)


@contextmanager
def transaction(factory: sessionmaker[Session]) -> Iterator[Session]:
    """One unit of work: commits at the end, rolls back on any error."""
    with factory() as session, session.begin():
        yield session
