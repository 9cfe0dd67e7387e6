"""The real job kinds with a tiny model: kill -9 of child and worker in the middle of each, and what can go wrong."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from sqlalchemy import select

from app.db.models.jobs import LIVE, Job, JobStatus
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.services.jobs import jobs
from tests.waiting import PATIENCE_SECONDS, wait_for
from tests.worker.harness import Harness, Worker, alive
from tests.worker.held import HELD_AT
from tests.worker.world import check_files, make_world, queue, run_inline, twin, version_of_job, versions_of

REWARD = {"normalization_samples": 40, "num_layers": 2}
POLICY = {
    "total_episodes": 24,
    "batch_size": 4,
    "samples_per_prompt": 2,
    "num_ppo_epochs": 1,
    "max_tokens": 12,
    "num_frozen_layers": 1,
    "checkpoint_every_batches": 2,
    "validation_prompts": 2,
    "early_stopping": False,  # it is killed at its fifth step
    "learning_rate": 1e-2,
}
EVALUATION = {"samples_per_prompt": 1, "num_prompts": 80, "max_tokens": 12}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As the workers of these tests have it: the number of threads changes the last bits of sums."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make(tmp_path: Path, tiny_model_dir: Path) -> Iterator[Callable[..., Harness]]:
    made: list[Harness] = []

    def make(**settings: Any) -> Harness:
        made.append(make_world(tmp_path / "data", tiny_model_dir, **settings))
        return made[-1]

    yield make
    for harness in made:
        harness.close()


Kill = Callable[[Harness, str, int], None]


def start_held_worker(harness: Harness) -> Worker:
    return harness.start_worker("tests.worker.toy_worker", "tests.worker.held:handle")


def kill_child(harness: Harness, job_id: str, attempt: int) -> None:
    """kill -9 of the child in this attempt, at the step where it is held."""
    os.kill(_held_child(harness, job_id, attempt), signal.SIGKILL)


def kill_worker(harness: Harness, job_id: str, attempt: int) -> None:
    """The same of the worker; a new one is started."""
    child, worker = _held_child(harness, job_id, attempt), harness.workers[-1]
    worker.kill()
    worker.wait()
    wait_for(lambda: not alive(child), "end of the child")
    assert harness.job(job_id).status is JobStatus.RUNNING
    start_held_worker(harness)


def _held_child(harness: Harness, job_id: str, attempt: int) -> int:
    step, beginning = HELD_AT[harness.job(job_id).kind][attempt - 1], ("Starting", "Sampling")

    def is_held(job: Job) -> bool:
        return job.attempts == attempt and job.step >= step and not job.message.startswith(beginning)

    harness.wait_until(job_id, is_held, f"attempt {attempt}", PATIENCE_SECONDS)
    return harness.child_pid(harness.workers[-1])


def run_with_kills(harness: Harness, job_id: str, *kills: Kill) -> None:
    """One kill for each attempt but the last."""
    if not harness.workers:
        start_held_worker(harness)
    for attempt, kill in enumerate(kills, start=1):
        kill(harness, job_id, attempt)
    (job,) = harness.wait_over(job_id, seconds=PATIENCE_SECONDS)
    cancel_others(harness)
    assert (job.status, job.attempts, job.error) == (JobStatus.SUCCEEDED, len(kills) + 1, None), harness.log


def cancel_others(harness: Harness) -> None:
    """What the rules queued behind a job, so that the next test of a kind starts from rest."""
    with transaction(harness.sessions) as session:
        for job_id in session.scalars(select(Job.id).where(Job.status.in_(LIVE))).all():
            jobs.request_cancel(session, job_id)
    with harness.readers() as session:
        running = session.scalars(select(Job.id).where(Job.status.in_(LIVE))).all()
    harness.wait_over(*running)


def run_calmly(harness: Harness, kind: str, **params: Any) -> str:
    job_id = queue(harness, kind, **params)
    job = run_inline(harness, job_id)
    assert (job.status, job.error) == (JobStatus.SUCCEEDED, None)
    cancel_others(harness)
    return job_id


def test_kill_9_of_a_policy_changes_nothing(make: Callable[..., Harness], tmp_path: Path) -> None:
    """The kind that keeps the most, its child and its worker killed, ends with one version that equals an undisturbed
    run's, bit for bit. The trainers of the others are killed in tests/killing, where an attempt begins in no time."""
    killed = make()
    run_calmly(killed, "train_reward", **REWARD)
    calm = twin(killed, tmp_path / "calm")
    try:
        train_policies(killed, calm)
        check_files(killed)
    finally:
        calm.close()


@pytest.mark.nightly
def test_kill_9_of_each_kind_changes_nothing(make: Callable[..., Harness], tmp_path: Path) -> None:
    killed = make()
    calm = twin(killed, tmp_path / "calm")
    try:
        reward = queue(killed, "train_reward", **REWARD)
        run_with_kills(killed, reward, kill_worker)
        made = version_of_job(killed, reward)
        expected = version_of_job(calm, run_calmly(calm, "train_reward", **REWARD))
        assert (made.content_hash, made.metrics) == (expected.content_hash, expected.metrics)
        assert (made.kind, made.status, made.parent_id) == (VersionKind.REWARD, VersionStatus.ACTIVE, 1)

        made, expected = train_policies(killed, calm)

        evaluation = queue(killed, "evaluate", version_id=made.id, **EVALUATION)
        run_with_kills(killed, evaluation, kill_child)
        run_calmly(calm, "evaluate", version_id=expected.id, **EVALUATION)
        found, wanted = versions_of(killed)[-1].metrics, versions_of(calm)[-1].metrics
        assert found["evaluation"] == wanted["evaluation"]
        assert found["samples"] == wanted["samples"]
        assert set(found["samples"][0]) == {"prompt_id", "prompt", "before", "after", "before_scored", "after_scored"}
        assert len(versions_of(killed)) == 3
        check_files(killed)
        check_files(calm)
    finally:
        calm.close()


def train_policies(killed: Harness, calm: Harness) -> tuple[Version, Version]:
    policy = queue(killed, "train_policy", **POLICY)
    run_with_kills(killed, policy, kill_child, kill_worker)
    made = version_of_job(killed, policy)
    expected = version_of_job(calm, run_calmly(calm, "train_policy", **POLICY))
    assert (made.content_hash, made.metrics) == (expected.content_hash, expected.metrics)
    assert made.content_hash != versions_of(killed)[0].content_hash
    assert (made.kind, made.status, made.parent_id) == (VersionKind.POLICY, VersionStatus.CANDIDATE, 1)
    return made, expected
