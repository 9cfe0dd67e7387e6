"""What follows a job: which reward model scores, when PPO begins, which policy is activated."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.jobs import Job
from app.db.models.versions import VersionKind, VersionStatus
from app.errors import AppError
from app.preferences import NOTHING_LEARNED
from app.services.lifecycle import activation, following
from app.services.versions import versions
from app.settings.config import Settings
from tests.live import quick_settings
from tests.services.conftest import AddVersion

JUDGED = {"win_rate": 0.9, "kl": 5.0, "judge/is_other": 1.0}
"""An evaluation that lets a candidate pass."""


@pytest.fixture
def quick(data_dir: Path, model_files: Path) -> Settings:
    return quick_settings(data_dir, model_files)


def kinds(session: Session) -> list[str]:
    return sorted(session.scalars(select(Job.kind)))


def test_good_reward_model_scores_and_queues_ppo(session: Session, add: AddVersion, quick: Settings) -> None:
    reward = add(VersionKind.REWARD, {"held_out_accuracy": quick.auto_policy_accuracy})
    job = following.after_train_reward(session, reward, quick)
    assert reward.status is VersionStatus.ACTIVE
    assert job is not None
    assert (job.kind, job.params) == ("train_policy", {})


def test_a_reward_model_that_learned_nothing_replaces_none_and_trains_no_policy(
    session: Session, add: AddVersion, quick: Settings
) -> None:
    good, nothing = (add(VersionKind.REWARD, metrics) for metrics in ({}, {"verdict": NOTHING_LEARNED}))
    for reward in (good, nothing):
        assert following.after_train_reward(session, reward, quick) is None
    assert versions.active_reward(session) is good
    assert session.scalars(select(Job)).all() == []


@pytest.mark.parametrize("accuracy", [0.69, 0.5, None])
def test_middling_reward_model_scores_only(
    session: Session, add: AddVersion, quick: Settings, accuracy: float | None
) -> None:
    reward = add(VersionKind.REWARD, {"held_out_accuracy": accuracy})
    assert following.after_train_reward(session, reward, quick) is None
    assert reward.status is VersionStatus.ACTIVE
    assert kinds(session) == []


def test_reward_model_worse_than_chance_replaces_none(session: Session, add: AddVersion, quick: Settings) -> None:
    good, bad = (add(VersionKind.REWARD, {"held_out_accuracy": accuracy}) for accuracy in (0.6, 0.4))
    following.after_train_reward(session, good, quick)
    following.after_train_reward(session, bad, quick)
    assert (good.status, bad.status) == (VersionStatus.ACTIVE, VersionStatus.CANDIDATE)


def test_policy_is_evaluated(session: Session, add: AddVersion, quick: Settings) -> None:
    reward = add(VersionKind.REWARD)
    job = following.after_train_policy(session, add(VersionKind.POLICY, reward_version_id=reward.id), quick)
    assert job is not None
    assert (job.kind, job.params) == ("evaluate", {"version_id": 3, "reward_version_id": reward.id})


def test_a_policy_made_without_a_reward_model_is_not_evaluated_while_there_is_none(
    session: Session, add: AddVersion, quick: Settings
) -> None:
    assert following.after_train_policy(session, add(VersionKind.POLICY), quick) is None
    assert kinds(session) == []
    activation.activate(session, add(VersionKind.REWARD).id, data_dir=quick.data_dir)
    assert following.after_train_policy(session, add(VersionKind.POLICY), quick) is not None
    assert kinds(session) == ["evaluate"]


@pytest.mark.parametrize(
    ("rule", "evaluation", "activated"),
    [
        (True, JUDGED | {"win_rate": 0.6}, True),
        (True, JUDGED | {"win_rate": 0.59}, False),
        (True, JUDGED | {"kl": 31.0}, False),
        (True, {}, False),
        (True, {"judge/is_other": 1.0, "win_rate": 0.9}, False),
        (True, {"judge/is_other": 1.0, "kl": 5.0}, False),
        (True, JUDGED | {"kl": None}, False),
        (True, JUDGED | {"win_rate": None}, False),
        (True, JUDGED | {"judge/is_other": 0.0}, False),
        (True, {"win_rate": 0.9, "kl": 5.0}, False),
        (False, JUDGED, False),
    ],
)
def test_candidate_is_activated_by_rule(
    session: Session, add: AddVersion, quick: Settings, rule: bool, evaluation: dict[str, Any], activated: bool
) -> None:
    policy = add(VersionKind.POLICY)
    versions.record_evaluation(session, policy.id, evaluation=evaluation, samples=[])
    settings = quick.model_copy(update={"auto_activate": rule})
    assert following.after_evaluate(session, policy, settings) is activated
    assert (policy.status is VersionStatus.ACTIVE) is activated


def test_rule_never_activates_what_has_left_its_bounds_but_a_person_may(
    session: Session, add: AddVersion, quick: Settings, data_dir: Path
) -> None:
    flag = {"name": "echo", "sentence": "62% of its answers only repeat words of the question."}
    policy = add(VersionKind.POLICY, {"flags": [flag]})
    versions.record_evaluation(session, policy.id, evaluation=JUDGED, samples=[])
    assert not following.after_evaluate(session, policy, quick.model_copy(update={"auto_activate": True}))
    assert policy.status is VersionStatus.CANDIDATE
    assert activation.activate(session, policy.id, data_dir=data_dir).status is VersionStatus.ACTIVE


def test_rule_never_activates_what_ended_over_optimized(session: Session, add: AddVersion, quick: Settings) -> None:
    for cheated in (True, False):
        policy = add(VersionKind.POLICY, {"verdict": {"over_optimized": cheated}})
        versions.record_evaluation(session, policy.id, evaluation=JUDGED, samples=[])
        settings = quick.model_copy(update={"auto_activate": True})
        assert following.after_evaluate(session, policy, settings) is not cheated


@pytest.mark.parametrize("temperature", ["the same", "another"])
def test_what_was_rolled_back_is_not_activated_again_by_an_evaluation(
    session: Session, add: AddVersion, quick: Settings, temperature: str
) -> None:
    """One at another temperature leaves the first one's figures where they are, and the rule reads those."""
    settings = quick.model_copy(update={"auto_activate": True})
    earlier, policy = add(VersionKind.POLICY), add(VersionKind.POLICY)
    versions.record_evaluation(session, policy.id, evaluation=JUDGED, samples=[])
    assert following.after_evaluate(session, policy, settings)
    activation.activate(session, earlier.id, data_dir=quick.data_dir)
    if temperature == "the same":
        versions.record_evaluation(session, policy.id, evaluation=JUDGED | {"win_rate": 0.95}, samples=[])
    assert not following.after_evaluate(session, policy, settings)
    assert (earlier.status, policy.status) == (VersionStatus.ACTIVE, VersionStatus.RETIRED)


def test_a_newer_good_reward_model_takes_over(session: Session, add: AddVersion, quick: Settings) -> None:
    former, newer = (add(VersionKind.REWARD, {"held_out_accuracy": accuracy}) for accuracy in (0.65, 0.6))
    following.after_train_reward(session, former, quick)
    following.after_train_reward(session, newer, quick)
    assert (former.status, newer.status) == (VersionStatus.RETIRED, VersionStatus.ACTIVE)


def test_rule_never_activates_a_damaged_version(
    session: Session, add: AddVersion, quick: Settings, data_dir: Path
) -> None:
    policy = add(VersionKind.POLICY)
    versions.record_evaluation(session, policy.id, evaluation=JUDGED, samples=[])
    (data_dir / policy.path / "model.safetensors").unlink()
    with pytest.raises(AppError):
        following.after_evaluate(session, policy, quick.model_copy(update={"auto_activate": True}))
