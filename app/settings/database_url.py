"""Addresses of databases: made for a file with any path, or given by a person and checked."""

import importlib.util
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.settings.paths import usable_path

DRIVERS = {"sqlite": "pysqlite", "postgresql": "psycopg"}
FORMS = "sqlite:////PATH or postgresql+psycopg://USER:PASSWORD@HOST/NAME"


def sqlite_url(path: Path) -> str:
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def _check_connectable(url: URL) -> None:
    """What the driver itself would stumble over at every connection, without asking a server. Raises ValueError."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo

    if not 0 < (url.port or 1) < 65_536:
        raise ValueError(f"names the port {url.port}; a port is a number from 1 to 65535")
    given = dict(url.query) | url.translate_connect_args(username="user", database="dbname")
    if any("\0" in str(value) for value in given.values()):
        raise ValueError("contains the character NUL (%00), which no name or password has")
    try:
        make_conninfo(**{name: str(value) for name, value in given.items()})
        int(str(url.query.get("connect_timeout", 0)))
    except UnicodeEncodeError as error:
        raise ValueError("has bytes that are not UTF-8; write them as %40 and so on") from error
    except (ProgrammingError, ValueError) as error:
        raise ValueError("has an option after its ? that PostgreSQL does not know; leave it out") from error


def usable_database_url(text: str) -> str:
    """Of a kind that this program works with; a file's path is made absolute.

    Raises ValueError with the rest of a sentence that begins with the setting's name: the address itself, which may
    hold a password, is never in it."""
    try:
        url = make_url(text)
        name, driver = url.get_backend_name(), url.get_driver_name()
    except (ArgumentError, ValueError) as error:
        raise ValueError(f"is not the address of a database that Fourfold knows; write {FORMS}") from error
    if DRIVERS.get(name) != driver:
        raise ValueError(f"names {name} with the driver {driver}, which Fourfold does not support; write {FORMS}")
    if name != "sqlite":
        if importlib.util.find_spec(driver) is None:
            raise ValueError(f"needs the Python package {driver}: pip install 'fourfold[postgres]'")
        _check_connectable(url)
        return text
    if url.host or url.query or not url.database or url.database == ":memory:":
        raise ValueError("must name a file: sqlite://// and its path, with nothing before or after it")
    try:
        return sqlite_url(usable_path(url.database))
    except ValueError as error:
        raise ValueError(f"names a file whose path {error}") from error
