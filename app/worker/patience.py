"""Lets a job outlast trouble with its database: a lock, a full disk, a lost connection."""

import logging
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.db.file import DataLostError
from app.db.trouble import DatabaseBusyError

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 15.0

Result = TypeVar("Result")
Wait = Callable[[float], None]
log = logging.getLogger("fourfold.job")


class DatabaseGone(BaseException):
    """It did not come back in time. Not an Exception: it is no outcome of the job, which starts again later."""


def passes(error: BaseException) -> bool:
    """Whether waiting may help. A wrong statement or a missing table stays wrong.

    The errors that it came from count, too: a full disk ends SQLite's transaction, then its savepoint is missing.
    """
    return _passes_alone(error) or any(passes(before) for before in (error.__cause__, error.__context__) if before)


def _passes_alone(error: BaseException) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, OperationalError | InterfaceError):
        return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
    return isinstance(error, PoolTimeout | DatabaseBusyError | DataLostError)


def patiently(work: Callable[[], Result], *, seconds: float, wait: Wait = time.sleep) -> Result:
    """Does `work` (a whole transaction) again until it succeeds; raises DatabaseGone after `seconds` of waiting."""
    pause, waited = FIRST_WAIT_SECONDS, 0.0
    while True:
        try:
            return work()
        except Exception as error:
            if not passes(error):
                raise
            if waited >= seconds:
                raise DatabaseGone(f"the database did not come back in time: {error}") from error
            log.warning("the database cannot be used (%s); trying again in %.1f s", error, pause)
        wait(pause)
        waited += pause
        pause = min(2 * pause, LONGEST_WAIT_SECONDS)
