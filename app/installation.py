"""What the data folder needs before anything runs: schema, shipped models, shipped prompts. Idempotent."""

import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine as Database
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.db.schema import current_revision, migrate
from app.db.session import make_session_factory, opened_database, transaction
from app.db.trouble import trouble_of
from app.errors import UnavailableError
from app.services.lifecycle import installing
from app.services.prompts import prompts
from app.services.versions import installations
from app.settings.config import Settings
from app.settings.paths import SQLITE_PATH_BYTES


def install(settings: Settings) -> None:
    """Raises UnavailableError with the next step: a folder that cannot be written, a database that is lost, damaged or
    of a newer program, no weights."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(
            f"The data folder {settings.data_dir} cannot be made ({error.strerror}). "
            "Set FOURFOLD_DATA_DIR to another one."
        ) from error
    try:
        with opened_database(settings.resolved_database_url, create=True) as database:
            _refuse_too_long(database)
            _refuse_other_encodings(database)
            _refuse_without_database(settings, database)
            migrate(database)
            with transaction(make_session_factory(database)) as session:
                installing.install_sft(session, model_dir=settings.model_dir, data_dir=settings.data_dir)
                installing.install_base(session, data_dir=settings.data_dir)
                prompts.install_shipped_prompts(session, installing.prompt_sets(session))
    except DBAPIError as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        raise UnavailableError(
            f"The database of the data folder {settings.data_dir} cannot be used ({error.orig}). {trouble.sentence}"
        ) from error


def _refuse_too_long(database: Database) -> None:
    file = database.url.database if database.dialect.name == "sqlite" else None
    if file is not None and len(os.fsencode(file)) > SQLITE_PATH_BYTES:
        raise UnavailableError(
            f"The path of the database has {len(os.fsencode(file))} bytes, and SQLite takes {SQLITE_PATH_BYTES}. Set "
            f"FOURFOLD_DATA_DIR to a shorter one than {file}."
        )


def _refuse_other_encodings(database: Database) -> None:
    """Of a server's database: what people write has characters of every script."""
    if database.dialect.name == "sqlite":
        return
    with database.execution_options(read_only=True).connect() as connection:
        encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise UnavailableError(
            f"The database of FOURFOLD_DATABASE_URL keeps texts as {encoding}, and Fourfold's need UTF-8. Name "
            "another one: createdb --encoding=UTF8 --template=template0 --owner=USER NAME. Nothing was changed."
        )


def _refuse_without_database(settings: Settings, database: Database) -> None:
    """What a lost database left behind is not installed over: the next training would take its versions' places."""
    left = [name for name in ("versions", "jobs") if _has_entries(settings.data_dir / name)]
    file = database.url.database if database.dialect.name == "sqlite" else None
    empty = file is not None and not (Path(file).is_file() and Path(file).stat().st_size)
    if left and (empty or current_revision(database) is None):
        raise UnavailableError(
            f"The data folder {settings.data_dir} holds {' and '.join(left)} but no database: it was lost, or its disk "
            "is not mounted. Move the folder away, then restore a backup (fourfold restore FILE) or start over; "
            "nothing was changed."
        )


def _has_entries(directory: Path) -> bool:
    return directory.is_dir() and any(not path.name.startswith(".") for path in directory.iterdir())


def precision_of(settings: Settings, of_processor: Callable[[], str]) -> str:
    """The number format of an installed data folder, chosen now where it has none yet."""
    with (
        opened_database(settings.resolved_database_url) as database,
        transaction(make_session_factory(database)) as session,
    ):
        return installations.precision(session, settings.precision, of_processor)
