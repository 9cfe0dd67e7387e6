import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.groups import Group, GroupStatus
from app.db.models.jobs import Job
from app.db.models.labelers import Labeler
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import AppError, ConflictError, NotFoundError, UnavailableError
from app.model_info.weights import CheckpointError, content_hash, copy_directory
from app.preferences import NOTHING_LEARNED
from app.services.jobs import retraining
from app.services.labeling import rankings
from app.services.versions import versions
from app.settings.config import Settings
from tests.live import quick_settings
from tests.services.conftest import MakeGroup, in_order

AddVersion = Callable[..., Version]


@pytest.fixture
def add(session: Session, first: Version, model_files: Path, data_dir: Path) -> AddVersion:
    def add_version(kind: VersionKind, metrics: dict[str, object] | None = None, **more: Any) -> Version:
        path = versions.next_version_path(session, kind)
        found = copy_directory(model_files, data_dir / path)
        return versions.add_version(
            session, kind=kind, parent_id=first.id, path=path, content_hash=found, metrics=metrics, **more
        )

    return add_version


def test_install_copies_once(session: Session, first: Version, model_files: Path, data_dir: Path) -> None:
    assert (first.id, first.status, first.path) == (1, VersionStatus.ACTIVE, "versions/1-sft")
    assert first.content_hash == content_hash(data_dir / first.path) == content_hash(model_files)
    assert versions.install_sft(session, model_dir=Path("/nowhere"), data_dir=data_dir) is first


def test_install_without_weights_says_what_to_do(session: Session, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="FOURFOLD_MODEL_DIR"):
        versions.install_sft(session, model_dir=tmp_path / "none", data_dir=tmp_path)


def test_activation_retires_the_former_and_can_be_undone(
    session: Session, first: Version, add: AddVersion, data_dir: Path
) -> None:
    policy, reward = add(VersionKind.POLICY), add(VersionKind.REWARD)
    versions.activate(session, reward.id, data_dir=data_dir)
    versions.activate(session, policy.id, data_dir=data_dir)
    assert (first.status, policy.status, reward.status) == ("retired", "active", "active")
    assert versions.active_answerer(session) is policy
    versions.activate(session, first.id, data_dir=data_dir)
    assert (first.status, policy.status, reward.status) == ("active", "retired", "active")
    assert versions.active_reward(session) is reward


def test_the_last_activation_is_told_by_its_number(
    session: Session, first: Version, add: AddVersion, data_dir: Path
) -> None:
    """Not by its time: the clock may have been set back since an earlier one."""
    one, two = add(VersionKind.REWARD), add(VersionKind.REWARD)
    for version in (one, two, one):
        versions.activate(session, version.id, data_dir=data_dir)
    assert first.activation_number == 1
    assert (two.activation_number, one.activation_number) == (3, 4)


def test_what_cannot_answer_is_not_activated(session: Session, first: Version, add: AddVersion, data_dir: Path) -> None:
    with pytest.raises(ConflictError, match="cannot answer"):
        versions.activate(session, add(VersionKind.BASE).id, data_dir=data_dir)
    with pytest.raises(NotFoundError, match="no version 77"):
        versions.activate(session, 77, data_dir=data_dir)
    missing, corrupt = add(VersionKind.POLICY), add(VersionKind.POLICY)
    shutil.rmtree(data_dir / missing.path)
    (data_dir / corrupt.path / "model.safetensors").write_bytes(b"short")
    for broken in (missing, corrupt):
        with pytest.raises(CheckpointError, match="Copy the model directory again"):
            versions.activate(session, broken.id, data_dir=data_dir)
    assert versions.active_answerer(session) is first


def test_a_job_makes_one_version(session: Session, first: Version) -> None:
    session.add(Job(id="j", kind="train_policy", params={}, dedup_key="k"))
    session.flush()

    def add() -> Version:
        return versions.add_version(
            session, kind=VersionKind.POLICY, parent_id=first.id, path="p", content_hash="h", job_id="j"
        )

    assert add() is add()


def test_lineage_and_rankings(session: Session, first: Version, add: AddVersion) -> None:
    reward = add(VersionKind.REWARD)
    policy = add(VersionKind.POLICY, reward_version_id=reward.id)
    assert [version.id for version in versions.lineage(session, policy.id)] == [policy.id, first.id]
    assert versions.ranking_ids(session, policy) == []


def test_rankings_of_a_reward_version_are_its_policies_too(
    session: Session, make_group: MakeGroup, ada: Labeler, sft: Version
) -> None:
    group = make_group(leased_to=ada)
    ranking = rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=in_order(group), retrain_after=99)
    reward = versions.add_version(
        session, kind=VersionKind.REWARD, parent_id=sft.id, path="r", content_hash="h", ranking_ids=[ranking.id]
    )
    policy = versions.add_version(
        session, kind=VersionKind.POLICY, parent_id=sft.id, path="p", content_hash="h", reward_version_id=reward.id
    )
    assert versions.ranking_ids(session, reward) == versions.ranking_ids(session, policy) == [ranking.id]


def test_activation_expires_ready_groups(session: Session, add: AddVersion, data_dir: Path, first: Version) -> None:
    from app.chat import Message, SampledAnswer
    from app.db.models.prompts import PromptSource
    from app.hparams import SamplingParams
    from app.services.labeling import groups
    from app.services.prompts import prompts

    prompt = prompts.add_prompt(session, messages=[Message(role="user", content="Hi")], source=PromptSource.OWN)
    answers = [SampledAnswer(str(n), [n], "stop") for n in range(4)]
    group = groups.add_group(
        session, prompt=prompt, version_id=first.id, answers=answers, params=SamplingParams(), seed=0, shuffle_seed=0
    )
    versions.activate(session, add(VersionKind.REWARD).id, data_dir=data_dir)
    assert group.status is GroupStatus.READY  # a reward model changes nothing on the label page
    versions.activate(session, add(VersionKind.POLICY).id, data_dir=data_dir)
    assert session.scalar(select(Group.status)) is GroupStatus.EXPIRED


# ---- rules: what follows what ----


@pytest.fixture
def quick(data_dir: Path, model_files: Path) -> Settings:
    return quick_settings(data_dir, model_files)


def kinds(session: Session) -> list[str]:
    return sorted(session.scalars(select(Job.kind)))


def test_good_reward_model_scores_and_queues_ppo(session: Session, add: AddVersion, quick: Settings) -> None:
    reward = add(VersionKind.REWARD, {"held_out_accuracy": quick.auto_policy_accuracy})
    job = retraining.after_train_reward(session, reward, quick)
    assert reward.status is VersionStatus.ACTIVE
    assert job is not None
    assert (job.kind, job.params) == ("train_policy", {})


def test_a_reward_model_that_learned_nothing_replaces_none_and_trains_no_policy(
    session: Session, add: AddVersion, quick: Settings
) -> None:
    good, nothing = (add(VersionKind.REWARD, metrics) for metrics in ({}, {"verdict": NOTHING_LEARNED}))
    for reward in (good, nothing):
        assert retraining.after_train_reward(session, reward, quick) is None
    assert versions.active_reward(session) is good
    assert session.scalars(select(Job)).all() == []


@pytest.mark.parametrize("accuracy", [0.69, 0.5, None])
def test_middling_reward_model_scores_only(
    session: Session, add: AddVersion, quick: Settings, accuracy: float | None
) -> None:
    reward = add(VersionKind.REWARD, {"held_out_accuracy": accuracy})
    assert retraining.after_train_reward(session, reward, quick) is None
    assert reward.status is VersionStatus.ACTIVE
    assert kinds(session) == []


def test_reward_model_worse_than_chance_replaces_none(session: Session, add: AddVersion, quick: Settings) -> None:
    good, bad = (add(VersionKind.REWARD, {"held_out_accuracy": accuracy}) for accuracy in (0.6, 0.4))
    retraining.after_train_reward(session, good, quick)
    retraining.after_train_reward(session, bad, quick)
    assert (good.status, bad.status) == (VersionStatus.ACTIVE, VersionStatus.CANDIDATE)


def test_policy_is_evaluated(session: Session, add: AddVersion) -> None:
    reward = add(VersionKind.REWARD)
    job = retraining.after_train_policy(session, add(VersionKind.POLICY, reward_version_id=reward.id))
    assert (job.kind, job.params) == ("evaluate", {"version_id": 3, "reward_version_id": reward.id})


@pytest.mark.parametrize(
    ("rule", "evaluation", "activated"),
    [
        (True, {"win_rate": 0.6, "kl": 5.0}, True),
        (True, {"win_rate": 0.59, "kl": 5.0}, False),
        (True, {"win_rate": 0.9, "kl": 31.0}, False),
        (True, {}, False),
        (True, {"win_rate": 0.9}, False),
        (True, {"kl": 5.0}, False),
        (True, {"win_rate": 0.9, "kl": None}, False),
        (True, {"win_rate": None, "kl": 5.0}, False),
        (False, {"win_rate": 0.9, "kl": 5.0}, False),
    ],
)
def test_candidate_is_activated_by_rule(
    session: Session, add: AddVersion, quick: Settings, rule: bool, evaluation: dict[str, Any], activated: bool
) -> None:
    policy = add(VersionKind.POLICY)
    versions.record_evaluation(session, policy.id, evaluation=evaluation, samples=[])
    settings = quick.model_copy(update={"auto_activate": rule})
    assert retraining.after_evaluate(session, policy, settings) is activated
    assert (policy.status is VersionStatus.ACTIVE) is activated


def test_rule_never_activates_what_has_left_its_bounds_but_a_person_may(
    session: Session, add: AddVersion, quick: Settings, data_dir: Path
) -> None:
    flag = {"name": "echo", "sentence": "62% of its answers only say words of the question back."}
    policy = add(VersionKind.POLICY, {"flags": [flag]})
    versions.record_evaluation(session, policy.id, evaluation={"win_rate": 0.994, "kl": 1.0}, samples=[])
    assert not retraining.after_evaluate(session, policy, quick.model_copy(update={"auto_activate": True}))
    assert policy.status is VersionStatus.CANDIDATE
    assert versions.activate(session, policy.id, data_dir=data_dir).status is VersionStatus.ACTIVE


def test_a_newer_good_reward_model_takes_over(session: Session, add: AddVersion, quick: Settings) -> None:
    former, newer = (add(VersionKind.REWARD, {"held_out_accuracy": accuracy}) for accuracy in (0.65, 0.6))
    retraining.after_train_reward(session, former, quick)
    retraining.after_train_reward(session, newer, quick)
    assert (former.status, newer.status) == (VersionStatus.RETIRED, VersionStatus.ACTIVE)


def test_rule_never_activates_a_damaged_version(
    session: Session, add: AddVersion, quick: Settings, data_dir: Path
) -> None:
    policy = add(VersionKind.POLICY)
    versions.record_evaluation(session, policy.id, evaluation={"win_rate": 1.0, "kl": 1.0}, samples=[])
    (data_dir / policy.path / "model.safetensors").unlink()
    with pytest.raises(AppError):
        retraining.after_evaluate(session, policy, quick.model_copy(update={"auto_activate": True}))
