"""The database in a backup: one SQLite file at this program's schema, whatever database the installation uses.

SQLite's is copied by its online backup, PostgreSQL's row by row, each as it was at one moment, while everybody goes on
writing. A file from outside is looked at before anything trusts it.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Integer, delete, func, insert, select, text
from sqlalchemy import Engine as Database
from sqlalchemy.exc import DBAPIError

import app.db.models  # noqa: F401  registers the tables
from app.backup.archive import JOB_ID, VERSION_PATH, BackupError
from app.db.base import Base
from app.db.models.jobs import LIVE, Job, JobStatus, WorkerHeartbeat
from app.db.models.versions import Version
from app.db.schema import current_revision, is_current, known_revisions, migrate
from app.db.session import opened_database
from app.db.trouble import sentence_of
from app.settings.database_url import sqlite_url

ROWS_AT_ONCE = 500
DAMAGED = "The database in the backup is not one of Fourfold, or is damaged ({why}). Nothing was restored."


def snapshot(source: Database, target: Path) -> None:
    """The whole database as it is at this moment. Raises BackupError where there is none, UnavailableError for one of a
    newer program."""
    try:
        _snapshot(source, target)
    except (sqlite3.Error, DBAPIError) as error:
        why = sentence_of(error) if isinstance(error, DBAPIError) else f"{error}."
        raise BackupError(f"The database could not be copied: {why} Nothing is left of the backup.") from error


def _snapshot(source: Database, target: Path) -> None:
    if source.dialect.name == "sqlite":
        _copy_file(Path(source.url.database or ""), target)
    elif not is_current(source):
        raise BackupError(
            "The database does not have this program's schema. Start Fourfold once, then make the backup."
        )
    with opened_database(sqlite_url(target), create=True) as copy:
        migrate(copy)
        if source.dialect.name != "sqlite":
            with source.execution_options(read_only=True).connect() as reading, copy.begin() as writing:
                copy_rows(reading, writing)
        with copy.begin() as writing:
            writing.execute(delete(WorkerHeartbeat))  # they live elsewhere
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # one file


def _copy_file(path: Path, target: Path) -> None:
    if not path.is_file():
        raise BackupError(f"There is no database at {path}. FOURFOLD_DATA_DIR says where the data is.")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.execute("PRAGMA query_only=ON")
        source.backup(copy)  # in one piece: a reader's moment, for which no writer waits


def copy_rows(source: Connection, target: Connection) -> None:
    """All rows of all tables into empty ones; PostgreSQL numbers its next rows behind them."""
    for table in Base.metadata.sorted_tables:
        ordered = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=ROWS_AT_ONCE)
        with source.execute(ordered) as rows:
            for some in rows.mappings().partitions():
                target.execute(insert(table), [dict(row) for row in some])
        key = table.primary_key.columns.values()[0]
        if target.dialect.name == "postgresql" and key.name == "id" and isinstance(key.type, Integer):
            newest = target.scalar(select(func.max(key)))
            sequence = target.scalar(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table.name})
            if newest is not None and sequence is not None:
                target.execute(
                    text("SELECT setval(CAST(:name AS regclass), :newest)"), {"name": sequence, "newest": newest}
                )


def check(path: Path) -> None:
    """Of a file from outside: whole, made of plain tables, at a schema that this program knows, and without a word in
    it that would lead a path out of the data folder. Then it is brought to this program's schema. Raises BackupError,
    those of a newer program included."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA cell_size_check=ON")
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise BackupError(DAMAGED.format(why="its pages"))
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise BackupError(DAMAGED.format(why="its references"))
            kinds = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        raise BackupError(DAMAGED.format(why=error)) from error
    known = set(Base.metadata.tables) | {"alembic_version", "sqlite_sequence"}
    for kind, name, made in kinds:
        is_virtual = "virtual" in str(made).lower().split()[:2]
        if kind != "index" and (kind != "table" or is_virtual or name not in known):
            raise BackupError(DAMAGED.format(why=f"it holds a {kind} {str(name)[:60]!r}"))
    try:
        with opened_database(sqlite_url(path)) as database:
            revision = current_revision(database)
            if revision not in known_revisions()[1]:
                raise BackupError(_other_schema(revision))
            migrate(database)
            with database.execution_options(read_only=True).connect() as connection:
                paths = connection.scalars(select(Version.path)).all()
                ids = connection.scalars(select(Job.id)).all()
    except (DBAPIError, RuntimeError) as error:  # migrations find rows or tables that they cannot bring up to date
        raise BackupError(DAMAGED.format(why=error.orig if isinstance(error, DBAPIError) else error)) from error
    bad = [name for name in paths if not VERSION_PATH.fullmatch(name)]
    bad += [name for name in ids if not JOB_ID.fullmatch(name)]
    if bad:
        raise BackupError(DAMAGED.format(why=f"{bad[0][:60]!r} is no name of a folder"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def _other_schema(revision: str | None) -> str:
    if revision is None:
        return DAMAGED.format(why="it has no schema")
    return (
        f"The backup was made by a newer Fourfold (schema {revision[:40]!r}). Update this program and restore it "
        "again; nothing was restored."
    )


def named_folders(path: Path) -> tuple[list[str], list[str]]:
    """Of a snapshot: folders of the versions that have files, and ids of the jobs that may go on."""
    with (
        opened_database(sqlite_url(path)) as database,
        database.execution_options(read_only=True).connect() as connection,
    ):
        versions = connection.scalars(
            select(Version.path).where(Version.removed_at.is_(None)).order_by(Version.id)
        ).all()
        jobs = connection.scalars(select(Job.id).where(Job.status.in_((*LIVE, JobStatus.FAILED)))).all()
    return list(versions), list(jobs)
