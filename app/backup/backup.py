"""Making a backup while everything runs.

What it copies is held open first: files of versions never change, checkpoints are replaced and never written into, so
an open file stays what it was, even once it is deleted. Jobs' files are opened before the database is copied: a
checkpoint that is older than its row is what every new attempt begins with; one that is newer would leave a gap.
"""

import json
import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import IO

from sqlalchemy import make_url

from app import __version__
from app.backup.archive import (
    DATABASE,
    BackupError,
    Entry,
    Manifest,
    check_names,
    hash_of,
    pack,
    write_archive,
)
from app.backup.database import named_folders, snapshot
from app.backup.workspace import workspace
from app.db.schema import known_revisions
from app.db.session import opened_database
from app.model_info.weights import CHECKSUMS, WEIGHTS, WEIGHTS_INDEX, sync
from app.settings.config import Settings

TRIES = 3
PREFIX = ".fourfold-backup-"
DBOS_DATABASE = "engine.db"
OWN_FOLDERS = {("versions",), ("jobs",), ("workers",), ("readings",)}
Files = dict[str, BufferedReader]
"""Open files by their names in the data folder."""


def make_backup(settings: Settings, target: IO[bytes], scratch: Path) -> Manifest:
    """Writes the backup into `target`; `scratch` is a folder for the database's copy."""
    _allow_many_files()
    packed = scratch / "packed"
    with _everything(settings, scratch / DATABASE) as (files, missing):
        entries = [Entry(name, os.fstat(file.fileno()).st_size, hash_of(file)) for name, file in files.items()]
        damaged = _damaged(files, entries)
        entries = [entry for entry in entries if not entry.name.startswith(tuple(f"{name}/" for name in damaged))]
        missing += damaged
        pack(scratch / DATABASE, packed)
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(__version__, known_revisions()[0], made_at, tuple(entries), tuple(missing))
        write_archive(target, manifest, files.__getitem__, packed)
    return manifest


def backup_to_file(settings: Settings, path: Path) -> Manifest:
    """Takes the file's place only when all of it is on the disk: a crash leaves the one before. Raises BackupError."""
    _check_target(settings, path)
    try:
        with workspace(path.parent, PREFIX) as scratch:
            fresh = scratch / "archive"
            with fresh.open("wb") as file:
                manifest = make_backup(settings, file, scratch)
                file.flush()
                os.fsync(file.fileno())
            fresh.chmod(0o600)  # what people wrote
            fresh.replace(path)
            sync(path.parent)
    except OSError as error:
        raise BackupError(
            f"The backup could not be written to {path} ({error.strerror or error}). Nothing is left of it; free some "
            "space or name another place."
        ) from error
    return manifest


def backup_to_stream(settings: Settings, target: IO[bytes]) -> Manifest:
    """The database's copy lies in the data folder meanwhile. Raises BackupError; BrokenPipeError where nobody reads."""
    if not settings.data_dir.is_dir():
        raise BackupError(f"There is no data folder {settings.data_dir}. FOURFOLD_DATA_DIR says where it is.")
    try:
        with workspace(settings.data_dir, PREFIX) as scratch:
            return make_backup(settings, target, scratch)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BackupError(
            f"The backup could not be made ({error.strerror or error}). Its reader needs room for it, and "
            f"{settings.data_dir}, meanwhile, for two copies of the database."
        ) from error


def _check_target(settings: Settings, path: Path) -> None:
    """Raises BackupError for a place where the backup would take the place of something else than a backup."""
    if path.is_dir():
        raise BackupError(f"{path} is a folder. Name a file in it.")
    if path.exists() and not path.is_file():
        raise BackupError(f"{path} is not a regular file. Name one, or write - and redirect the output.")
    database = make_url(settings.resolved_database_url).database
    own = {settings.data_dir / DATABASE, settings.data_dir / DBOS_DATABASE, Path(database or DATABASE)}
    inside = path.relative_to(settings.data_dir).parts[:1] if path.is_relative_to(settings.data_dir) else ()
    if inside in OWN_FOLDERS or any(str(path) in (f"{file}{end}" for end in ("", "-wal", "-shm")) for file in own):
        raise BackupError(
            f"{path} is a part of the installation itself, which the backup would destroy. Name a file beside the data "
            "folder; nothing was changed."
        )


@contextmanager
def _everything(settings: Settings, copy: Path) -> Iterator[tuple[Files, list[str]]]:
    """All files, the database's copy first, and the folders of versions that are not whole."""
    with opened_database(settings.resolved_database_url) as database:
        for last in (False,) * (TRIES - 1) + (True,):
            with ExitStack() as stack:
                jobs = {folder.name: _open_all(stack, folder) for folder in _folders(settings.data_dir / "jobs")}
                copy.unlink(missing_ok=True)
                snapshot(database, copy)
                versions, job_ids = named_folders(copy)
                opened = {name: _open_all(stack, settings.data_dir / name) for name in versions}
                missing = [name for name in versions if not _is_whole(opened[name])]
                if missing and not last:  # removed since: the next copy of the database knows it
                    continue
                files: Files = {DATABASE: stack.enter_context(copy.open("rb"))}
                for name in [name for name in versions if name not in missing]:
                    files |= {f"{name}/{inner}": file for inner, file in opened[name].items()}
                for job_id in sorted(set(job_ids) & set(jobs)):
                    files |= {f"jobs/{job_id}/{inner}": file for inner, file in jobs[job_id].items() if _is_kept(inner)}
                check_names(list(files))
                yield files, missing
                return


def _is_whole(files: Files) -> bool:
    """Of a version: all that its list of checksums names, or what every model has."""
    recorded = _recorded(files[CHECKSUMS]) if CHECKSUMS in files else {}
    if recorded is None:
        return False
    return {"config.json", *recorded} <= files.keys() and any(name in files for name in (WEIGHTS, WEIGHTS_INDEX))


def _recorded(checksums: BufferedReader) -> dict[str, str] | None:
    """What a version's list says of its files; None where it is damaged itself."""
    try:
        listed = json.load(checksums)
    except ValueError:
        return None
    finally:
        checksums.seek(0)
    return listed if isinstance(listed, dict) else None


def _damaged(files: Files, entries: list[Entry]) -> list[str]:
    """Folders of versions with a file that is not what was recorded of it: no program would load them again."""
    hashes = {entry.name: entry.sha256 for entry in entries}
    damaged = []
    for folder in [name.removesuffix(f"/{CHECKSUMS}") for name in files if name.endswith(f"/{CHECKSUMS}")]:
        recorded = _recorded(files[f"{folder}/{CHECKSUMS}"]) or {}
        if any(hashes.get(f"{folder}/{name}") != digest for name, digest in recorded.items()):
            damaged.append(folder)
    return damaged


def _is_kept(name: str) -> bool:
    """Of a job's folder: its checkpoint and what it chose; nothing that is being written."""
    return "/" not in name and name.endswith((".pt", ".json"))


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []


def _open_all(stack: ExitStack, folder: Path) -> Files:
    """Plain files of the folder and one level below that are no rest of something unfinished; what vanishes meanwhile
    is left out."""
    files: Files = {}
    for path in sorted([*folder.glob("*"), *folder.glob("*/*")]):
        name = str(path.relative_to(folder))
        if any(part.startswith(".") for part in Path(name).parts) or path.is_symlink() or not path.is_file():
            continue
        try:
            files[name] = stack.enter_context(path.open("rb"))
        except FileNotFoundError:
            continue
    return files


def _allow_many_files() -> None:
    """Each file of each version is open until it is copied."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
