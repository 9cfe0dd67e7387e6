"""What a form says before a job starts is what the job will do."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.jobs import Job, JobStatus
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.kinds.registry import KINDS
from app.layout import SFT_MODEL
from app.lm.files.families import read_config
from app.model_info.memory_need import ppo_memory
from app.model_info.size import fit_ppo
from app.policy_hparams import FittedPPOHparams, PPOHparams
from app.services.jobs.start_plan import SHIPPED_ANSWER, TOO_LITTLE, USUAL_PROMPT, Cost, cost_of, start_plan
from app.services.versions.versions import NewVersion, add_version
from tests.services.conftest import rank_group

PPO = KINDS["train_policy"]


def ppo_cost(session: Session, directory: Path = SFT_MODEL) -> Cost:
    cost = cost_of(session, PPO, directory, rankings=0)
    assert cost is not None
    return cost


def test_the_plan_is_the_jobs_own(session: Session) -> None:
    config = read_config(SFT_MODEL)
    hparams = fit_ppo(PPOHparams(), config)
    cost = ppo_cost(session)
    assert cost.hparams == hparams
    assert cost.memory == ppo_memory(config, hparams, longest_prompt=USUAL_PROMPT).total
    assert cost.fits


def test_it_says_where_memory_is_short(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.jobs.start_plan.available_bytes", lambda: None)
    plan = start_plan(session, PPO, SFT_MODEL, rankings=0)
    assert plan is not None
    assert (
        "Learning rate 4e−4, by the model's size (6 million parameters in 8 layers, its table of tokens not counted"
        in plan.text
    )
    assert plan.warning == ""
    monkeypatch.setattr("app.services.jobs.start_plan.available_bytes", lambda: 1)
    short = start_plan(session, PPO, SFT_MODEL, rankings=0)
    assert short is not None
    assert short.warning == TOO_LITTLE


@pytest.mark.parametrize(
    ("accuracy", "error", "doubted"), [(0.52, 0.07, True), (0.62, 0.07, True), (0.64, 0.07, False), (0.5, None, True)]
)
def test_a_reward_model_that_may_be_guessing_is_told_before_anything_follows_it(
    session: Session, sft: Version, accuracy: float, error: float | None, doubted: bool
) -> None:
    def warning(kind: str, **params: object) -> str:
        plan = start_plan(session, KINDS[kind], SFT_MODEL, rankings=9, params=params)
        assert plan is not None
        return plan.warning

    def reward(metrics: dict[str, object]) -> Version:
        made = NewVersion(
            kind=VersionKind.REWARD, parent_id=sft.id, path="versions/2-reward", content_hash="1" * 64, metrics=metrics
        )
        return add_version(session, made)

    assert warning("train_policy") == ""
    reward({"held_out_accuracy": 0.9, "held_out_accuracy_error": 0.01}).status = VersionStatus.ACTIVE
    other = reward({"held_out_accuracy": accuracy, "held_out_accuracy_error": error})
    assert warning("train_policy") == ""
    said = warning("train_policy", reward_version_id=other.id)
    assert (f"right on {accuracy:.0%} of held-out pairs" in said) is doubted
    assert warning("train_reward") == ""


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.effort is not None])
def test_time_and_memory_are_said_of_every_kind(session: Session, kind: str) -> None:
    few, many = (cost_of(session, KINDS[kind], SFT_MODEL, rankings=number) for number in (20, 200))
    assert few is not None
    assert many is not None
    assert few.seconds > 1
    assert (many.seconds > few.seconds) == KINDS[kind].reads_rankings
    assert few.memory > 1 << 29


def test_the_time_is_that_of_the_last_one_here_by_its_work(session: Session) -> None:
    began = utc_now()
    for number, (status, seconds, episodes) in enumerate(
        [(JobStatus.SUCCEEDED, 900, 99), (JobStatus.SUCCEEDED, 112, 768), (JobStatus.FAILED, 3, 1_536)]
    ):
        job = Job(id=str(number), kind="train_policy", dedup_key=str(number), params={"total_episodes": episodes})
        job.status, job.started_at, job.finished_at = status, began, began + timedelta(seconds=seconds)
        session.add(job)
        session.flush()
    cost = ppo_cost(session)
    assert PPO.effort is not None
    before = PPO.effort.seconds_before
    work, half = (PPO.effort.work(FittedPPOHparams(total_episodes=number), 0) for number in (1_536, 768))
    assert cost.measured_here
    assert cost.seconds == pytest.approx(before + (112 - before) * work / half), "twice the episodes"
    assert 1.7 < work / half < 2
    plan = start_plan(session, PPO, SFT_MODEL, rankings=0)
    assert plan is not None
    assert "by the last one here" in plan.text


def ended(session: Session, *, seconds: float, **columns: object) -> None:
    """A PPO training of the shipped model that came to its end."""
    number = len(session.scalars(select(Job)).all())
    job = Job(id=str(number), kind="train_policy", dedup_key=str(number), params={}, status=JobStatus.SUCCEEDED)
    job.started_at = utc_now()
    job.finished_at = job.started_at + timedelta(seconds=seconds)
    for name, value in columns.items():
        setattr(job, name, value)
    session.add(job)
    session.flush()


def test_one_that_stopped_early_did_a_part_of_the_work(session: Session) -> None:
    ended(session, seconds=112, step=6, total_steps=24)
    assert PPO.effort is not None
    before = PPO.effort.seconds_before
    assert ppo_cost(session).seconds == pytest.approx(before + (112 - before) * 4)


def test_one_that_was_killed_or_was_of_another_model_tells_no_pace(session: Session, sft: Version) -> None:
    ended(session, seconds=112, step=24, total_steps=24)
    expected = ppo_cost(session).seconds
    new = NewVersion(VersionKind.SFT, parent_id=None, path="versions/8-sft", content_hash="8" * 64)
    other = add_version(session, new)
    made = NewVersion(VersionKind.POLICY, parent_id=other.id, path="versions/9-policy", content_hash="9" * 64)
    ended(session, seconds=9_000, result={"version_id": add_version(session, made).id})
    ended(session, seconds=80_000, attempts=2)
    assert ppo_cost(session).seconds == expected
    own = NewVersion(VersionKind.POLICY, parent_id=sft.id, path="versions/10-policy", content_hash="a" * 64)
    ended(session, seconds=300, result={"version_id": add_version(session, own).id})
    assert ppo_cost(session).seconds == pytest.approx(300)


def sized(**sizes: float) -> str:
    """The shipped model's config.json with other sizes."""
    return json.dumps(json.loads((SFT_MODEL / "config.json").read_text()) | sizes)


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "[]",
        '{"hidden_size": "wide"}',
        json.dumps({"hidden_size": [1]}),
        sized(hidden_size=float("inf")),
        sized(hidden_size=10**400),
        sized(num_hidden_layers=1e308),
        sized(num_attention_heads=0, head_dim=0),
        sized(num_attention_heads=0, num_hidden_layers=0, hidden_size=0, head_dim=0),
        sized(num_hidden_layers=0),
        sized(num_hidden_layers=-1),
        sized(hidden_size=-256),
    ],
)
def test_a_config_that_cannot_be_read_has_no_plan(session: Session, tmp_path: Path, written: str | None) -> None:
    if written is not None:
        (tmp_path / "config.json").write_text(written)
    assert start_plan(session, PPO, tmp_path, rankings=0) is None


def test_the_plan_is_that_of_the_settings_that_are_asked_for(session: Session) -> None:
    usual, longer = (
        cost_of(session, PPO, SFT_MODEL, rankings=0, params=params) for params in ({}, {"total_episodes": 3_072})
    )
    assert usual is not None
    assert longer is not None
    assert longer.seconds > 1.5 * usual.seconds


def test_the_longer_the_models_answers_are_the_longer_it_takes(session: Session, sft: Version) -> None:
    usual = ppo_cost(session).seconds
    for answer, length in zip(rank_group(session, sft).completions, (90, 60, 30, 500), strict=True):
        answer.token_ids = [7] * length
    session.flush()
    assert PPO.effort is not None
    before, mean = PPO.effort.seconds_before, (90 + 60 + 30 + 96) / 4  # PPO writes no more than 96
    assert ppo_cost(session).seconds == pytest.approx(before + (usual - before) * mean / SHIPPED_ANSWER)


def test_batches_are_whole_so_the_last_one_counts_as_whole() -> None:
    def work(episodes: int, batch: int) -> float:
        assert PPO.effort is not None
        hparams = FittedPPOHparams(total_episodes=episodes, batch_size=batch, validation_prompts=0)
        return PPO.effort.work(hparams, 0)

    assert work(10, 64) == work(64, 64) < work(65, 64) == work(128, 64)
    assert work(1_536, 4_096) == work(4_096, 64)


SAMPLING = ("train_policy", "train_grpo", "show_cheating")


def costs(session: Session, kind: str, *asked: Mapping[str, object]) -> list[Cost]:
    found = [cost_of(session, KINDS[kind], SFT_MODEL, rankings=9, params=params) for params in asked]
    assert None not in found
    return [cost for cost in found if cost is not None]


@pytest.mark.parametrize("kind", SAMPLING)
def test_what_the_sft_model_writes_and_what_is_looked_at_takes_its_time(session: Session, kind: str) -> None:
    usual, none, many = costs(session, kind, {}, {"baseline_samples": 0}, {"baseline_samples": 16})
    assert none.seconds < 0.92 * usual.seconds < usual.seconds < 0.8 * many.seconds
    unwatched, often = costs(session, kind, {"validation_prompts": 0}, {"validation_prompts": 480})
    assert unwatched.seconds < 0.85 * usual.seconds < usual.seconds < 0.4 * often.seconds
    seldom, more = costs(session, kind, {"validate_every_batches": 8}, {"validation_samples": 8})
    assert seldom.seconds < usual.seconds < more.seconds


@pytest.mark.parametrize("kind", SAMPLING)
def test_what_is_written_side_by_side_takes_its_memory(session: Session, kind: str) -> None:
    small = {"batch_size": 4, "baseline_samples": 0, "validation_prompts": 0}
    least, *others = costs(
        session,
        kind,
        small,
        small | {"baseline_samples": 32},
        small | {"validation_prompts": 16},
        small | {"max_tokens": 512},
    )
    assert all(cost.memory > least.memory for cost in others)
    assert others[0].memory == others[1].memory, "32 answers each"


def test_the_longest_answer_that_is_let_counts_by_the_last_one_here_too(session: Session, sft: Version) -> None:
    [usual, shorter] = costs(session, "train_policy", {}, {"max_tokens": 21})
    assert PPO.effort is not None
    before = PPO.effort.seconds_before
    assert shorter.seconds - before == pytest.approx((usual.seconds - before) / 2), "nobody knows how long they are"
    group = rank_group(session, sft)
    for answer, length, reason in zip(
        group.completions, (20, 90, 96, 96), ("stop", "stop", "length", "length"), strict=True
    ):
        answer.token_ids, answer.finish_reason = [7] * length, reason
    session.flush()
    ended(session, seconds=before + 100)
    assert ppo_cost(session).seconds == pytest.approx(before + 100)
    [shorter, longer] = costs(session, "train_policy", {"max_tokens": 64}, {"max_tokens": 192})
    mean = (20 + 90 + 96 + 96) / 4
    assert shorter.seconds == pytest.approx(before + 100 * (20 + 3 * 64) / 4 / mean)
    assert longer.seconds == pytest.approx(before + 100 * (20 + 90 + 2 * 192) / 4 / mean), "what was cut off goes on"
    [read] = costs(session, "train_dpo", {"max_tokens": 192})
    assert read.seconds == costs(session, "train_dpo", {})[0].seconds, "ranked answers are as long as they are"
