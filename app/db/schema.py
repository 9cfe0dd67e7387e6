"""Bringing a database to this program's schema, and refusing one that a newer program made."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy import Engine as Database

from app.errors import UnavailableError
from app.layout import MIGRATIONS


def _alembic_config() -> Config:
    """Without [tool.alembic], which is for people at work on the program: it adds a folder to the path of modules."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


@cache
def known_revisions() -> tuple[str, frozenset[str]]:
    """The newest revision and all revisions this program knows."""
    script = ScriptDirectory.from_config(_alembic_config())
    head = script.get_current_head()
    assert head is not None, "the program ships with migrations"
    return head, frozenset(revision.revision for revision in script.walk_revisions())


def current_revision(database: Database) -> str | None:
    """Only reads: it waits for no writer."""
    with database.execution_options(read_only=True).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_current(database: Database) -> bool:
    return current_revision(database) == known_revisions()[0]


def migrate(database: Database) -> None:
    """Applies missing migrations in one transaction.

    Raises UnavailableError when the database is from a newer program; nothing is changed then.
    """
    head, known = known_revisions()
    current = current_revision(database)
    if current == head:
        return
    if current is not None and current not in known:
        raise UnavailableError(
            f"The data directory was made by a newer Fourfold (schema {current}). Update this program, or set "
            "FOURFOLD_DATA_DIR to another folder; nothing was changed."
        )
    with migrating(database) as connection:
        migrate_on(connection)


def migrate_on(connection: Connection) -> None:
    """The same within the caller's transaction."""
    config = _alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def migrating(database: Database) -> Iterator[Connection]:
    """One transaction in which tables may be written anew: SQLite changes a column that way, and while the old table is
    gone no foreign key holds. There they are off from before BEGIN, as its documentation asks for ("Making Other Kinds
    Of Table Schema Changes"), and checked before COMMIT."""
    sqlite = database.dialect.name == "sqlite"
    with database.connect() as connection:
        if sqlite:
            _switch_foreign_keys(connection, "OFF")
        try:
            with connection.begin():
                yield connection
                if sqlite:
                    _check_foreign_keys(connection)
        finally:
            if sqlite:
                _switch_foreign_keys(connection, "ON")


def _switch_foreign_keys(connection: Connection, state: str) -> None:
    """Without a BEGIN, within which it would do nothing."""
    connection.connection.cursor().execute(f"PRAGMA foreign_keys={state}")


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise RuntimeError(f"A migration left a row of {broken[0]} without one of {broken[2]}. Nothing was changed.")
