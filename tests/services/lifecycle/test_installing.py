"""An imported SFT model beside the shipped one: who is the reference, and which reward model scores whose answers."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.prompts import Prompt
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import ConflictError, UnavailableError
from app.model_info.card import FETCHED_AS
from app.model_info.prompt_sets import CORPUS, EVERYDAY
from app.model_info.weights import content_hash, copy_directory
from app.services.lifecycle import activation, following, installing
from app.services.versions import version_states, versions
from app.services.versions.version_states import VersionState
from app.web.formatting import version_origin
from tests.live import quick_settings

Add = Callable[..., Version]


@pytest.fixture
def add_to(session: Session, model_files: Path, data_dir: Path) -> Add:
    def add_version(kind: VersionKind, parent: Version, **more: Any) -> Version:
        path = versions.next_version_path(session, kind)
        digest = copy_directory(model_files, data_dir / path)
        return versions.add_version(
            session, versions.NewVersion(kind=kind, parent_id=parent.id, path=path, content_hash=digest, **more)
        )

    return add_version


@pytest.fixture
def bring_in(session: Session, model_files: Path, data_dir: Path) -> Callable[..., Version]:
    def add_imported(activated: bool, **more: Any) -> Version:
        digest = copy_directory(model_files, data_dir / "versions" / ".importing")
        return installing.add_imported(
            session,
            data_dir / "versions" / ".importing",
            data_dir=data_dir,
            content_hash=digest,
            metrics={"imported_from": "SmolTest", **more},
            activated=activated,
        )

    return add_imported


def test_install_copies_once(session: Session, first: Version, model_files: Path, data_dir: Path) -> None:
    assert (first.id, first.status, first.path) == (1, VersionStatus.ACTIVE, "versions/1-sft")
    assert first.content_hash == content_hash(data_dir / first.path) == content_hash(model_files)
    assert installing.install_sft(session, model_dir=Path("/nowhere"), data_dir=data_dir) is first


def test_install_without_weights_says_what_to_do(session: Session, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="FOURFOLD_MODEL_DIR"):
        installing.install_sft(session, model_dir=tmp_path / "none", data_dir=tmp_path)


def test_each_root_says_where_it_came_from(first: Version, bring_in: Callable[..., Version], add_to: Add) -> None:
    """`first` was installed from a folder that FOURFOLD_MODEL_DIR named."""
    imported, policy = bring_in(False), add_to(VersionKind.POLICY, first)
    assert [each.origin for each in (first, imported, policy)] == ["imported", "imported", "trained"]
    assert [each.imported_from for each in (first, imported, policy)] == ["model", "SmolTest", None]
    assert [version_origin(each) for each in (first, imported)] == ["imported from model", "imported from SmolTest"]


def test_the_shipped_model_ships(
    session: Session, model_files: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "SFT_MODEL", model_files)
    shipped = installing.install_sft(session, model_dir=model_files, data_dir=data_dir)
    assert (shipped.origin, shipped.imported_from, version_origin(shipped)) == ("shipped", None, "ships with Fourfold")


@pytest.mark.usefixtures("first")
def test_a_published_model_brings_its_prompts(session: Session, bring_in: Callable[..., Version]) -> None:
    """However it came in; another model does not."""
    bring_in(False)
    everyday = select(func.count()).where(Prompt.prompt_set == EVERYDAY)
    assert (session.scalar(everyday), installing.prompt_sets(session)) == (0, {CORPUS})
    bring_in(False, published={"name": "smollm2"})
    assert (session.scalar(everyday), installing.prompt_sets(session)) == (300, {CORPUS, EVERYDAY})


@pytest.mark.parametrize(("named", "sets"), [("smollm2", (EVERYDAY,)), ("gpt-5", (CORPUS,)), ("[1]", (CORPUS,))])
def test_the_first_version_may_be_a_published_model(
    session: Session, model_files: Path, data_dir: Path, named: str, sets: tuple[str, ...]
) -> None:
    """As an image has it: fetched into a folder that FOURFOLD_MODEL_DIR names."""
    (model_files / "README.md").write_text(f"---\nlanguage: en\n{FETCHED_AS}: {named}\n---\n", encoding="utf-8")
    version = installing.install_sft(session, model_dir=model_files, data_dir=data_dir)
    assert (version.languages, version.prompt_sets) == (["en"], sets)


def test_the_first_version_may_lie_in_the_hubs_cache(session: Session, model_files: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--org--SmolTest" / "snapshots" / "12fd25f77366fa6b3b4b768ec3050bf629380bac"
    shutil.copytree(model_files, snapshot)
    first = installing.install_sft(session, model_dir=snapshot, data_dir=tmp_path / "other")
    assert first.imported_from == "SmolTest"


def test_it_is_a_root_of_its_own(first: Version, bring_in: Callable[..., Version], data_dir: Path) -> None:
    imported = bring_in(True)
    assert (imported.kind, imported.parent_id, imported.status) == (VersionKind.SFT, None, VersionStatus.ACTIVE)
    assert (imported.path, imported.metrics) == ("versions/2-sft", {"imported_from": "SmolTest"})
    assert content_hash(data_dir / imported.path) == imported.content_hash
    assert first.status is VersionStatus.RETIRED
    assert [path.name for path in sorted((data_dir / "versions").iterdir())] == ["1-sft", "2-sft"]


def test_the_reference_changes_with_activation_only(
    session: Session, bring_in: Callable[..., Version], first: Version, data_dir: Path, add_to: Add
) -> None:
    imported = bring_in(False)
    assert imported.status is VersionStatus.CANDIDATE
    assert versions.sft_version(session) is first
    policy = add_to(VersionKind.POLICY, imported)
    activation.activate(session, policy.id, data_dir=data_dir)
    assert versions.sft_version(session) is imported
    activation.activate(session, first.id, data_dir=data_dir)
    assert versions.sft_version(session) is first


def test_reward_models_go_and_come_with_their_sft_model(
    session: Session, bring_in: Callable[..., Version], first: Version, data_dir: Path, add_to: Add
) -> None:
    old, newer = add_to(VersionKind.REWARD, first), add_to(VersionKind.REWARD, first)
    activation.activate(session, old.id, data_dir=data_dir)
    activation.activate(session, newer.id, data_dir=data_dir)
    imported = bring_in(True)
    assert newer.status is VersionStatus.RETIRED
    assert versions.active_reward(session) is None
    other = f"Reward model {newer.id} was trained for the answers of SFT version 1"
    with pytest.raises(ConflictError, match=other):
        activation.activate(session, newer.id, data_dir=data_dir)
    with pytest.raises(ConflictError, match=other):
        versions.reward_for(session, imported, newer.id)
    with pytest.raises(ConflictError, match="There is no reward model yet"):
        versions.reward_for(session, imported, None)
    own = add_to(VersionKind.REWARD, imported)
    activation.activate(session, own.id, data_dir=data_dir)
    activation.activate(session, add_to(VersionKind.POLICY, imported).id, data_dir=data_dir)
    assert versions.active_reward(session) is own
    activation.activate(session, first.id, data_dir=data_dir)
    assert versions.active_reward(session) is newer
    (data_dir / own.path / "model.safetensors").unlink()
    activation.activate(session, imported.id, data_dir=data_dir)
    assert versions.active_reward(session) is None, "a damaged one does not keep its SFT model from answering"


def test_a_reward_model_comes_back_from_an_sft_model_that_never_had_one(
    session: Session, bring_in: Callable[..., Version], first: Version, data_dir: Path, add_to: Add
) -> None:
    reward = add_to(VersionKind.REWARD, first)
    activation.activate(session, reward.id, data_dir=data_dir)
    imported = bring_in(True)
    activation.activate(session, add_to(VersionKind.POLICY, imported).id, data_dir=data_dir)
    assert versions.active_reward(session) is None
    activation.activate(session, first.id, data_dir=data_dir)
    assert versions.active_reward(session) is reward


def test_a_reward_model_that_was_trained_meanwhile_waits(
    session: Session,
    bring_in: Callable[..., Version],
    first: Version,
    data_dir: Path,
    model_files: Path,
    add_to: Add,
) -> None:
    late = add_to(VersionKind.REWARD, first, metrics={"held_out_accuracy": 0.9})
    bring_in(True)
    assert following.after_train_reward(session, late, quick_settings(data_dir, model_files)) is None
    assert late.status is VersionStatus.CANDIDATE
    assert versions.active_reward(session) is None


def test_what_fits_what(session: Session, bring_in: Callable[..., Version], first: Version, add_to: Add) -> None:
    imported = bring_in(False)
    reward = add_to(VersionKind.REWARD, first)
    versions.check_fits(session, reward, add_to(VersionKind.POLICY, add_to(VersionKind.POLICY, first)))
    with pytest.raises(ConflictError, match="Train a reward model for it"):
        versions.check_fits(session, reward, add_to(VersionKind.POLICY, imported))


@pytest.fixture
def shipped(session: Session, model_files: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    """The test's model as the shipped one, and as the shipped base model."""
    monkeypatch.setattr(installing, "SFT_MODEL", model_files)
    monkeypatch.setattr(installing, "BASE_MODEL", model_files)
    return installing.install_sft(session, model_dir=model_files, data_dir=data_dir)


def test_the_base_model_comes_with_the_shipped_one_and_answers_nobody(
    session: Session, shipped: Version, model_files: Path, data_dir: Path
) -> None:
    base = installing.install_base(session, data_dir=data_dir)
    assert base is not None
    assert (base.kind, base.origin, base.path) == (VersionKind.BASE, "shipped", "versions/2-base")
    assert base.content_hash == content_hash(data_dir / base.path) == content_hash(model_files)
    assert version_states.standing(session).state_of(base) is VersionState.BASE
    assert versions.active_answerer(session) is shipped
    with pytest.raises(ConflictError, match="cannot answer people"):
        activation.activate(session, base.id, data_dir=data_dir)


def test_it_comes_once_also_where_it_was_removed(session: Session, shipped: Version, data_dir: Path) -> None:
    base = installing.install_base(session, data_dir=data_dir)
    assert base is not None
    base.removed_at = utc_now()
    assert installing.install_base(session, data_dir=data_dir) is base
    assert len(versions.list_versions(session).items) == 2
    assert shipped.status is VersionStatus.ACTIVE


def test_beside_somebody_elses_model_there_is_none(session: Session, first: Version, data_dir: Path) -> None:
    assert installing.install_base(session, data_dir=data_dir) is None
    assert [version.id for version in versions.list_versions(session).items] == [first.id]
