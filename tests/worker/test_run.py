"""One attempt as its handler sees it, without a process: reports, curves, cancel, stop, outcomes."""

import math
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.db.base import utc_now
from app.db.models.jobs import Job, JobStatus
from app.db.session import transaction
from app.errors import ConflictError
from app.services.jobs import heartbeats, job_runs, jobs
from app.services.jobs.job_runs import Control, Report
from app.settings.config import Settings
from app.training.context import Progress
from app.worker.child import run_attempt
from app.worker.pace import Pace
from app.worker.run import JobCancelled, JobRun, JobStopped, JobSuperseded

Attempt = Callable[..., JobRun]


@pytest.fixture
def attempt(sessions: sessionmaker[Session], tmp_path: Path) -> Attempt:
    """Begins the next attempt at the one job."""
    settings = Settings(data_dir=tmp_path / "data")
    with transaction(sessions) as session:
        session.add(Job(id="j", kind="train_reward", params={}, dedup_key="j"))

    def begin(stopping: Callable[[], bool] = lambda: False) -> JobRun:
        with transaction(sessions) as session:
            heartbeats.beat(session, "worker", utc_now())
            fence = job_runs.start_attempt(session, "j", max_attempts=9, executor_id="worker")
            assert fence is not None
        return JobRun(settings, sessions, job_of(sessions), fence, stop_requested=stopping)

    return begin


def job_of(sessions: sessionmaker[Session]) -> Job:
    with sessions() as session:
        job = session.get_one(Job, "j")
        session.expunge(job)
        return job


def curve(sessions: sessionmaker[Session]) -> list[tuple[int, dict[str, float]]]:
    with sessions() as session:
        return [(point.step, point.values) for point in jobs.metrics_since(session, "j")]


def steps(first: int, last: int, closed: list[bool] | None = None) -> Generator[Progress, None, str]:
    try:
        for step in range(first, last + 1):
            yield Progress(step, last, {"loss": 1 / step}, f"Step {step}")
        return "result"
    finally:
        if closed is not None:
            closed.append(True)


def test_every_point_of_the_curve_is_told_once_and_the_last_too(
    attempt: Attempt, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    write_report = job_runs.write_report

    def keep(session: Session, job_id: str, fence: int, report: Report) -> Control:
        told.extend(point.step for point in report.points)
        return write_report(session, job_id, fence, report)

    monkeypatch.setattr(job_runs, "write_report", keep)
    run = attempt()
    assert run.drain(steps(1, 5)) == "result"
    assert curve(sessions) == [(step, {"loss": 1 / step}) for step in range(1, 6)]
    run.say("Storing")
    assert told == [1, 2, 3, 4, 5], "a point was written again at every report"
    assert (job_of(sessions).step, job_of(sessions).message) == (5, "Storing")


def test_what_is_told_of_one_step_is_one_point(attempt: Attempt, sessions: sessionmaker[Session]) -> None:
    run = attempt()
    run.report(Progress(1, 9, {"loss": 0.5}))
    run.report(Progress(2, 9, {"loss": 0.4}))
    run.report(Progress(2, 9, {"accuracy": 0.7}))
    run.say("Evaluated")
    assert curve(sessions) == [(1, {"loss": 0.5}), (2, {"loss": 0.4, "accuracy": 0.7})]


def test_a_resumed_attempt_keeps_earlier_points_and_repeats_its_own(
    attempt: Attempt, sessions: sessionmaker[Session]
) -> None:
    attempt().drain(steps(1, 5))
    again = attempt()
    again.say("Reading the checkpoint")
    again.drain(steps(4, 6))
    assert [step for step, _ in curve(sessions)] == [1, 2, 3, 4, 5, 6]


def test_the_latest_of_each_metric_outlives_a_crash(attempt: Attempt, sessions: sessionmaker[Session]) -> None:
    attempt().report(Progress(1, 9, {"loss": 0.5}))
    again = attempt()
    again.report(Progress(2, 9, {"accuracy": 0.7}))
    assert job_of(sessions).metrics == {"loss": 0.5, "accuracy": 0.7}


def test_what_is_no_number_is_left_out_of_the_curve(attempt: Attempt, sessions: sessionmaker[Session]) -> None:
    attempt().report(Progress(1, 9, {"loss": math.nan, "kl": math.inf, "accuracy": 0.5}))
    assert curve(sessions) == [(1, {"accuracy": 0.5})]


def test_a_cancel_ends_the_trainer_at_its_next_step(attempt: Attempt, sessions: sessionmaker[Session]) -> None:
    run, closed = attempt(), list[bool]()
    with transaction(sessions) as session:
        jobs.request_cancel(session, "j")
    trainer = steps(1, 5, closed)
    with pytest.raises(JobCancelled):
        run.drain(trainer)
    assert closed == [True], "the trainer was not closed"
    assert [step for step, _ in curve(sessions)] == [1]


def test_an_attempt_that_was_taken_over_leaves_and_stores_nothing(
    attempt: Attempt, sessions: sessionmaker[Session]
) -> None:
    old = attempt()
    attempt()
    with pytest.raises(JobSuperseded):
        old.drain(steps(1, 5))
    with pytest.raises(JobSuperseded), transaction(sessions) as session:
        old.finish(session, {"version_id": 1})
    assert (job_of(sessions).status, curve(sessions)) == (JobStatus.RUNNING, [])


def test_a_stop_is_followed_at_the_step_of_a_checkpoint_only(attempt: Attempt, sessions: sessionmaker[Session]) -> None:
    run = attempt(lambda: True)

    def trainer() -> Generator[Progress, None, None]:
        for step in range(1, 9):
            if step == 4:
                run.saved()
            yield Progress(step, 9, {"loss": 1.0})

    with pytest.raises(JobStopped):
        run.drain(trainer())
    assert [step for step, _ in curve(sessions)] == [1, 2, 3, 4]


def test_inputs_are_chosen_once(attempt: Attempt) -> None:
    assert attempt().pinned(lambda: {"ids": [1, 2]}) == {"ids": [1, 2]}
    assert attempt().pinned(lambda: {"ids": [3]}) == {"ids": [1, 2]}


def handled(run: JobRun, handler: Callable[[JobRun], None]) -> Any:
    run.directory.mkdir(parents=True)
    run_attempt(run, handler)
    return job_of(run.sessions)


def test_each_outcome_is_recorded_as_what_it_is(attempt: Attempt) -> None:
    def refuse(_run: JobRun) -> None:
        raise ConflictError("Rank some answers first.")

    run = attempt()
    job = handled(run, refuse)
    assert (job.status, job.error) == (JobStatus.FAILED, "Rank some answers first.")


def test_a_fault_of_the_program_is_told_without_the_paths_of_the_machine(attempt: Attempt) -> None:
    def stumble(run: JobRun) -> None:
        raise OSError(2, "No such file", str(run.settings.data_dir / "versions" / "2-reward" / "config.json"))

    run = attempt()
    job = handled(run, stumble)
    assert "versions/2-reward/config.json" in job.error
    assert str(run.settings.data_dir) not in job.error


def test_a_cancel_is_no_failure_and_nothing_is_left(attempt: Attempt) -> None:
    def leave(_run: JobRun) -> None:
        raise JobCancelled

    run = attempt()
    job = handled(run, leave)
    assert (job.status, job.error) == (JobStatus.CANCELLED, None)
    assert not run.directory.exists()


def test_a_job_that_is_done_leaves_no_folder(attempt: Attempt) -> None:
    def finish(run: JobRun) -> None:
        with transaction(run.sessions) as session:
            run.finish(session, {"version_id": 3})

    run = attempt()
    job = handled(run, finish)
    assert (job.status, job.result) == (JobStatus.SUCCEEDED, {"version_id": 3})
    assert not run.directory.exists()


@pytest.mark.parametrize(("kind", "begun"), [("train_reward", 0), ("train_policy", 1), ("evaluate", 1)])
def test_a_first_step_that_reads_everything_says_nothing_of_the_pace(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch, kind: str, begun: int
) -> None:
    """The clock starts before the first step, or else with it."""
    starts: list[float] = []
    monkeypatch.setattr(Pace, "begin", lambda _pace, now: starts.append(now))
    run = attempt()
    run.job.kind = kind
    run.drain(steps(1, 2))
    assert len(starts) == begun
