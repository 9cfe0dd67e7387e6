"""Looks: a single row, read by the event loop itself. Where the database is a file this takes some ten microseconds,
a session in a thread some hundreds. PostgreSQL lies beyond a network, for which the event loop does not wait.
"""

from typing import Any

from sqlalchemy import Engine as Database
from sqlalchemy import Select
from sqlalchemy.dialects import sqlite

from app.db.file import DataLostError, check_file


class Look:
    """A statement for one row at most, written as SQLite's once. What the database is asked is always the present: it
    sees what any process committed before."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        compiled = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True})
        self._text, self._names, self._constants = str(compiled), compiled.positiontup or (), dict(compiled.params)

    def row(self, database: Database, **values: Any) -> tuple[Any, ...] | None:
        """The columns as SQLite keeps them; `values` of the statement's named parameters. None where there is no row,
        or no look: ask in a session then, which says why."""
        if database.dialect.name != "sqlite":
            return None
        known = self._constants | values
        connection = database.raw_connection()
        try:
            check_file(connection.info)
            cursor = connection.cursor()
            cursor.execute(self._text, [known[name] for name in self._names])
            row: tuple[Any, ...] | None = cursor.fetchone()
        except (DataLostError, database.dialect.loaded_dbapi.Error):
            return None
        finally:
            connection.close()  # back into the pool
        return row
