"""A database whose file is moved, deleted or replaced while it is open: no commit is lost without a word."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from app.db.file import DataLostError
from app.db.models.labelers import Labeler
from app.db.session import make_read_session_factory, open_database, transaction

pytestmark = pytest.mark.sqlite


def path_of(database: Database) -> Path:
    return Path(database.url.database or "")


def delete(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def replace(path: Path) -> None:
    shutil.copyfile(path, path.with_name("copy.db"))
    path.with_name("copy.db").replace(path)


def delete_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


def replace_log(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    log.rename(log.with_name("old-wal"))
    log.touch()


LOSSES = [delete, move, replace, delete_log, replace_log]


def store(sessions: sessionmaker[Session], name: str) -> None:
    with transaction(sessions) as session:
        session.add(Labeler(name=name))


@pytest.mark.parametrize("lose", LOSSES)
def test_a_loss_between_two_transactions(
    database: Database, sessions: sessionmaker[Session], lose: Callable[[Path], None]
) -> None:
    store(sessions, "before")
    lose(path_of(database))
    with pytest.raises(DataLostError, match="restore a backup"):
        store(sessions, "after")
    with pytest.raises(DataLostError), make_read_session_factory(database)() as session:
        session.scalar(select(func.count(Labeler.id)))


@pytest.mark.parametrize("lose", LOSSES)
def test_a_loss_before_the_commit(
    database: Database, sessions: sessionmaker[Session], lose: Callable[[Path], None]
) -> None:
    store(sessions, "before")
    with sessions() as session:
        session.add(Labeler(name="lost"))
        session.flush()
        lose(path_of(database))
        with pytest.raises(DataLostError):
            session.commit()


def test_what_comes_back_is_used_again(database: Database, sessions: sessionmaker[Session]) -> None:
    path = path_of(database)
    move(path)
    with pytest.raises(DataLostError):
        store(sessions, "lost")
    path.with_name("elsewhere.db").rename(path)
    store(sessions, "kept")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        assert other.execute("SELECT name FROM labelers").fetchall() == [("kept",)]


def test_no_empty_database_is_made_where_none_is(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'fourfold.db'}")
    with pytest.raises(DataLostError, match="is not there"), database.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert list(tmp_path.iterdir()) == []
    database.dispose()


def test_nor_for_another_connection_once_it_is_lost(database: Database, sessions: sessionmaker[Session]) -> None:
    """The pool is empty: a fresh connection would make a fresh file."""
    store(sessions, "before")
    database.dispose()
    path_of(database).unlink()
    with pytest.raises(DataLostError):
        store(sessions, "after")
    assert not path_of(database).exists()


def test_what_made_a_database_makes_no_second_one(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'fourfold.db'}", create=True)
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE things (id INTEGER)"))
    database.dispose()
    path_of(database).unlink()
    with pytest.raises(DataLostError), database.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert not path_of(database).exists()
    database.dispose()
