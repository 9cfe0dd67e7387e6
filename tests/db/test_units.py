"""Units of work of requests: one thread each, a line that holds none, and what happens to those who wait too long."""

import threading
from collections.abc import Callable

import anyio
import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.labelers import Labeler
from app.db.session import make_read_session_factory, make_session_factory, open_database, transaction
from app.db.units import Units
from app.errors import UnavailableError

WAIT = 20.0


def add(session: Session, name: str) -> int:
    """Stores a labeler; returns the thread it was done in."""
    session.add(Labeler(name=name))
    session.flush()
    return threading.get_ident()


def names(database: Database) -> set[str]:
    with make_read_session_factory(database)() as session:
        return set(session.scalars(select(Labeler.name)))


class Held:
    """A unit that keeps its turn until it is let go."""

    def __init__(self) -> None:
        self.started, self.go = threading.Event(), threading.Event()

    def __call__(self, session: Session) -> int:
        thread = add(session, "held")
        self.started.set()
        assert self.go.wait(WAIT)
        return thread

    async def wait_started(self) -> None:
        assert await anyio.to_thread.run_sync(self.started.wait, WAIT)


def test_it_is_stored_when_run_returns(database: Database, sessions: sessionmaker[Session]) -> None:
    units = Units(sessions, threads=2, wait_seconds=WAIT)
    thread = anyio.run(lambda: units.run(lambda session: add(session, "ada")))
    assert thread != threading.get_ident()
    assert names(database) == {"ada"}


def test_an_error_leaves_nothing_and_gives_the_turn_back(database: Database, sessions: sessionmaker[Session]) -> None:
    units = Units(sessions, threads=1, wait_seconds=WAIT)

    def fail(session: Session) -> None:
        add(session, "ada")
        raise ValueError("no")

    async def both() -> None:
        with pytest.raises(ValueError, match="no"):
            await units.run(fail)
        await units.run(lambda session: add(session, "bob"))

    anyio.run(both)
    assert names(database) == {"bob"}


def test_a_hundred_wait_without_a_thread(database: Database, sessions: sessionmaker[Session]) -> None:
    """More than the thread pool has: all of them are served, by the writers' threads."""
    units, held = Units(sessions, threads=2, wait_seconds=WAIT), Held()
    threads: set[int] = set()

    async def one(number: int) -> None:
        threads.add(await units.run(lambda session: add(session, f"labeler {number}")))

    async def crowd() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(units.run, held)
            await held.wait_started()
            for number in range(100):
                group.start_soon(one, number)
            await anyio.wait_all_tasks_blocked()
            assert await anyio.to_thread.run_sync(lambda: "a thread is free") == "a thread is free"
            held.go.set()

    anyio.run(crowd)
    assert len(names(database)) == 101
    assert len(threads) <= 3


@pytest.mark.parametrize(("wait_seconds", "line"), [(0.01, 10), (WAIT, 0)])
def test_who_waits_too_long_is_told(sessions: sessionmaker[Session], wait_seconds: float, line: int) -> None:
    """A turn that does not come, and a line that is full already."""
    units, held = Units(sessions, threads=1, wait_seconds=wait_seconds, line=line), Held()

    async def crowd() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(units.run, held)
            await held.wait_started()
            with pytest.raises(UnavailableError, match="try again"), anyio.fail_after(WAIT / 2):
                await units.run(lambda session: add(session, "late"))
            held.go.set()
        assert await units.run(lambda session: add(session, "later"))  # the turn is free again

    anyio.run(crowd)


def test_a_request_that_is_cancelled_keeps_no_lock(database: Database, sessions: sessionmaker[Session]) -> None:
    units, held = Units(sessions, threads=1, wait_seconds=WAIT), Held()

    async def crowd() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(units.run, held)
            await held.wait_started()
            group.cancel_scope.cancel()
            held.go.set()
        await units.run(lambda session: add(session, "next"))

    anyio.run(crowd)
    assert names(database) == {"held", "next"}


def test_readers_do_not_wait_for_a_writer(database: Database, sessions: sessionmaker[Session]) -> None:
    reading = Units(make_read_session_factory(database), threads=1, wait_seconds=WAIT)
    with transaction(sessions) as session:
        add(session, "ada")
        count: Callable[[Session], int | None] = lambda other: other.scalar(select(func.count(Labeler.id)))  # noqa: E731
        assert anyio.run(lambda: reading.run(count)) == 0


def test_writers_of_one_process_wait_in_line(database: Database) -> None:
    """The turn comes before the database's lock, is given back by a rollback too, and is refused after the wait."""
    impatient = open_database(str(database.url), busy_seconds=0.01)
    write = make_session_factory(impatient)
    with write() as first:
        add(first, "ada")
        with pytest.raises(UnavailableError, match="busy with another write"), write() as second:
            add(second, "bob")
    with transaction(write) as third:
        add(third, "cy")
    assert names(database) == {"cy"}
    impatient.dispose()
