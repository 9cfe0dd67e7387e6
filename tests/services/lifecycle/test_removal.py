"""Which versions may be removed, what that frees, what stays of them, and what a crash in between leaves."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.groups import GroupStatus
from app.db.models.jobs import JobStatus
from app.db.models.versions import Version, VersionKind
from app.errors import ConflictError, GoneError, NotFoundError
from app.model_info.weights import copy_directory
from app.services.data import training_data
from app.services.jobs import jobs
from app.services.lifecycle import activation, installing, removal
from app.services.versions import versions
from app.settings.config import Settings
from tests.live import quick_settings
from tests.services.conftest import in_order, rank_group

Add = Callable[..., Version]
POLICY, REWARD = VersionKind.POLICY, VersionKind.REWARD


@pytest.fixture
def settings(data_dir: Path, model_files: Path) -> Settings:
    return quick_settings(data_dir, model_files)


@pytest.fixture
def add(session: Session, first: Version, model_files: Path, data_dir: Path) -> Add:
    def add_version(kind: VersionKind, parent: Version = first, **more: Any) -> Version:
        path = versions.next_version_path(session, kind)
        content_hash = copy_directory(model_files, data_dir / path)
        return versions.add_version(
            session, versions.NewVersion(kind=kind, parent_id=parent.id, path=path, content_hash=content_hash, **more)
        )

    return add_version


def reasons(session: Session, settings: Settings, keep: int = 0) -> dict[int, str]:
    return {version.id: said for version, said in removal.plan(session, settings, keep=keep).staying}


def going(session: Session, settings: Settings, keep: int = 0) -> list[int]:
    return [each.version.id for each in removal.plan(session, settings, keep=keep).going]


def size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


def test_what_answers_scores_and_was_active_before_stays(
    session: Session, first: Version, add: Add, settings: Settings
) -> None:
    old, mine, newer, reward, old_reward = add(POLICY), add(POLICY), add(POLICY), add(REWARD), add(REWARD)
    for version in (old, newer, mine, old_reward, reward):
        activation.activate(session, version.id, data_dir=settings.data_dir)
    why = reasons(session, settings)
    assert going(session, settings) == [old.id]
    assert "answers now" in why[mine.id]
    assert "No other reward model" in why[reward.id]
    assert "Training starts from" in why[first.id]
    assert all("rolling back" in why[each.id] for each in (newer, old_reward))


def test_the_newest_of_each_kind_stay_as_many_as_asked(session: Session, add: Add, settings: Settings) -> None:
    one, two, three, reward = add(POLICY), add(POLICY), add(POLICY), add(REWARD)
    assert going(session, settings, keep=1) == [two.id, one.id]
    assert going(session, settings, keep=2) == [one.id]
    assert going(session, settings, keep=0) == [reward.id, three.id, two.id, one.id]


def test_what_a_kept_version_was_made_from_stays(session: Session, add: Add, settings: Settings) -> None:
    grandparent, reward = add(POLICY), add(REWARD)
    parent = add(POLICY, grandparent)
    lone = add(POLICY)
    child = add(POLICY, parent, reward_version_id=reward.id)
    activation.activate(session, child.id, data_dir=settings.data_dir)
    why = reasons(session, settings)
    assert going(session, settings) == [lone.id]
    assert why[parent.id] == f"Version {child.id} was made from it."
    assert why[grandparent.id] == f"Version {parent.id} was made from it."
    assert why[reward.id] == f"Version {child.id} was trained against it."


def test_a_model_that_was_not_made_here_goes_by_itself_only(
    session: Session, first: Version, model_files: Path, settings: Settings
) -> None:
    staging = settings.data_dir / "versions/.importing"
    content_hash = copy_directory(model_files, staging)
    imported = installing.add_imported(
        session,
        staging,
        data_dir=settings.data_dir,
        content_hash=content_hash,
        metrics={"imported_from": "x"},
        activated=False,
    )
    assert (list(reasons(session, settings)), going(session, settings)) == ([imported.id, first.id], [])
    removal.remove(session, imported.id, settings)
    with pytest.raises(GoneError, match="import it again"):
        versions.usable_version(session, imported.id)


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.FAILED])
def test_what_a_job_that_is_not_over_needs_stays(
    session: Session, add: Add, settings: Settings, status: JobStatus
) -> None:
    """By its parameters and by the inputs it chose; a failed one as long as it can go on from a checkpoint."""
    named, chosen, other, reward = add(POLICY), add(POLICY), add(POLICY), add(REWARD)
    activation.activate(session, reward.id, data_dir=settings.data_dir)
    job = jobs.queue_job(session, kind="evaluate", params={"version_id": named.id})
    job.status = status
    directory = settings.job_directory(job.id)
    directory.mkdir(parents=True)
    (directory / "inputs.json").write_text(json.dumps({"initial_version_id": chosen.id, "prompt_ids": [other.id]}))
    (directory / "checkpoint.pt").write_bytes(b"some")
    why = reasons(session, settings)
    assert going(session, settings) == [other.id]
    assert "Evaluation" in why[named.id]
    assert "Evaluation" in why[chosen.id]
    with pytest.raises(ConflictError, match="A job that has not ended"):
        removal.remove(session, named.id, settings)
    job.status = JobStatus.CANCELLED
    assert going(session, settings) == [other.id, chosen.id, named.id]
    if status is JobStatus.FAILED:
        job.status = status
        (directory / "checkpoint.pt").unlink()
        assert going(session, settings) == [other.id, chosen.id, named.id]


def test_a_version_whose_answers_wait_to_be_ranked_stays(session: Session, add: Add, settings: Settings) -> None:
    policy = add(POLICY)
    group = rank_group(session, policy)
    for status, stays in [
        (GroupStatus.READY, True),
        (GroupStatus.LEASED, True),
        (GroupStatus.SAMPLING, True),
        (GroupStatus.RANKED, False),
        (GroupStatus.EXPIRED, False),
    ]:
        group.status = status
        session.flush()
        assert (policy.id in reasons(session, settings)) is stays, status
    group.status = GroupStatus.SAMPLING
    group.created_at = utc_now() - timedelta(seconds=settings.lease_seconds + 1)  # given up
    session.flush()
    assert going(session, settings) == [policy.id]


def test_files_go_once_it_is_committed_and_the_row_stays(
    session: Session, first: Version, add: Add, settings: Settings
) -> None:
    policy = add(POLICY)
    directory = settings.version_directory(policy.path)
    removed = removal.remove(session, policy.id, settings)
    assert (removed.freed_bytes, directory.is_dir()) == (size_of(directory), True)  # not yet: the row is not committed
    assert removal.clear(session, settings) == []
    assert not directory.exists()
    assert versions.get_version(session, policy.id).removed_at is not None
    assert [each.id for each in versions.lineage(session, policy.id)] == [policy.id, first.id]
    again = removal.remove(session, policy.id, settings)
    assert (again.going, again.freed_bytes, removal.clear(session, settings)) == ([], 0, [])
    assert settings.version_directory(first.path).is_dir()


def test_a_rolled_back_removal_deletes_nothing(session: Session, add: Add, settings: Settings) -> None:
    policy = add(POLICY)
    session.commit()
    removal.prune(session, settings, keep=0)
    session.rollback()
    assert removal.clear(session, settings) == []
    assert settings.version_directory(policy.path).is_dir()


def test_what_a_crash_left_behind_goes_with_the_next_removal(session: Session, add: Add, settings: Settings) -> None:
    half, gone, other = add(POLICY), add(POLICY), add(POLICY)
    for version in (half, gone):
        removal.remove(session, version.id, settings)
    (settings.version_directory(half.path) / "config.json").unlink()  # the first removal ended here
    shutil.rmtree(settings.version_directory(gone.path))  # deleted by another process
    assert removal.clear(session, settings) == []
    assert not settings.version_directory(half.path).exists()
    assert settings.version_directory(other.path).is_dir()


def test_a_folder_that_a_row_in_force_names_is_never_deleted(session: Session, add: Add, settings: Settings) -> None:
    """Rows of a database from a backup may name the same folder twice."""
    old, new = add(POLICY), add(POLICY)
    removal.remove(session, old.id, settings)
    old.path = new.path
    session.flush()
    assert removal.clear(session, settings) == []
    assert settings.version_directory(new.path).is_dir()


def test_files_that_cannot_be_deleted_are_named(
    session: Session, add: Add, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = add(POLICY)
    removal.remove(session, policy.id, settings)

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refused)
        [said] = removal.clear(session, settings)
    assert policy.path in said
    assert "Permission denied" in said
    assert removal.clear(session, settings) == []  # mended meanwhile


def test_read_only_folders_are_deleted(
    session: Session, add: Add, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the tests as root may write anywhere: what the program asks the system is answered here."""
    policy = add(POLICY)
    directory = settings.version_directory(policy.path)
    directory.chmod(0o555)
    (directory / "config.json").chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, _mode: bool(Path(path).stat().st_mode & 0o200))
    modes: list[int] = []
    rmtree = shutil.rmtree

    def delete(path: Path) -> None:
        modes.append(path.stat().st_mode & 0o777)
        rmtree(path)

    monkeypatch.setattr(shutil, "rmtree", delete)
    removal.remove(session, policy.id, settings)
    assert removal.clear(session, settings) == []
    assert (modes, directory.exists()) == ([0o755], False)


def test_files_that_another_version_shares_free_nothing(session: Session, add: Add, settings: Settings) -> None:
    one, two, three = add(POLICY), add(POLICY), add(POLICY)
    directories = [settings.version_directory(version.path) for version in (one, two, three)]
    for other in directories[1:2]:
        (other / "model.safetensors").unlink()
        (other / "model.safetensors").hardlink_to(directories[0] / "model.safetensors")
    weights = (directories[0] / "model.safetensors").stat().st_size
    small = size_of(directories[0]) - weights
    plan = removal.plan(session, settings, keep=0)
    assert [each.freed_bytes for each in plan.going] == [small + weights, small, small]
    assert plan.freed_bytes == 3 * small + 2 * weights  # the shared one goes with both of its names


def test_pruning_removes_what_was_shown_and_still_may_go(
    session: Session, first: Version, add: Add, settings: Settings
) -> None:
    shown, wanted_since, unseen = add(POLICY), add(POLICY), add(POLICY)
    agreed = going(session, settings)[1:]
    activation.activate(session, wanted_since.id, data_dir=settings.data_dir)
    pruned = removal.prune(session, settings, keep=0, shown=agreed)
    assert [each.version.id for each in pruned.going] == [shown.id]
    assert [each.removed_at is None for each in (first, shown, wanted_since, unseen)] == [True, False, True, True]


def test_what_needs_the_files_of_a_removed_version_is_told_so(
    session: Session, first: Version, add: Add, settings: Settings
) -> None:
    policy, reward = add(POLICY), add(REWARD)
    activation.activate(session, reward.id, data_dir=settings.data_dir)
    removal.remove(session, policy.id, settings)
    with pytest.raises(GoneError, match=r"were removed on .* Choose another version, or train another one"):
        activation.activate(session, policy.id, data_dir=settings.data_dir)
    with pytest.raises(GoneError):
        jobs.queue_job(session, kind="evaluate", params={"version_id": policy.id})
    with pytest.raises(NotFoundError):
        removal.remove(session, 99, settings)
    with pytest.raises(ConflictError, match=r"cannot be removed. It answers now"):
        removal.remove(session, first.id, settings)


def test_a_parent_is_removed_after_its_children(session: Session, add: Add, settings: Settings) -> None:
    parent = add(POLICY)
    child = add(POLICY, parent)
    with pytest.raises(ConflictError, match=rf"Version {child.id} was made from it. Remove that one first"):
        removal.remove(session, parent.id, settings)
    removal.remove(session, child.id, settings)
    assert removal.why_it_stays(session, parent, settings) is None


def test_rankings_of_a_removed_versions_answers_still_train(
    session: Session, first: Version, add: Add, settings: Settings
) -> None:
    policy = add(POLICY)
    group = rank_group(session, policy, ranks=in_order)
    removal.remove(session, policy.id, settings)
    ids = training_data.ranking_ids_in_force(session)
    [ranked] = training_data.ranked_answers(session, ids)
    assert (ranked.version_ids, ranked.prompt_id) == ([policy.id] * 4, group.prompt_id)
    assert versions.sft_of(session, versions.get_version(session, policy.id)) is first


def test_a_removed_reward_model_does_not_come_back(
    session: Session, first: Version, add: Add, settings: Settings, model_files: Path
) -> None:
    """With the SFT model that it was trained for."""
    reward = add(REWARD)
    activation.activate(session, reward.id, data_dir=settings.data_dir)
    staging = settings.data_dir / "versions/.importing"
    content_hash = copy_directory(model_files, staging)
    imported = installing.add_imported(
        session, staging, data_dir=settings.data_dir, content_hash=content_hash, metrics={}, activated=True
    )
    assert "rolling back" in reasons(session, settings)[reward.id]
    activation.activate(session, add(REWARD, imported).id, data_dir=settings.data_dir)
    reward.removed_at = utc_now()
    activation.activate(session, first.id, data_dir=settings.data_dir)
    assert versions.active_reward(session) is None
