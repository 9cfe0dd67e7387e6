"""A job whose database is locked, full or gone for a while, run inline: nothing is lost, and nothing sleeps."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from app.db.models.jobs import JobMetric, JobStatus
from app.db.models.versions import Version
from app.db.session import make_session_factory, open_database, transaction
from app.model_info.weights import verify_directory
from app.services.jobs import job_runs
from app.training.context import Progress
from app.worker.child import EXIT_DATABASE_GONE, EXIT_RECORDED, run_attempt
from app.worker.handlers import generic, outcomes
from app.worker.patience import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, DatabaseGone, passes, patiently
from app.worker.run import JobRun
from tests.worker import toy
from tests.worker.harness import Harness
from tests.worker.world import check_files, make_world, queue, version_of_job, versions_of

Start = Callable[..., JobRun]


class Waits:
    """Stands in for sleeping; at the n-th wait it ends the trouble."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.actions: dict[int, Callable[[], object]] = {}

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.actions.get(len(self.seconds), lambda: None)()


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def start(waits: Waits) -> Iterator[Start]:
    """An attempt on connections of its own, which wait 20 ms for a lock instead of 30 s."""
    opened: list[Database] = []

    def start(harness: Harness, job_id: str, **settings: Any) -> JobRun:
        with transaction(harness.sessions) as session:
            fence = job_runs.start_attempt(session, job_id, max_attempts=3)
        assert fence is not None
        opened.append(open_database(harness.settings.resolved_database_url, busy_seconds=0.02))
        chosen = harness.settings.model_copy(update=settings)
        return JobRun(chosen, make_session_factory(opened[-1]), harness.job(job_id), fence, wait=waits)

    yield start
    for database in opened:
        database.dispose()


@contextmanager
def locked(harness: Harness) -> Iterator[Callable[[], object]]:
    """Another process has the write lock until the function is called."""
    database = open_database(harness.settings.resolved_database_url)
    with database.connect() as other:
        other.begin()
        yield other.rollback
    database.dispose()


def trouble(message: str = "database is locked") -> OperationalError:
    return OperationalError("UPDATE jobs", {}, sqlite3.OperationalError(message))


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (trouble(), True),
        (trouble("database or disk is full"), True),
        (InterfaceError("SELECT", {}, Exception("connection already closed")), True),
        (ProgrammingError("SELECT", {}, Exception("gone"), connection_invalidated=True), True),
        (ProgrammingError("SELECT", {}, Exception("no such column")), False),
        (IntegrityError("INSERT", {}, Exception("UNIQUE")), False),
        (ValueError("database is locked"), False),
    ],
)
def test_what_waiting_may_help(error: Exception, may_pass: bool) -> None:
    assert passes(error) is may_pass


def test_a_missing_table_is_not_waited_for() -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(sqlite3.OperationalError) as raised:
        connection.execute("SELECT * FROM nothing")
    assert not passes(OperationalError("SELECT", {}, raised.value))


def test_a_full_disk_that_took_the_savepoint_along_may_pass() -> None:
    """What is raised is the missing savepoint; the full disk is what it came from."""
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(sqlite3.OperationalError) as raised:
        connection.execute("ROLLBACK TO SAVEPOINT one")
    error = OperationalError("ROLLBACK TO SAVEPOINT one", {}, raised.value)
    assert not passes(error)
    error.__context__ = trouble("database or disk is full")
    assert passes(error)


def test_waits_grow_up_to_a_bound_and_end(waits: Waits) -> None:
    def fail() -> None:
        raise trouble()

    with pytest.raises(DatabaseGone, match="database is locked"):
        patiently(fail, seconds=60, wait=waits)
    assert waits.seconds[:2] == [FIRST_WAIT_SECONDS, 2 * FIRST_WAIT_SECONDS]
    assert max(waits.seconds) == LONGEST_WAIT_SECONDS
    assert 60 <= sum(waits.seconds) < 60 + LONGEST_WAIT_SECONDS


def test_a_lock_costs_neither_the_attempt_nor_a_point(harness: Harness, start: Start, waits: Waits) -> None:
    """It outlasts the database's own patience twice, in the middle of a job."""
    job_id = harness.add_job()
    run = start(harness, job_id)
    run.report(Progress(1, 3, {"loss": 1.0}))
    with locked(harness) as release:
        waits.actions[2] = release
        run.report(Progress(2, 3, {"loss": 0.5}))
        run.say("still here")
    assert len(waits.seconds) == 2
    job = harness.job(job_id)
    assert (job.status, job.attempts, job.step) == (JobStatus.RUNNING, 1, 2)
    with harness.readers() as session:
        assert session.scalars(select(JobMetric.step).order_by(JobMetric.id)).all() == [1, 2]


@pytest.mark.parametrize("outcome", [JobStatus.SUCCEEDED, JobStatus.FAILED])
def test_a_lock_at_the_end_loses_no_outcome(harness: Harness, start: Start, waits: Waits, outcome: JobStatus) -> None:
    job_id = harness.add_job(steps=2, seconds=0, fail_at=2 if outcome is JobStatus.FAILED else 0)
    run = start(harness, job_id)
    run.drain = lambda trainer: _drain_then_lock(harness, waits, trainer)  # type: ignore[method-assign]
    assert run_attempt(run, toy.count) == EXIT_RECORDED
    assert len(waits.seconds) == 2
    assert harness.job(job_id).status is outcome


def _drain_then_lock(harness: Harness, waits: Waits, trainer: Any) -> Any:
    """Without reports; the other process takes the lock when all steps are done."""
    database = open_database(harness.settings.resolved_database_url)
    other = database.connect()

    def release() -> None:
        other.close()
        database.dispose()

    waits.actions[2] = release
    try:
        while True:
            next(trainer)
    except StopIteration as stop:
        return stop.value
    finally:
        other.begin()


def test_a_database_that_stays_away_ends_the_attempt_but_not_the_job(
    harness: Harness, start: Start, waits: Waits
) -> None:
    """No outcome could be recorded: the job is as it was, its checkpoint too, and the worker starts it again."""
    job_id = harness.add_job(steps=4, seconds=0)
    run = start(harness, job_id, worker_patience_seconds=1)
    with locked(harness):
        assert run_attempt(run, _save_then_say) == EXIT_DATABASE_GONE
    assert len(waits.seconds) == 2
    assert harness.job(job_id).status is JobStatus.RUNNING
    assert (run.directory / "checkpoint.pt").is_file()


def _save_then_say(run: JobRun) -> None:
    run.directory.mkdir(parents=True)
    toy.JsonCheckpoints(run.checkpoints().path).save({"step": 1})
    run.say("saved")


@pytest.fixture
def world(tmp_path: Path, tiny_model_dir: Path) -> Iterator[Harness]:
    made = make_world(tmp_path / "data", tiny_model_dir)
    yield made
    made.close()


REWARD = {"normalization_samples": 8, "num_layers": 2}


@pytest.mark.parametrize("when", ["before the commit", "at the commit", "after the commit"])
def test_a_new_version_outlasts_a_failing_database(world: Harness, start: Start, waits: Waits, when: str) -> None:
    """The transaction fails twice at one of its moments: one version with its files in the end, whichever it was.

    After the commit means that it was stored, but the connection broke before anybody was told."""
    job_id = queue(world, "train_reward", **REWARD)
    run = start(world, job_id)
    failures = iter([trouble(), trouble()])

    def fail(*_: Any) -> None:
        error = next(failures, None)
        if error is not None:
            raise error

    with pytest.MonkeyPatch.context() as patch:
        if when == "before the commit":
            add = outcomes._add

            def add_and_fail(*arguments: Any) -> Version:
                added = add(*arguments)
                fail()
                return added

            patch.setattr(outcomes, "_add", add_and_fail)
        else:
            commit = Session.commit

            class Failing(Session):
                def commit(self) -> None:
                    if when == "after the commit":
                        commit(self)
                    fail()
                    if when == "at the commit":
                        commit(self)

            patch.setattr(outcomes, "transaction", _transaction_of(Failing))
        assert run_attempt(run, generic.handle) == EXIT_RECORDED
    assert waits.seconds
    job = world.job(job_id)
    assert (job.status, job.error, job.attempts) == (JobStatus.SUCCEEDED, None, 1)
    made = version_of_job(world, job_id)
    verify_directory(world.settings.version_directory(made.path))
    assert len(versions_of(world)) == 2
    check_files(world)


def _transaction_of(kind: type[Session]) -> Callable[..., Any]:
    @contextmanager
    def transaction_of(factory: Any) -> Iterator[Session]:
        with kind(factory.kw["bind"], expire_on_commit=False) as session:
            yield session
            session.commit()

    return transaction_of
