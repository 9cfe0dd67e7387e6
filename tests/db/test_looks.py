"""Looks: one statement and no session, and what they see is what any process has committed."""

from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import bindparam, event, select

from app.db.looks import Look
from app.db.models.labelers import Labeler, LabelerKind
from app.db.session import make_session_factory, open_database, transaction
from app.services.labeling import labelers
from tests.databases import is_postgres

LOOK = Look(select(Labeler.name).where(Labeler.name == bindparam("name", ""), Labeler.kind.in_([LabelerKind.PERSON])))


def test_a_look_sees_what_another_process_has_just_committed(database: Database) -> None:
    other = open_database(database.url.render_as_string(hide_password=False))
    try:
        assert LOOK.row(database, name="ada") is None
        with transaction(make_session_factory(other)) as session:
            labelers.get_or_create_labeler(session, "ada")
            session.flush()
            assert LOOK.row(database, name="ada") is None, "not before it is committed, and nobody waits"
        assert LOOK.row(database, name="ada") == (None if is_postgres() else ("ada",))
    finally:
        other.dispose()


def test_it_costs_one_statement_and_gives_its_connection_back(database: Database) -> None:
    begun: list[object] = []
    event.listen(database, "begin", begun.append)
    for _ in range(3):
        LOOK.row(database, name="ada")
    assert not begun, "a transaction is two statements more"
    assert database.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.sqlite
def test_what_cannot_be_asked_is_left_to_who_can_say_why(database: Database) -> None:
    with transaction(make_session_factory(database)) as session:
        session.connection().exec_driver_sql("ALTER TABLE labelers RENAME TO elsewhere")
    assert LOOK.row(database, name="ada") is None
    assert database.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.sqlite
@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_nothing_is_read_of_a_file_that_is_gone(database: Database, suffix: str) -> None:
    """Its open connections would read it for ever."""
    with transaction(make_session_factory(database)) as session:
        labelers.get_or_create_labeler(session, "ada")
    assert LOOK.row(database, name="ada") == ("ada",)
    path = Path(f"{database.url.database}{suffix}")
    path.rename(path.with_name("elsewhere"))
    assert LOOK.row(database, name="ada") is None
    path.with_name("elsewhere").rename(path)
    assert LOOK.row(database, name="ada") == ("ada",)
    assert database.pool.checkedout() == 0  # type: ignore[attr-defined]
