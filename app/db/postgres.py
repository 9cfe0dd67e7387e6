"""Gives PostgreSQL the rules that SQLite has by nature: one writer at a time, and readers who see one moment.

So a service may look and then write, on either database: nobody writes in between. Two requests that do the same at the
same moment find what the first one did, and no transaction ever fails for another's sake (no deadlock, no serialization
failure, ids that grow in the order of commits). Writes here are short; a person's takes a few milliseconds.
"""

from typing import Any

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy import Engine as Database
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError

from app.db.trouble import BUSY, DatabaseBusyError
from app.formats.strict_json import to_json
from app.translation import _

WRITERS = 0x4F757246
"""Key of the advisory lock that a writer holds from BEGIN to the end; every program on this database takes it."""
KEEPALIVE = ("SET tcp_keepalives_idle = 10", "SET tcp_keepalives_interval = 10", "SET tcp_keepalives_count = 5")
ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
AT_ONCE = {"stream_results": False, "yield_per": None}
"""Whatever the connection's own statements are executed with."""
LOCK_NOT_AVAILABLE = "55P03"


def open_postgres(url: URL, *, busy_seconds: float, kept_connections: int) -> Database:
    """`busy_seconds`: how long a write waits for its turn, whatever process has it.

    Connections are tried before they are used: a server that was started again is noticed by nobody.
    """
    database = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=kept_connections,
        max_overflow=-1,
        pool_pre_ping=True,
        json_serializer=to_json,
    )
    wait = f"SET lock_timeout = {max(1, round(1_000 * busy_seconds))}"

    def configure(connection: DBAPIConnection, _record: Any) -> None:
        """A writer whose machine is gone loses its turn after a minute at most, not after the system's two hours."""
        cursor = connection.cursor()
        for setting in (wait, *KEEPALIVE):
            cursor.execute(setting)
        cursor.close()
        connection.commit()

    event.listen(database, "connect", configure)
    event.listen(database, "begin", _begin)
    return database


def _begin(connection: Connection) -> None:
    """Raises DatabaseBusyError without a turn in time."""
    if connection.get_execution_options().get("read_only", False):
        connection.exec_driver_sql(ONE_MOMENT, execution_options=AT_ONCE)
        return
    try:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})", execution_options=AT_ONCE)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise DatabaseBusyError(BUSY, page=_(BUSY)) from error
        raise
