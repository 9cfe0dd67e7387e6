"""Checks that the open database is still the file at its path.

A folder that is moved, deleted or unmounted takes the open file along: SQLite goes on writing to it, and what it stores
is lost. A path that leads nowhere is worse: SQLite would make a new, empty database there.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy import Engine as Database

from app.errors import UnavailableError
from app.translation import _

Identity = tuple[int, int] | None
_FILE = "the file that a connection is to"


class DataLostError(UnavailableError):
    """What was opened is no longer there. It comes back to life when the very same file does."""

    title = "Data folder lost"


class DatabaseFile:
    """Refuses connections, transactions and commits once the file at `path`, or its write-ahead log, is another one.

    `create`: whether a database may be made where there is none.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path, self._wal = path, path.with_name(f"{path.name}-wal")
        self._may_create = create
        self._known: Identity = None

    def listen(self, database: Database) -> None:
        event.listen(database, "do_connect", self._before_connecting)
        event.listen(database, "connect", self._connected)
        event.listen(database, "begin", self._check)
        event.listen(database, "commit", self._check)

    def _before_connecting(self, *_: Any) -> None:
        if self._known is None and self._may_create:
            return
        if _identity(self._path) is None:
            self._lost("is not there")
        self._compare()

    def _connected(self, _connection: Any, record: Any) -> None:
        self._known = self._known or _identity(self._path)
        record.info[self] = _identity(self._wal)  # stays the same while any connection is open
        record.info[_FILE] = self

    def _check(self, connection: Connection) -> None:
        self.check(connection.info)

    def check(self, info: dict[Any, Any]) -> None:
        """For a connection with this `info`. Raises DataLostError."""
        self._compare()
        wal = info[self]
        if wal is None:  # of a database that nothing has been written to yet
            info[self] = _identity(self._wal)
        elif wal != _identity(self._wal):
            self._lost("lost its write-ahead log")

    def _compare(self) -> None:
        identity = _identity(self._path)
        if self._known is not None and identity != self._known:
            self._lost("is gone" if identity is None else "is not the file that was opened")

    def _lost(self, how: str) -> None:
        raise DataLostError(
            f"The database {self._path} {how}: the data folder was moved, deleted or unmounted. Nothing was saved. "
            "Bring it back, or restore a backup (fourfold restore FILE), and start Fourfold again.",
            page=_(
                "The database is gone, or is not the file that was opened: the data folder was moved, deleted or "
                "unmounted. Nothing was saved. Bring it back, or restore a backup (fourfold restore FILE), and start "
                "Fourfold again."
            ),
        )


def check_file(info: dict[Any, Any]) -> None:
    """What every transaction begins with, for a statement outside of one: `info` is its connection's. Raises
    DataLostError."""
    file: DatabaseFile | None = info.get(_FILE)  # none where the database lies in memory
    if file is not None:
        file.check(info)


def _identity(path: Path) -> Identity:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
