"""What PostgreSQL's errors mean, and what it promises beyond the rules that both databases keep."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.installation import Installation
from app.db.session import make_read_session_factory, transaction
from app.db.trouble import trouble_of
from app.errors import UnavailableError
from app.installation import install
from app.services.versions import installations
from app.settings.config import Settings
from tests import databases
from tests.databases import is_postgres

needs_server = pytest.mark.postgres
STATES = {
    "40001": (503, "try again in a moment", True),
    "40P01": (503, "try again in a moment", True),
    "55P03": (503, "try again in a moment", True),
    "57P01": (503, "check whether PostgreSQL runs", True),
    "08006": (503, "check whether PostgreSQL runs", True),
    "53300": (503, "check whether PostgreSQL runs", True),
    "53100": (507, "disk is full", False),
    "28P01": (503, "correct it", False),
    "3D000": (503, "correct it", False),
    "42501": (503, "may not write", False),
    "3F000": (503, "may not write", False),
    "25006": (503, "may not write", False),
    "42P01": (503, "another version of Fourfold", False),
    "58030": (503, "restore a backup", False),
    "XX001": (503, "restore a backup", False),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_has_its_sentence(state: str) -> None:
    status, says, passes = STATES[state]
    trouble = trouble_of(OperationalError("SELECT 1", {}, psycopg.errors.lookup(state)("locked, malformed, busy")))
    assert trouble is not None
    assert (trouble.status, trouble.passes) == (status, passes)
    assert says in trouble.sentence


@pytest.mark.parametrize("state", ["23505", "22021", "42601"])
def test_a_mistake_of_the_program_is_none(state: str) -> None:
    """Whatever words it has: those of SQLite say nothing here."""
    assert trouble_of(DBAPIError("SELECT 1", {}, psycopg.errors.lookup(state)("malformed array, table locked"))) is None


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("connection failed: Connection refused", "check whether PostgreSQL runs"),
        ("server closed the connection unexpectedly", "check whether PostgreSQL runs"),
        ('FATAL:  password authentication failed for user "x"', "correct it"),
        ('FATAL:  database "x" does not exist', "correct it"),
    ],
)
def test_a_server_that_is_not_reached(said: str, says: str) -> None:
    trouble = trouble_of(OperationalError("SELECT 1", {}, psycopg.OperationalError(said)))
    assert trouble is not None
    assert says in trouble.sentence


@needs_server
def test_nobody_notices_that_the_server_was_started_again(database: Database, sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        installations.precision(session, "auto", lambda: "fp32")
    with database.connect() as killer:
        mine = "datname = current_database() AND pid <> pg_backend_pid()"
        with sessions() as other:
            other.connection()
            killer.rollback()
        killer.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}"))
    with transaction(sessions) as session:
        assert installations.precision(session, "auto", lambda: "bf16") == "fp32"


@needs_server
def test_a_connection_that_streams_its_rows(database: Database) -> None:
    """Each begins with a statement that has none."""
    for options in ({"yield_per": 1, "read_only": True}, {"stream_results": True}):
        with database.connect().execution_options(**options) as connection:
            assert connection.execute(text("SELECT 1 UNION SELECT 2")).scalars().all() == [1, 2]


@needs_server
def test_a_reader_writes_nothing(database: Database) -> None:
    with make_read_session_factory(database)() as session:
        session.add(Installation(id=1, precision="fp32"))
        with pytest.raises(InternalError) as raised:
            session.flush()
    trouble = trouble_of(raised.value)
    assert trouble is not None
    assert "may not write" in trouble.sentence
    assert is_postgres()


@needs_server
def test_a_database_that_cannot_hold_every_text_is_refused(tmp_path: Path, tiny_model_dir: Path) -> None:
    url = f"{databases.empty_database_url(tmp_path / 'latin')}"
    name = make_url(url).database
    server = create_engine(f"{databases.SERVER}", isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
        connection.execute(text(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"))
    server.dispose()
    settings = Settings(data_dir=tmp_path / "data", database_url=url, model_dir=tiny_model_dir)
    with pytest.raises(UnavailableError, match=r"keeps texts as LATIN1.*createdb --encoding=UTF8"):
        install(settings)
    assert list(settings.data_dir.iterdir()) == []
