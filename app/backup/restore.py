"""Restoring a backup into an empty installation: all of it or nothing.

It is unpacked and checked in a hidden folder inside the data folder (which may be a disk of its own), then put in
place; the database comes last, and without it nothing there counts.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, inspect
from sqlalchemy import Engine as Database
from sqlalchemy.exc import DBAPIError

from app.backup import database
from app.backup.archive import DATABASE, ArchiveReader, BackupError, Manifest
from app.backup.workspace import abandoned, workspace
from app.db.base import Base
from app.db.schema import migrate_on
from app.db.session import opened_database
from app.db.trouble import sentence_of
from app.model_info.weights import sync
from app.settings.config import Settings
from app.settings.database_url import sqlite_url

PREFIX = ".fourfold-restore-"
FOLDERS = ("versions", "jobs")
PUT = "put-in-place"
"""Names, in the hidden folder, what was moved out of it: what a killed restore leaves is known by it."""
IGNORED = {"lost+found"}


def restore(settings: Settings, source: IO[bytes]) -> Manifest:
    """Raises BackupError with the next step, UnavailableError for a backup of a newer program."""
    data_dir = settings.data_dir
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with _target(settings) as target:
            _undo_killed(data_dir)
            with workspace(data_dir, PREFIX) as folder:
                _refuse_unless_empty(data_dir, folder)
                staged = folder / "data"
                staged.mkdir()
                reader = ArchiveReader(source)
                _refuse_too_large(reader.manifest, data_dir)
                reader.extract(staged)
                database.check(staged / DATABASE)
                _sync_all(staged)
                _put_in_place(staged, folder, data_dir, target)
    except OSError as error:
        raise BackupError(
            f"The backup could not be restored to {data_dir} ({error.strerror or error}). Nothing was restored; fix "
            "the cause and try again."
        ) from error
    return reader.manifest


def _refuse_unless_empty(data_dir: Path, folder: Path) -> None:
    there = sorted(path.name for path in data_dir.iterdir() if path != folder and path.name not in IGNORED)
    if there:
        raise BackupError(
            f"The data folder {data_dir} is not empty: {', '.join(there[:5])}. Stop Fourfold and move the folder away, "
            "or set FOURFOLD_DATA_DIR to a new one; nothing was restored."
        )


@contextmanager
def _target(settings: Settings) -> Iterator[Database | None]:
    """The server's database, which must be empty; None for SQLite's file in the data folder."""
    if settings.resolved_database_url == sqlite_url(settings.data_dir / DATABASE):
        yield None
        return
    with opened_database(settings.resolved_database_url) as server:
        if server.dialect.name == "sqlite":
            raise BackupError(
                "FOURFOLD_DATABASE_URL names a file outside the data folder, and a backup is restored into one folder. "
                "Unset it, restore, then move fourfold.db there; nothing was restored."
            )
        try:
            there = set(inspect(server).get_table_names()) & (set(Base.metadata.tables) | {"alembic_version"})
        except DBAPIError as error:
            raise BackupError(f"{sentence_of(error)} Nothing was restored.") from error
        if there:
            raise BackupError(
                "The database of FOURFOLD_DATABASE_URL holds tables of Fourfold already. Name an empty one (createdb); "
                "nothing was restored."
            )
        yield server


def _refuse_too_large(manifest: Manifest, data_dir: Path) -> None:
    free = shutil.disk_usage(data_dir).free
    if manifest.stored_bytes > free:
        raise BackupError(
            f"The backup holds {manifest.stored_bytes:,} bytes, and {free:,} are free in {data_dir}. Nothing was "
            "restored; free some space, or set FOURFOLD_DATA_DIR to another disk."
        )


def _put_in_place(staged: Path, folder: Path, data_dir: Path, target: Database | None) -> None:
    moved: list[str] = []
    (folder / PUT).touch()
    try:
        for name in FOLDERS:
            if (staged / name).is_dir():
                (staged / name).rename(data_dir / name)
                moved.append(name)
        sync(data_dir)
        if target is None:
            _place_database(staged / DATABASE, data_dir / DATABASE)
        else:
            with target.begin() as writing:
                _fill(staged / DATABASE, writing)
                (folder / PUT).unlink()  # what another one finds after the commit is an installation that lives
        sync(data_dir)
    except BaseException as error:
        for name in moved:
            shutil.rmtree(data_dir / name, ignore_errors=True)
        if isinstance(error, DBAPIError):
            raise BackupError(f"{sentence_of(error)} Nothing was restored.") from error
        raise
    (folder / PUT).unlink(missing_ok=True)


def _place_database(staged: Path, place: Path) -> None:
    """Never over one that a server made meanwhile."""
    try:
        place.hardlink_to(staged)
    except FileExistsError as error:
        raise BackupError(f"Fourfold was started while {place} was restored. Stop it and try again.") from error
    except OSError:  # a file system without such links
        staged.rename(place)


def _fill(source: Path, writing: Connection) -> None:
    migrate_on(writing)
    with opened_database(sqlite_url(source)) as copy, copy.execution_options(read_only=True).connect() as reading:
        database.copy_rows(reading, writing)


def _undo_killed(data_dir: Path) -> None:
    """A restore that was killed while it put things in place left folders without their database (a server's is empty
    then)."""
    for left in abandoned(data_dir, PREFIX):
        if (left / PUT).is_file() and not (data_dir / DATABASE).exists():
            for name in FOLDERS:
                shutil.rmtree(data_dir / name, ignore_errors=True)


def _sync_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        sync(path)
