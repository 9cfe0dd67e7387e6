"""The rules of both databases: one writes at a time, and a reader sees one moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.chat import Message
from app.db.models.labelers import Labeler
from app.db.models.prompts import PromptSource
from app.db.session import make_read_session_factory, make_session_factory, open_database, transaction
from app.db.trouble import DatabaseBusyError
from app.services.labeling import labelers
from app.services.prompts import prompts
from tests.waiting import PATIENCE_SECONDS

AT_ONCE = 8


def make_labeler(session: Session) -> int:
    return labelers.get_or_create_labeler(session, "ada").id


def make_prompt(session: Session) -> int:
    return prompts.add_prompt(session, messages=[Message(role="user", content="Hi")], source=PromptSource.OWN).id


@pytest.mark.parametrize("work", [make_labeler, make_prompt])
def test_who_does_the_same_at_the_same_moment_finds_it_done(database: Database, work: Callable[[Session], int]) -> None:
    """Two processes (connections of its own each): the second looks while the first has written and not committed."""
    opened = [open_database(database.url.render_as_string(hide_password=False)) for _ in range(2)]
    first, second = map(make_session_factory, opened)
    begun = threading.Event()

    def whole() -> int:
        begun.set()
        with transaction(second) as session:
            return work(session)

    with ThreadPoolExecutor(1) as pool:
        with transaction(first) as session:
            made = work(session)
            later = pool.submit(whole)
            assert begun.wait(PATIENCE_SECONDS)
        assert later.result(PATIENCE_SECONDS) == made
    for each in opened:
        each.dispose()


def test_a_reader_sees_one_moment_and_waits_for_nobody(database: Database, sessions: sessionmaker[Session]) -> None:
    count = select(func.count(Labeler.id))
    with make_read_session_factory(database)() as reader, transaction(sessions) as writer:
        assert reader.scalar(count) == 0
        make_labeler(writer)
        writer.commit()
        assert reader.scalar(count) == 0
        reader.rollback()
        assert reader.scalar(count) == 1


def test_a_writer_of_another_process_is_not_waited_for_for_ever(database: Database) -> None:
    impatient = open_database(database.url.render_as_string(hide_password=False), busy_seconds=0.01)
    refused = OperationalError if database.dialect.name == "sqlite" else DatabaseBusyError
    with database.begin(), pytest.raises(refused), impatient.begin():
        pass
    impatient.dispose()


def test_a_text_with_a_nul_is_held(sessions: sessionmaker[Session]) -> None:
    """As an untrained model may write it; PostgreSQL has no such character."""
    with transaction(sessions) as session:
        session.add(Labeler(name="a\x00b"))
    with sessions() as session:
        assert session.scalar(select(Labeler.name)) == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.sqlite
def test_letters_beyond_a_to_z_have_capitals_too(sessions: sessionmaker[Session]) -> None:
    """PostgreSQL knows those of its locale."""
    with transaction(sessions) as session:
        session.add_all(Labeler(name=name) for name in ("Jörg ÅSE", "Ωmega", "Жанна", "Ada"))
    with sessions() as session:
        for words, found in (
            ("JÖRG", "Jörg ÅSE"),
            ("åse", "Jörg ÅSE"),
            ("ωM", "Ωmega"),
            ("жА", "Жанна"),
            ("aD", "Ada"),
        ):
            names = session.scalars(select(Labeler.name).where(Labeler.name.icontains(words, autoescape=True))).all()
            assert names == [found], words
        assert session.scalar(select(func.lower(None))) is None
