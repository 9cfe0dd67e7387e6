"""Each kind that trains a policy, run to its end by the generic handler: a version, its inputs, its evaluation."""

from typing import Any

import pytest
from sqlalchemy import select

from app.db.models.jobs import Job, JobStatus
from app.db.models.prompts import Prompt
from app.db.models.versions import VersionKind, VersionRanking
from app.services.jobs import job_answers, jobs
from tests.worker.harness import Harness
from tests.worker.world import check_files, queue, run_inline, version_of_job

SMALL: dict[str, dict[str, Any]] = {
    "train_dpo": {"max_epochs": 1, "sampled_answers": 2, "max_tokens": 4, "lora_rank": 2},
    "train_grpo": {"total_episodes": 8, "batch_size": 8, "max_tokens": 4, "validation_prompts": 2},
    "train_best_of_n": {"num_answers": 4, "num_prompts": 32, "num_epochs": 1, "context_tokens": 128, "max_tokens": 64},
}
ADAPTER = ["adapter_config.json", "adapter_model.safetensors"]
REWARD: dict[str, Any] = {"normalization_samples": 4}


def evaluations(harness: Harness) -> list[dict[str, Any]]:
    with harness.readers() as session:
        return [job.params for job in session.scalars(select(Job).where(Job.kind == "evaluate"))]


@pytest.mark.parametrize("kind", SMALL)
def test_it_ends_in_a_policy_that_is_evaluated(harness: Harness, kind: str) -> None:
    reward = version_of_job(harness, run_inline(harness, queue(harness, "train_reward", **REWARD)).id)
    job = run_inline(harness, queue(harness, kind, **SMALL[kind]))
    assert job.status is JobStatus.SUCCEEDED, job.error
    made = version_of_job(harness, job.id)
    check_files(harness)
    assert (made.kind, made.parent_id) == (VersionKind.POLICY, 1)
    assert made.hparams["learning_rate"] is not None, "as it was really used"
    assert made.metrics["flags"] == []
    adapter = harness.settings.version_directory(made.path) / "adapter"
    assert sorted(path.name for path in adapter.glob("*")) == (ADAPTER if "lora_rank" in SMALL[kind] else [])
    if kind == "train_dpo":
        assert made.reward_version_id is None
        with harness.readers() as session:
            read = session.scalars(select(VersionRanking).where(VersionRanking.version_id == made.id)).all()
        assert len(read) == 4
        assert made.ranking_source_id == made.id
    else:
        assert made.reward_version_id == reward.id
    assert [params["version_id"] for params in evaluations(harness)] == [made.id]
    with harness.readers() as session:
        named = {name for point in jobs.metrics_since(session, job.id) for name in point.values}
        looks = job_answers.answers_of(session, job.id)
        asked = {prompt.id: prompt.text for prompt in session.scalars(select(Prompt))}
    assert named
    assert len(looks) > 1
    assert (looks[-1].step, looks[-1].kl is not None) == (job.step, True)
    for look in looks:
        assert look.answers
        assert [answer["prompt"] for answer in look.answers] == [asked[answer["prompt_id"]] for answer in look.answers]
        assert all(answer["gain"] is not None for answer in look.answers)


def test_dpo_needs_no_reward_model_and_is_then_not_evaluated(harness: Harness) -> None:
    job = run_inline(harness, queue(harness, "train_dpo", **SMALL["train_dpo"]))
    assert job.status is JobStatus.SUCCEEDED, job.error
    assert evaluations(harness) == []
    with harness.readers() as session:
        looks = job_answers.answers_of(session, job.id)
    assert {answer["gain"] for look in looks for answer in look.answers} == {None}


@pytest.mark.parametrize(("kind", "told"), [
    ("train_grpo", [
        "Reading 400 prompts", "Learning rate", "1 of 3: the SFT model answers 2 prompts that are set aside",
        "2 of 3: the judge reads 4 answers", "3 of 3: 8 answers of the first batch",
    ]),
    ("train_dpo", ["Learning rate", "The SFT model reads 16 ranked answers"]),
    ("train_best_of_n", ["Reading 400 prompts", "Learning rate", "0 of 32 prompts sampled"]),
])  # fmt: skip
def test_what_is_done_before_the_first_step_is_said(
    harness: Harness, kind: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_inline(harness, queue(harness, "train_reward", **REWARD))
    said: list[str] = []
    monkeypatch.setattr("app.worker.run.JobRun.say", lambda _run, message: said.append(message))
    job = run_inline(harness, queue(harness, kind, **SMALL[kind]))
    assert job.status is JobStatus.SUCCEEDED, job.error
    assert [message[: len(beginning)] for message, beginning in zip(said, told, strict=True)] == told, said


@pytest.mark.parametrize(("kind", "told"), [
    ("train_dpo", "more num_frozen_layers"),
    ("train_grpo", "less max_tokens"),
    ("train_best_of_n", "more num_frozen_layers"),
])  # fmt: skip
def test_too_little_memory_is_told_before_anything_is_loaded(
    harness: Harness, kind: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_inline(harness, queue(harness, "train_reward", **REWARD))
    monkeypatch.setattr("app.worker.handlers.memory.available_bytes", lambda: 1)
    job = run_inline(harness, queue(harness, kind, **SMALL[kind]))
    assert job.status is JobStatus.FAILED
    assert told in (job.error or "")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("train_policy", "num_frozen_layers"),
        ("train_grpo", "num_frozen_layers"),
        ("train_dpo", "num_frozen_layers"),
        ("train_policy", "imitated_batches"),
    ],
)
def test_what_the_models_size_forbids_is_told_before_anything_is_loaded(harness: Harness, kind: str, name: str) -> None:
    """Another model may answer when it begins than when it was queued."""
    run_inline(harness, queue(harness, "train_reward", **REWARD))
    job = run_inline(harness, queue(harness, kind, **{name: 99}))
    assert job.status is JobStatus.FAILED
    assert f"{name} must be at most" in (job.error or "")
