"""DBOS with toy jobs: real processes, a real file, real signals."""

import itertools
import signal
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.jobs import Job, JobStatus, WorkerHeartbeat
from app.db.session import transaction
from app.services.jobs import job_runs, jobs
from tests.waiting import PATIENCE_SECONDS, wait_for
from tests.worker.harness import Harness, alive

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
SUM_TO_20 = 210


def _kill(pid: int) -> None:
    import os

    os.kill(pid, signal.SIGKILL)


def test_outcomes_of_one_worker(harness: Harness) -> None:
    """Success, an error told by the trainer, a bug, a full disk, crashes: each ends once, in order, one at a time."""
    harness.settings = harness.settings.model_copy(update={"max_attempts": 2})
    good = harness.add_job(steps=3, seconds=0.05)
    nan = harness.add_job(steps=3, seconds=0.05, fail_at=2)
    bug = harness.add_job(steps=3, seconds=0.05, bug_at=1)
    full = harness.add_job(steps=6, seconds=0.05, full_disk_at=4)
    crash = harness.add_job(steps=5, seconds=0.05, crash_at=3)
    worker = harness.start_worker()
    ended = harness.wait_over(good, nan, bug, full, crash)

    assert [job.status for job in ended] == [JobStatus.SUCCEEDED] + [JobStatus.FAILED] * 4
    assert [job.attempts for job in ended] == [1, 1, 1, 1, 3], "the first crash had come as far as a checkpoint"
    assert ended[0].result is not None
    assert ended[0].result["total"] == 6
    assert ended[0].progress == 1.0
    assert ended[1].error == "The loss is not a number. Lower learning_rate and start the job again."
    assert "KeyError: 'a bug'" in (ended[2].error or "")
    assert "start the job again" in (ended[2].error or "")
    assert "the disk is full" in (ended[3].error or "")
    assert "SIGSEGV" in (ended[4].error or "")
    assert "about to crash" in (ended[4].error or "")
    spans = [(rows[0]["time"], rows[-1]["time"]) for rows in map(harness.trace, (good, nan, bug, full, crash))]
    assert all(first[1] < second[0] for first, second in itertools.pairwise(spans)), f"one at a time, in order: {spans}"
    with harness.readers() as session:
        assert [point.step for point in jobs.metrics_since(session, good)] == [1, 2, 3]
    kept = {folder.name for folder in (harness.settings.data_dir / "jobs").iterdir()}
    assert kept == {full, crash}, "the checkpoints of the newest failed jobs are kept, and of no other"

    worker.send_signal(signal.SIGINT)
    assert worker.wait(PATIENCE_SECONDS) == 0


def test_kill_child_and_worker(harness: Harness) -> None:
    """kill -9 of the child, then of the worker: the job goes on from its checkpoint both times."""
    job = harness.add_job(steps=20, seconds=0, hold_at=[4, 10])
    worker = harness.start_worker()
    harness.wait_until(job, lambda job: job.step == 4, "fourth step")
    _kill(harness.child_pid(worker))
    harness.wait_until(job, lambda job: job.step == 10, "second attempt")
    child = harness.child_pid(worker)
    _kill(worker.pid)
    worker.wait()
    wait_for(lambda: not alive(child), "end of the orphan")
    harness.start_worker()
    (ended,) = harness.wait_over(job)

    assert (ended.status, ended.attempts) == (JobStatus.SUCCEEDED, 3)
    assert ended.result is not None
    assert ended.result["total"] == SUM_TO_20
    assert _first_steps(harness, job) == [1, 5, 11]
    assert ended.result["first_pid"] == harness.trace(job)[0]["pid"], "the inputs were chosen once"
    with harness.readers() as session:
        steps = [point.step for point in jobs.metrics_since(session, job)]
    assert steps == sorted(set(steps)), "no point of a curve twice"


def _first_steps(harness: Harness, job: str) -> list[int]:
    """Of each process that worked on the job."""
    return [next(rows)["step"] for _, rows in itertools.groupby(harness.trace(job), lambda row: row["pid"])]


def test_stop_in_good_order(harness: Harness) -> None:
    """SIGTERM: the worker does not wait for the job's end, there is no orphan, and the attempt does not count."""
    job = harness.add_job(steps=20, seconds=0, hold_at=[4])
    worker = harness.start_worker()
    harness.wait_until(job, lambda job: job.step == 4, "fourth step")
    child = harness.child_pid(worker)
    worker.terminate()
    assert worker.wait(PATIENCE_SECONDS) == 0
    assert not alive(child)
    waiting = harness.job(job)
    assert (waiting.status, waiting.attempts) == (JobStatus.QUEUED, 0)
    harness.lose_dbos()  # and its file may be lost meanwhile
    harness.start_worker()
    (ended,) = harness.wait_over(job)
    assert (ended.status, ended.attempts) == (JobStatus.SUCCEEDED, 1)
    assert _first_steps(harness, job) == [1, 5]
    assert ended.result is not None
    assert ended.result["total"] == SUM_TO_20


def test_two_workers(harness: Harness) -> None:
    """Never two heavy jobs at once; the jobs of a dead peer are taken over by the living one."""
    harness.settings = harness.settings.model_copy(update={"worker_stale_seconds": 16.0})  # the living beats in time
    short = [harness.add_job(steps=4, seconds=0.05) for _ in range(2)]
    pair = [harness.start_worker(), harness.start_worker()]
    harness.wait_over(*short)
    spans = sorted((rows[0]["time"], rows[-1]["time"]) for rows in map(harness.trace, short))
    assert all(first[1] < second[0] for first, second in itertools.pairwise(spans))

    long = harness.add_job(steps=20, seconds=0, hold_at=[4])
    harness.wait_until(long, lambda job: job.step == 4, "fourth step")
    runner = next(worker for worker in pair if _has_child(worker.pid))
    _kill(runner.pid)
    runner.wait()
    with transaction(harness.sessions) as session:  # as if the seconds had passed; the living one beats on
        session.execute(update(WorkerHeartbeat).values(heartbeat_at=utc_now() - timedelta(seconds=17)))
    (ended,) = harness.wait_over(long)
    assert (ended.status, ended.attempts) == (JobStatus.SUCCEEDED, 2)
    assert ended.result is not None
    assert ended.result["total"] == SUM_TO_20


def _has_child(pid: int) -> bool:
    from pathlib import Path

    return any((task / "children").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir())


def test_cancel(harness: Harness) -> None:
    """At the next step where the job listens, by force after the grace where it hangs."""
    polite = harness.add_job(steps=4, seconds=0, hold_at=[2])
    hanging = harness.add_job(steps=5, seconds=0.05, hang_at=2)
    after = harness.add_job(steps=2, seconds=0.05)
    harness.start_worker()
    for job in (polite, hanging):
        harness.wait_until(job, lambda job: job.step >= 1, "first step")
        with transaction(harness.sessions) as session:
            jobs.request_cancel(session, job)
    ended = harness.wait_over(polite, hanging, after)
    assert [job.status for job in ended] == [JobStatus.CANCELLED, JobStatus.CANCELLED, JobStatus.SUCCEEDED]
    assert [job.attempts for job in ended] == [1, 1, 1]


def test_fence(harness: Harness) -> None:
    """An attempt that was taken over changes nothing."""
    job = harness.add_job(steps=1, seconds=0)
    with transaction(harness.sessions) as session:
        old = job_runs.start_attempt(session, job, max_attempts=3)
    with transaction(harness.sessions) as session:
        new = job_runs.start_attempt(session, job, max_attempts=3)
    assert old is not None
    assert new == old + 1

    def report(session: Session, fence: int) -> job_runs.Control:
        point = job_runs.MetricPoint(1, {"loss": 1.0})
        return job_runs.write_report(session, job, fence, job_runs.Report(1, 2, points=[point]))

    with transaction(harness.sessions) as session:
        assert report(session, old).fenced
        assert not job_runs.finish(session, job, old, status=JobStatus.FAILED, error="late")
        job_runs.release_attempt(session, job, old)
    assert harness.job(job).status is JobStatus.RUNNING
    assert harness.job(job).attempts == 2
    with harness.readers() as session:
        assert jobs.metrics_since(session, job) == []
    with transaction(harness.sessions) as session:
        assert not report(session, new).fenced
        assert job_runs.finish(session, job, new, status=JobStatus.SUCCEEDED, result={})
        assert job_runs.start_attempt(session, job, max_attempts=3) is None, "a finished job never starts again"


def test_time_between_attempts_does_not_count(harness: Harness) -> None:
    """It keeps the start of the first one."""
    job = harness.add_job(steps=1, seconds=0)
    with transaction(harness.sessions) as session:
        job_runs.start_attempt(session, job, max_attempts=3)
        row = session.get_one(Job, job)
        row.heartbeat_at = utc_now() - timedelta(hours=9)
        row.started_at = row.attempt_started_at = begun = row.heartbeat_at - timedelta(seconds=20)
    with transaction(harness.sessions) as session:
        job_runs.start_attempt(session, job, max_attempts=3)
    again = harness.job(job)
    assert (again.started_at, again.worked_before_seconds) == (begun, 20.0)
