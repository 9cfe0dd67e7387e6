"""Statements that are compiled once per process of tests, not once for each of its thousands of databases: that was a
third of what a page costs there."""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache


class _OfAll(LRUCache[Any, Any]):
    """SQLAlchemy keeps them by the database that they were compiled for; here it is by its kind."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_by_kind(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_by_kind(key), compiled)


def _by_kind(key: Any) -> Any:
    dialect, *statement = key
    return (type(dialect), dialect._json_serializer, *statement)


_compiled = _OfAll(2_000)


def _share(connection: Connection) -> None:
    connection.engine._compiled_cache = _compiled


def share_compiled_statements() -> None:
    event.listen(Engine, "engine_connect", _share)
