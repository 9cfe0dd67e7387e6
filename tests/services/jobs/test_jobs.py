from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from app.db.base import Base, utc_now
from app.db.models.jobs import Job, JobMetric, JobStatus, JobTrigger
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.errors import AppError, ConflictError, InvalidError, NotFoundError
from app.hparam_fields import hparam_fields
from app.kinds.train_policy import TRAIN_POLICY
from app.policy_hparams import PPOHparams
from app.services.jobs import heartbeats, job_runs, jobs
from app.services.jobs.job_params import same_params
from app.services.versions import versions
from app.settings.config import Settings


@pytest.fixture
def reward(sessions: sessionmaker[Session], sft: Version) -> Version:
    with transaction(sessions) as session:
        version = versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.REWARD, parent_id=sft.id, path="versions/2-reward", content_hash="1" * 64
            ),
        )
        version.status = VersionStatus.ACTIVE
        return version


def queue_policy(session: Session, **params: Any) -> Job:
    return jobs.queue_job(session, kind="train_policy", params=params)


@pytest.mark.usefixtures("reward")
def test_live_job_is_answered_instead_of_a_second(session: Session) -> None:
    first = queue_policy(session)
    assert queue_policy(session, batch_size=PPOHparams().batch_size) is first, "the default, said"
    first.status = JobStatus.RUNNING
    session.flush()
    assert queue_policy(session) is first
    first.status = JobStatus.SUCCEEDED
    session.flush()
    assert queue_policy(session) is not first


@pytest.mark.parametrize("other", [{"total_episodes": 64}, {"from": "active"}, {"reward_version_id": 2}, {}])
def test_a_live_job_with_other_parameters_is_named_with_them(
    session: Session, reward: Version, other: dict[str, Any]
) -> None:
    live = queue_policy(session, kl_coef=0.5)
    with pytest.raises(ConflictError) as refused:
        queue_policy(session, **other)
    told = "kl_coef 0.5"
    assert f"Job {live.id} (train_policy) is queued already" in refused.value.message
    assert told in refused.value.message
    assert told in refused.value.page_message
    assert jobs.queue_job(session, kind="train_policy", params=other, trigger=JobTrigger.RULE) is live
    with pytest.raises(ConflictError, match="with other parameters: kl_coef"):
        queue_policy(session, kl_coef=0.5, reward_version_id=reward.id)


@pytest.mark.usefixtures("reward")
def test_evaluations_of_different_versions_are_different_work(session: Session, sft: Version) -> None:
    other = versions.add_version(
        session,
        versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path="versions/3-policy", content_hash="2" * 64),
    )
    queued = [
        jobs.queue_job(session, kind="evaluate", params={"version_id": version_id})
        for version_id in (sft.id, other.id, other.id)
    ]
    assert queued[0].id != queued[1].id == queued[2].id


@pytest.mark.usefixtures("reward")
@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"learnig_rate": 0.1}, "no parameter 'learnig_rate'"),
        ({"learning_rate": "fast"}, "must be a number"),
        ({"learning_rate": float("nan")}, "must be a number"),
        ({"learning_rate": True}, "must be a number"),
        ({"total_episodes": 1.5}, "whole number"),
        ({"total_episodes": -1}, "total_episodes must"),
        ({"learning_rate": 7}, "learning_rate must be from"),
        ({"batch_size": 6, "samples_per_prompt": 4}, "multiple of samples_per_prompt"),
        ({"drawn_per_prompt": 3}, "drawn_per_prompt must be 0 or at least samples_per_prompt: of 3 answers not 4"),
        ({"num_mini_batches": 17}, "num_mini_batches must be at most 16: so many prompts are in a batch"),
        ({"kl_horizon": 10**9}, "kl_horizon must be from 1 to 100,000,000"),
        ({"whiten_rewards": 1}, "true or false"),
        ({"reward_version_id": 1}, "of kind reward"),
        ({"reward_version_id": "2"}, "number of a version"),
        ({"reward_version_id": True}, "number of a version"),
        ({"from": "base"}, "from must be"),
        ({"reward_version_id": 99}, "no version 99"),
    ],
)
def test_wrong_parameters_are_told_at_once(session: Session, params: dict[str, Any], says: str) -> None:
    with pytest.raises(AppError, match=says):
        queue_policy(session, **params)


@pytest.mark.usefixtures("reward")
@pytest.mark.parametrize("value", [10**400, 1e308, 2**31, -1e-320, float("inf")])
def test_every_number_has_bounds(session: Session, value: float) -> None:
    """What is far beyond any use is told by name; what is nearly 0 is either 0's neighbour or told, too."""
    fields = hparam_fields(PPOHparams)
    for name in [name for name, field in fields.items() if field.type is not bool and abs(value) > -field.low]:
        with pytest.raises(InvalidError, match=f"^{name} must"):
            queue_policy(session, **{name: value})
    for name in ("learning_rate", "value_learning_rate", "adam_eps", "temperature", "max_grad_norm", "score_clip"):
        with pytest.raises(InvalidError, match=f"^{name} must be from"):
            queue_policy(session, **{name: 1e-320})


@pytest.mark.usefixtures("reward")
def test_parameters_take_their_types(session: Session) -> None:
    job = queue_policy(session, total_episodes=64.0, kl_coef=0, kl_target=None)
    assert job.params == {"total_episodes": 64, "kl_coef": 0.0, "kl_target": None}
    assert isinstance(job.params["total_episodes"], int)


def test_what_is_left_out_has_its_default_in_choices_too() -> None:
    assert same_params(TRAIN_POLICY, {"total_episodes": 64}, {"total_episodes": 64, "from": "sft"})
    assert not same_params(TRAIN_POLICY, {"from": "active"}, {})


@pytest.mark.usefixtures("sft")
def test_jobs_that_cannot_run_yet_say_what_to_do_first(session: Session) -> None:
    with pytest.raises(ConflictError, match="Rank some answers"):
        jobs.queue_job(session, kind="train_reward")
    with pytest.raises(ConflictError, match="train_reward"):
        queue_policy(session)
    with pytest.raises(InvalidError, match="needs version_id"):
        jobs.queue_job(session, kind="evaluate")


@pytest.mark.usefixtures("reward")
def test_cancel(session: Session) -> None:
    queued = queue_policy(session)
    assert jobs.request_cancel(session, queued.id).status is JobStatus.CANCELLED
    assert jobs.request_cancel(session, queued.id).status is JobStatus.CANCELLED
    running = queue_policy(session)
    heartbeats.beat(session, "worker", utc_now())
    fence = job_runs.start_attempt(session, running.id, max_attempts=3, executor_id="worker")
    assert fence == 1
    assert jobs.request_cancel(session, running.id).status is JobStatus.RUNNING
    assert running.cancel_requested
    job_runs.finish(session, running.id, fence, status=JobStatus.SUCCEEDED)
    session.refresh(running)
    with pytest.raises(ConflictError, match="succeeded"):
        jobs.request_cancel(session, running.id)
    with pytest.raises(NotFoundError):
        jobs.request_cancel(session, "unknown")


@pytest.mark.usefixtures("reward")
@pytest.mark.parametrize("last_beat", [None, timedelta(minutes=-1), timedelta(days=1)])
def test_a_running_job_without_a_living_worker_is_cancelled_at_once(
    session: Session, last_beat: timedelta | None
) -> None:
    """Also where another worker lives, and where the dead one's heartbeat lies ahead."""
    running = queue_policy(session)
    job_runs.start_attempt(session, running.id, max_attempts=3, executor_id="dead")
    heartbeats.beat(session, "other", utc_now())
    if last_beat is not None:
        heartbeats.beat(session, "dead", utc_now() + last_beat)
    session.flush()
    assert jobs.request_cancel(session, running.id).status is JobStatus.CANCELLED
    assert running.finished_at is not None


@pytest.mark.usefixtures("reward")
def test_a_worker_that_died_after_the_first_cancel_leaves_no_job_behind(session: Session) -> None:
    running = queue_policy(session)
    heartbeats.beat(session, "worker", utc_now())
    job_runs.start_attempt(session, running.id, max_attempts=3, executor_id="worker")
    assert jobs.request_cancel(session, running.id).status is JobStatus.RUNNING
    heartbeats.beat(session, "worker", utc_now() - timedelta(minutes=1))
    assert jobs.request_cancel(session, running.id).status is JobStatus.CANCELLED


@pytest.mark.usefixtures("reward")
def test_the_same_work_is_queued_anew_while_the_cancelled_job_still_stops(session: Session) -> None:
    stopping = queue_policy(session)
    heartbeats.beat(session, "worker", utc_now())
    job_runs.start_attempt(session, stopping.id, max_attempts=3, executor_id="worker")
    jobs.request_cancel(session, stopping.id)
    fresh = queue_policy(session)
    assert fresh is not stopping
    assert fresh.status is JobStatus.QUEUED
    assert queue_policy(session) is fresh


@pytest.mark.usefixtures("reward")
@pytest.mark.parametrize("status", jobs.FINAL)
def test_started_again_with_the_same_parameters(session: Session, status: JobStatus, tmp_path: Path) -> None:
    here = Settings(data_dir=tmp_path)
    first = queue_policy(session, total_episodes=64, seed=7)
    with pytest.raises(ConflictError, match="has not ended"):
        jobs.restart_job(session, first.id, here)
    first.status = status
    session.flush()
    again = jobs.restart_job(session, first.id, here)
    assert again.id != first.id
    assert (again.kind, again.params, again.trigger) == (first.kind, {"total_episodes": 64, "seed": 7}, "person")


@pytest.mark.usefixtures("reward")
def test_metrics_since_goes_on_where_it_stopped(session: Session) -> None:
    job = queue_policy(session)
    session.flush()
    session.add_all([JobMetric(job_id=job.id, step=step, values={"loss": step}) for step in range(5)])
    session.flush()
    first = jobs.metrics_since(session, job.id, limit=2)
    rest = jobs.metrics_since(session, job.id, first[-1].id)
    assert [point.step for point in [*first, *rest]] == [0, 1, 2, 3, 4]


def running(now: datetime, **changes: object) -> Job:
    values: dict[str, object] = {"status": JobStatus.RUNNING, "cancel_requested": False, "heartbeat_at": now}
    return Job(**{**values, **changes})


def test_time_left_counts_down_between_two_steps() -> None:
    now = utc_now()
    job = running(now, ends_at=now + timedelta(seconds=90))
    asked = [jobs.seconds_left(job, now + timedelta(seconds=passed)) for passed in (0, 30, 89, 90, 500)]
    assert asked == [90.0, 60.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "changes",
    [
        {"ends_at": None},
        {"status": JobStatus.QUEUED},
        {"status": JobStatus.CANCELLED},
        {"cancel_requested": True},
        {"heartbeat_at": None},
        {"heartbeat_at": utc_now() + timedelta(hours=1)},  # the clock was set back since
    ],
)
def test_time_left_is_unknown(changes: dict[str, object]) -> None:
    now = utc_now()
    assert jobs.seconds_left(running(now, **{"ends_at": now + timedelta(seconds=90), **changes}), now) is None


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_pages_of_jobs_hold_every_job_once(sizes: list[int]) -> None:
    """The cursor walks the whole list whatever the sizes of the pages."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    now = utc_now()
    with Session(engine) as session:
        for n in range(8):  # the clock is set back while they are queued, and their ids say nothing
            created_at = now + timedelta(days=n % 3)
            session.add(Job(id=f"{7 * n % 8}", kind="evaluate", dedup_key=str(n), created_at=created_at))
            session.flush()
        seen: list[str] = []
        after: str | None = None
        for size in [*sizes, *([3] * 8)]:
            page = jobs.list_jobs(session, after=after, limit=size)
            seen += [job.id for job in page.items]
            after = page.next
            if after is None:
                break
        assert seen == [f"{7 * n % 8}" for n in reversed(range(8))]
    engine.dispose()


def test_a_new_kind_needs_no_migration(session: Session) -> None:
    """The database takes any name; the registry is asked before it is queued."""
    session.add(Job(id="later", kind="train_later", dedup_key="later"))
    session.flush()
    assert jobs.get_job(session, "later").kind == "train_later"
    with pytest.raises(InvalidError, match="no kind of job 'train_later'"):
        jobs.queue_job(session, kind="train_later")
