"""Versions that are activated, one after the other and back."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.groups import Group, GroupStatus
from app.db.models.versions import Version, VersionKind
from app.errors import ConflictError, NotFoundError
from app.model_info.weights import SCORER, CheckpointError, content_hash
from app.services.labeling.label_settings import Writers
from app.services.lifecycle import activation
from app.services.versions import versions
from tests.live import LEASE_SECONDS
from tests.services.conftest import AddVersion


def test_activation_retires_the_former_and_can_be_undone(
    session: Session, first: Version, add: AddVersion, data_dir: Path
) -> None:
    policy, reward = add(VersionKind.POLICY), add(VersionKind.REWARD)
    activation.activate(session, reward.id, data_dir=data_dir)
    activation.activate(session, policy.id, data_dir=data_dir)
    assert (first.status, policy.status, reward.status) == ("retired", "active", "active")
    assert versions.active_answerer(session) is policy
    activation.activate(session, first.id, data_dir=data_dir)
    assert (first.status, policy.status, reward.status) == ("active", "retired", "active")
    assert versions.active_reward(session) is reward


def test_the_last_activation_is_told_by_its_number(
    session: Session, first: Version, add: AddVersion, data_dir: Path
) -> None:
    """Not by its time: the clock may have been set back since an earlier one."""
    one, two = add(VersionKind.REWARD), add(VersionKind.REWARD)
    for version in (one, two, one):
        activation.activate(session, version.id, data_dir=data_dir)
    assert first.activation_number == 1
    assert (two.activation_number, one.activation_number) == (3, 4)


def test_what_cannot_answer_is_not_activated(session: Session, first: Version, add: AddVersion, data_dir: Path) -> None:
    with pytest.raises(ConflictError, match="cannot answer"):
        activation.activate(session, add(VersionKind.BASE).id, data_dir=data_dir)
    with pytest.raises(NotFoundError, match="no version 77"):
        activation.activate(session, 77, data_dir=data_dir)
    missing, corrupt = add(VersionKind.POLICY), add(VersionKind.POLICY)
    shutil.rmtree(data_dir / missing.path)
    (data_dir / corrupt.path / "model.safetensors").write_bytes(b"short")
    for broken in (missing, corrupt):
        with pytest.raises(CheckpointError, match="Copy the model directory again"):
            activation.activate(session, broken.id, data_dir=data_dir)
    assert versions.active_answerer(session) is first


def test_a_scorer_that_is_read_no_more_is_not_activated(session: Session, add: AddVersion, data_dir: Path) -> None:
    """It was: from then on nothing could be scored, and its page said to train a policy by it."""
    good, old = add(VersionKind.REWARD), add(VersionKind.REWARD)
    activation.activate(session, good.id, data_dir=data_dir)
    (data_dir / old.path / SCORER).write_text('{"format": 1}')
    old.content_hash = content_hash(data_dir / old.path)
    with pytest.raises(CheckpointError, match="Train a reward model again"):
        activation.activate(session, old.id, data_dir=data_dir)
    assert versions.active_reward(session) is good


def test_activation_expires_ready_groups(session: Session, add: AddVersion, data_dir: Path, first: Version) -> None:
    from app.chat import Message, SampledAnswer
    from app.db.models.prompts import PromptSource
    from app.hparams import SamplingParams
    from app.services.labeling import groups
    from app.services.prompts import prompts

    prompt = prompts.add_prompt(session, messages=[Message(role="user", content="Hi")], source=PromptSource.OWN)
    answers = [SampledAnswer(str(n), [n], "stop") for n in range(4)]
    group = groups.add_group(
        session,
        groups.NewGroup(prompt=prompt, writers=Writers.all_by(first.id), params=SamplingParams(), seed=0),
        answers,
        shuffle_seed=0,
        lease_seconds=LEASE_SECONDS,
    )
    activation.activate(session, add(VersionKind.REWARD).id, data_dir=data_dir)
    assert group.status is GroupStatus.READY  # a reward model changes nothing on the label page
    activation.activate(session, add(VersionKind.POLICY).id, data_dir=data_dir)
    assert session.scalar(select(Group.status)) is GroupStatus.EXPIRED
