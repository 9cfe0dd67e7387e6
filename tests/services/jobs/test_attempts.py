"""Attempts at a job: which count, whose points stay, and what a restored database or a lost engine means for them."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.jobs import Job, JobMetric, JobStatus
from app.services.jobs import job_folders, job_runs, jobs
from app.services.jobs.job_runs import HandOver, MetricPoint, Report
from app.settings.config import Settings


@pytest.fixture
def job(session: Session) -> Job:
    return add(session)


def add(session: Session) -> Job:
    added = Job(id=uuid.uuid4().hex, kind="train_policy", dedup_key=uuid.uuid4().hex)
    session.add(added)
    session.flush()
    return added


def start(session: Session, job: Job, checkpoint: str | None = None) -> int | None:
    return job_runs.start_attempt(session, job.id, max_attempts=3, checkpoint=checkpoint)


def report(session: Session, job: Job, fence: int, steps: Sequence[int], loss: float = 1.0) -> None:
    points = [MetricPoint(step, {"loss": loss}) for step in steps]
    control = job_runs.write_report(session, job.id, fence, Report(steps[-1], 9, points=points))
    session.flush()
    assert not control.fenced


def test_only_starts_that_come_no_further_count(session: Session, job: Job) -> None:
    """Six crashes, each behind a new checkpoint, then three at the same one: only these three are too many."""
    for number in range(6):
        assert start(session, job, checkpoint=f"checkpoint {number}")
    assert start(session, job, checkpoint="checkpoint 5")
    assert start(session, job, checkpoint="checkpoint 5")
    assert start(session, job, checkpoint="checkpoint 5") is None
    assert job.status is JobStatus.FAILED
    assert job.attempts == 8
    assert (job.error or "").startswith("Gave up after 3 starts without progress.")


def test_without_a_checkpoint_every_start_counts(session: Session, job: Job) -> None:
    assert [start(session, job) for _ in range(4)] == [1, 2, 3, None]
    assert job.status is JobStatus.FAILED


def test_a_lost_checkpoint_is_no_progress(session: Session, job: Job) -> None:
    """Restored from a backup without the folders of jobs."""
    assert [start(session, job, checkpoint=mark) for mark in ("a", None, None, None)] == [1, 2, 3, None]


def test_a_stop_in_good_order_does_not_count(session: Session, job: Job) -> None:
    for _ in range(5):
        fence = start(session, job)
        assert fence is not None
        job_runs.release_attempt(session, job.id, fence)
        session.refresh(job)
    assert (job.status, job.attempts, job.attempts_without_progress) == (JobStatus.QUEUED, 0, 0)


@pytest.mark.parametrize("stopped_in_good_order", [True, False])
def test_a_resumed_attempts_points_take_the_place_of_the_old_ones(
    session: Session, job: Job, stopped_in_good_order: bool
) -> None:
    """Steps 1 to 4 reported, the checkpoint was at 2: 3 and 4 come again, once each, with the new values."""
    fence = start(session, job)
    assert fence is not None
    report(session, job, fence, [1, 2])
    report(session, job, fence, [3, 4])
    if stopped_in_good_order:
        job_runs.release_attempt(session, job.id, fence)
        session.refresh(job)
    fence = start(session, job)
    assert fence is not None
    report(session, job, fence, [3], loss=0.5)
    report(session, job, fence, [4, 5], loss=0.5)
    points = session.scalars(select(JobMetric).order_by(JobMetric.id)).all()
    assert [(point.step, point.values["loss"]) for point in points] == [(1, 1), (2, 1), (3, 0.5), (4, 0.5), (5, 0.5)]


def test_jobs_are_handed_over_in_the_order_of_queueing(session: Session) -> None:
    """Whatever the clock said meanwhile."""
    first, second = add(session), add(session)
    first.created_at, second.created_at = second.created_at, first.created_at
    session.flush()
    assert job_runs.next_to_dispatch(session) == HandOver(first.id, 1)
    job_runs.mark_dispatched(session, HandOver(first.id, 1), utc_now())
    assert job_runs.next_to_dispatch(session) is None, "one at a time"
    assert job_runs.dispatched(session) == [HandOver(first.id, 1)]


def test_a_running_job_that_the_engine_lost_is_handed_over_anew(session: Session, job: Job) -> None:
    given = HandOver(job.id, 1)
    job_runs.mark_dispatched(session, given, utc_now())
    fence = start(session, job)
    assert fence is not None
    assert job_runs.requeue(session, given)
    session.refresh(job)
    assert (job.status, job.dispatched_at) == (JobStatus.QUEUED, None)
    assert job_runs.control_of(session, job.id, fence).fenced, "an attempt that lives all the same must leave"
    assert job_runs.next_to_dispatch(session) == HandOver(job.id, 2), "the engine never runs a hand-over twice"
    job_runs.mark_dispatched(session, HandOver(job.id, 2), utc_now())
    assert not job_runs.requeue(session, given), "an old look changes nothing"


def test_a_job_that_has_ended_is_not_handed_over_anew(session: Session, job: Job) -> None:
    given = HandOver(job.id, 1)
    job_runs.mark_dispatched(session, given, utc_now())
    fence = start(session, job)
    assert fence is not None
    job_runs.finish(session, job.id, fence, status=JobStatus.SUCCEEDED)
    assert not job_runs.requeue(session, given)
    session.refresh(job)
    assert job.status is JobStatus.SUCCEEDED


def test_running_but_waiting_for_a_hand_over(session: Session, job: Job) -> None:
    """As an earlier release left jobs that its engine had lost."""
    start(session, job)
    job.dispatched_at = None
    session.flush()
    assert job_runs.next_to_dispatch(session) == HandOver(job.id, 1)


def test_a_clock_set_back_between_two_attempts_starts_nothing_in_the_future(session: Session, job: Job) -> None:
    start(session, job)
    assert job.started_at is not None
    assert job.heartbeat_at is not None
    job.started_at = job.attempt_started_at = job.started_at.replace(year=2100)
    start(session, job)
    assert job.started_at <= utc_now()
    assert job.worked_seconds == 0.0


@pytest.mark.parametrize("between", ["killed", "released", "failed and resumed", "lost by the engine"])
def test_the_first_start_is_kept_and_time_between_attempts_does_not_count(
    session: Session, job: Job, tmp_path: Path, between: str
) -> None:
    """20 seconds of work, nine hours in which nobody worked, and 10 seconds more."""
    first = start(session, job)
    assert first is not None
    assert (job.worked_seconds, job.took_seconds) == (0.0, None)
    job.heartbeat_at = utc_now() - timedelta(hours=9)
    job.started_at = job.attempt_started_at = begun = job.heartbeat_at - timedelta(seconds=20)
    session.flush()
    if between == "released":
        job_runs.release_attempt(session, job.id, first)
    elif between == "lost by the engine":
        job_runs.mark_dispatched(session, HandOver(job.id, 1), utc_now())
        assert job_runs.requeue(session, HandOver(job.id, 1))
    elif between == "failed and resumed":
        job_runs.finish(session, job.id, first, status=JobStatus.FAILED)
        session.refresh(job)
        job.finished_at = begun + timedelta(seconds=25)  # 5 from its last sign of life to its end
        settings = Settings(data_dir=tmp_path)
        path = job_folders.checkpoint_path(settings, job.id)
        path.parent.mkdir(parents=True)
        path.touch()
        jobs.resume_job(session, job.id, settings)
    session.refresh(job)
    second = start(session, job)
    assert second is not None
    assert job.started_at == begun
    assert job.attempt_started_at is not None
    assert utc_now() - job.attempt_started_at < timedelta(seconds=9)
    job_runs.finish(session, job.id, second, status=JobStatus.SUCCEEDED)
    session.refresh(job)
    job.finished_at = job.attempt_started_at + timedelta(seconds=10)
    assert job.took_seconds == pytest.approx(35 if between == "failed and resumed" else 30)


def test_a_job_that_waits_again_and_is_cancelled_took_what_was_worked(session: Session, job: Job) -> None:
    fence = start(session, job)
    assert fence is not None
    job.heartbeat_at = utc_now() - timedelta(hours=9)
    job.started_at = job.attempt_started_at = job.heartbeat_at - timedelta(seconds=20)
    session.flush()
    jobs.request_cancel(session, job.id)
    assert job.took_seconds == pytest.approx(20)


def test_of_a_job_of_before_the_start_was_moved_on(session: Session, job: Job) -> None:
    """Attempts were not kept apart; a later attempt keeps the start that it had, and counts on."""
    job.status, job.started_at = JobStatus.QUEUED, utc_now() - timedelta(seconds=50)
    job.heartbeat_at = job.started_at + timedelta(seconds=40)
    assert job.worked_seconds == pytest.approx(40)
    start(session, job)
    assert job.worked_before_seconds == pytest.approx(40)
    job.finished_at = utc_now() + timedelta(seconds=5)
    assert job.took_seconds == pytest.approx(45, abs=1)
