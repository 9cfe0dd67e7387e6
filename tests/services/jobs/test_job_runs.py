"""The jobs table as the worker uses it: order, attempts, fences, curves. No process, no engine."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.jobs import Job, JobStatus
from app.services.jobs import heartbeats, job_runs, jobs
from app.services.jobs.job_runs import HandOver, MetricPoint, Report


def add(session: Session, job_id: str, *, age: float = 0.0) -> Job:
    job = Job(
        id=job_id,
        kind="train_reward",
        params={},
        dedup_key=job_id,
        created_at=utc_now() - timedelta(seconds=age),
    )
    session.add(job)
    session.flush()
    return job


def started(session: Session, job_id: str) -> int:
    """By a worker that lives."""
    heartbeats.beat(session, "worker", utc_now())
    fence = job_runs.start_attempt(session, job_id, max_attempts=3, executor_id="worker")
    assert fence is not None
    return fence


def told(session: Session, job_id: str, fence: int, *steps: int) -> job_runs.Control:
    points = [MetricPoint(step, {"loss": float(step)}) for step in steps]
    return job_runs.write_report(session, job_id, fence, Report(steps[-1] if steps else 0, 9, points=points))


def curve(session: Session, job_id: str) -> list[int]:
    return [point.step for point in jobs.metrics_since(session, job_id)]


def test_who_follows_gets_the_points_that_a_resumed_attempt_reports_again(session: Session) -> None:
    add(session, "a")
    told(session, "a", started(session, "a"), 1, 2, 3, 4)
    newest = jobs.metrics_since(session, "a")[-1].id
    told(session, "a", started(session, "a"), 3)
    assert [point.step for point in jobs.metrics_since(session, "a", newest)] == [3]


def test_the_oldest_goes_first_and_alone(session: Session) -> None:
    add(session, "b")
    add(session, "a", age=9)  # whatever the clock said: the one that was queued first
    given = job_runs.next_to_dispatch(session)
    assert given == HandOver("b", 1)
    job_runs.mark_dispatched(session, given, utc_now())
    assert job_runs.dispatched(session) == [given]
    assert job_runs.next_to_dispatch(session) is None, "one at a time"
    fence = started(session, "b")
    assert job_runs.finish(session, "b", fence, status=JobStatus.SUCCEEDED, result={})
    assert job_runs.next_to_dispatch(session) == HandOver("a", 1)


def test_what_was_put_back_is_handed_over_again(session: Session) -> None:
    add(session, "a")
    first = HandOver("a", 1)
    job_runs.mark_dispatched(session, first, utc_now())
    assert job_runs.next_to_dispatch(session) is None
    assert job_runs.requeue(session, first)
    second = job_runs.next_to_dispatch(session)
    assert second == HandOver("a", 2)
    job_runs.mark_dispatched(session, second, utc_now())
    assert not job_runs.requeue(session, first), "an old hand-over was put back"
    assert job_runs.dispatched(session) == [second]


def test_a_job_that_is_over_never_starts(session: Session) -> None:
    job = add(session, "a")
    fence = started(session, "a")
    assert job_runs.finish(session, "a", fence, status=JobStatus.FAILED, error="It failed.")
    session.refresh(job)
    assert job_runs.start_attempt(session, "a", max_attempts=3) is None
    assert (job.status, job.error) == (JobStatus.FAILED, "It failed.")


def test_a_cancel_is_heard_before_the_start_and_at_each_report(session: Session) -> None:
    job = add(session, "a")
    fence = started(session, "a")
    assert not told(session, "a", fence).cancel
    assert not job_runs.control_of(session, "a", fence).cancel
    jobs.request_cancel(session, "a")
    assert told(session, "a", fence).cancel
    assert job_runs.control_of(session, "a", fence).cancel
    assert job_runs.start_attempt(session, "a", max_attempts=3) is None
    assert job.status is JobStatus.CANCELLED


def test_an_attempt_that_was_taken_over_changes_nothing(session: Session) -> None:
    job = add(session, "a")
    old, new = started(session, "a"), started(session, "a")
    assert old != new
    assert told(session, "a", old, 1).fenced
    assert job_runs.control_of(session, "a", old).fenced
    assert not job_runs.finish(session, "a", old, status=JobStatus.SUCCEEDED, result={}), "the late one must roll back"
    job_runs.release_attempt(session, "a", old)
    session.refresh(job)
    assert (job.status, job.attempts, curve(session, "a")) == (JobStatus.RUNNING, 2, [])


def test_a_job_that_is_over_is_not_reported_on(session: Session) -> None:
    job = add(session, "a")
    fence = started(session, "a")
    assert job_runs.finish(session, "a", fence, status=JobStatus.SUCCEEDED, result={"version_id": 7})
    assert told(session, "a", fence, 1).fenced
    session.refresh(job)
    assert (job.status, job.result, curve(session, "a")) == (JobStatus.SUCCEEDED, {"version_id": 7}, [])


def test_a_stop_in_good_order_does_not_count(session: Session) -> None:
    job = add(session, "a")
    fence = started(session, "a")
    job_runs.release_attempt(session, "a", fence)
    session.refresh(job)
    assert (job.status, job.attempts) == (JobStatus.QUEUED, 0)


def test_a_resumed_attempt_takes_the_place_of_its_own_points_only(session: Session) -> None:
    for job_id in ("a", "b"):
        add(session, job_id)
        told(session, job_id, started(session, job_id), 1, 2, 3)
    told(session, "a", started(session, "a"), 2)
    assert curve(session, "a") == [1, 2]
    assert curve(session, "b") == [1, 2, 3]


def test_starts_that_came_further_do_not_count(session: Session) -> None:
    job = add(session, "a")
    for checkpoint in ("1", "2", "3", "3"):
        fence = job_runs.start_attempt(session, "a", max_attempts=2, checkpoint=checkpoint)
        assert fence is not None, f"given up at checkpoint {checkpoint} though it had advanced"
    assert job_runs.start_attempt(session, "a", max_attempts=2, checkpoint="3") is None
    assert job.status is JobStatus.FAILED


@pytest.mark.parametrize("crash", ["It was killed.", None])
def test_it_gives_up_and_says_why(session: Session, crash: str | None) -> None:
    job = add(session, "a")
    for _ in range(2):
        assert job_runs.start_attempt(session, "a", max_attempts=2) is not None
    assert job_runs.start_attempt(session, "a", max_attempts=2, crash=crash) is None
    assert job.status is JobStatus.FAILED
    assert (crash or "killed while it ran") in (job.error or "")
