"""The databases that tests run on: a file in each data folder or, under bin/with-postgres, one on its server for each.

A test that is about SQLite itself is marked `sqlite` and left out there.
"""

import hashlib
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import Engine as Database
from sqlalchemy import create_engine, make_url, text

from app.db.schema import migrate
from app.db.session import open_database

SERVER = os.environ.get("FOURFOLD_TEST_DATABASE_URL")
"""Address of the server's own database; None: SQLite."""
_MIGRATED = f"migrated_{os.getpid()}"
_made: list[str] = []


def database_url(data_dir: Path) -> str | None:
    """What `Settings.database_url` is for this folder. On PostgreSQL its database is made when it is first asked for,
    as the migrations make it."""
    return None if SERVER is None else _url(_database_of(data_dir))


def copy_data(source: Path, target: Path) -> Path:
    """A data folder with its database, in which nothing runs."""
    shutil.copytree(source, target)
    if SERVER is not None:
        _make(_name(target), like=_database_of(source))
    return target


def migrated_file(path: Path) -> Path:
    """SQLite's database as the migrations make it, at a new path: running them takes tenths of a second."""
    path.write_bytes(_migrated_file())
    return path


@cache
def _migrated_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fourfold.db"
        database = open_database(f"sqlite:///{path}", create=True)
        migrate(database)
        database.dispose()
        return path.read_bytes()


def is_postgres() -> bool:
    return SERVER is not None


def count_made() -> int:
    return len(_made)


def drop_made_since(count: int) -> None:
    while len(_made) > count:
        _run(f"DROP DATABASE IF EXISTS {_made.pop()} WITH (FORCE)")


def _name(data_dir: Path) -> str:
    return "t_" + hashlib.sha256(f"{os.getpid()} {data_dir.resolve()}".encode()).hexdigest()[:24]


def _database_of(data_dir: Path) -> str:
    name = _name(data_dir)
    if name not in _made:
        _make(name, like=_migrated())
    return name


@cache
def _migrated() -> str:
    """The template of all others."""
    _run(f"CREATE DATABASE {_MIGRATED}")
    database = open_database(_url(_MIGRATED))
    migrate(database)
    database.dispose()
    return _MIGRATED


def _make(name: str, like: str) -> None:
    _run(f"CREATE DATABASE {name} TEMPLATE {like}")
    _made.append(name)


def _url(name: str) -> str:
    assert SERVER is not None
    return make_url(SERVER).set(database=name).render_as_string(hide_password=False)


@cache
def _server() -> Database:
    assert SERVER is not None
    return create_engine(SERVER, isolation_level="AUTOCOMMIT")


def _run(statement: str) -> None:
    with _server().connect() as connection:
        connection.execute(text(statement))


def empty_database_url(data_dir: Path) -> str | None:
    """Of a database without tables; for SQLite, none yet."""
    if SERVER is None:
        return None
    name = _name(data_dir)
    _run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _run(f"CREATE DATABASE {name}")
    _made.append(name)
    return _url(name)
