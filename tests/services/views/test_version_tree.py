"""The tree of versions: what stands below what, what stands apart, and what is not listed."""

from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.jobs import Job
from app.db.models.labelers import Labeler
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.services.labeling import rankings
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from app.services.views.training_overview import version_details
from app.services.views.version_tree import Node, line_of, version_tree
from tests.services.conftest import MakeGroup

BASE, SFT, POLICY, REWARD = VersionKind.BASE, VersionKind.SFT, VersionKind.POLICY, VersionKind.REWARD


def add(session: Session, kind: VersionKind, parent_id: int | None = None, **more: Any) -> int:
    return versions.add_version(
        session, NewVersion(kind=kind, parent_id=parent_id, path="p", content_hash="h", **more)
    ).id


def shape(nodes: list[Node]) -> list[Any]:
    return [(node.version.id, shape(node.children)) if node.children else node.version.id for node in nodes]


def test_policies_stand_below_what_they_were_made_from_and_reward_models_apart(session: Session, sft: Version) -> None:
    base = add(session, BASE)
    one, reward = add(session, POLICY, sft.id), add(session, REWARD, sft.id)
    two = add(session, POLICY, sft.id, reward_version_id=reward)
    three, imported = add(session, POLICY, one), add(session, SFT, metrics={"imported_from": "other"})
    newer = add(session, REWARD, sft.id)
    tree = version_tree(session, limit=50)
    assert shape(tree.roots) == [(base, [(sft.id, [two, (one, [three])])]), imported]
    assert shape(tree.rewards) == [newer, reward]
    assert [each.id for each in line_of(session, versions.get_version(session, three))] == [three, one, sft.id, base]
    session.execute(update(Version).where(Version.id == reward).values(status=VersionStatus.ACTIVE))
    assert shape(version_tree(session, limit=50).rewards) == [reward, newer]


def test_an_imported_model_does_not_come_from_the_shipped_base(session: Session, sft: Version) -> None:
    base, imported = add(session, BASE), add(session, SFT, metrics={"imported_from": "other"})
    assert [each.id for each in line_of(session, versions.get_version(session, imported))] == [imported]
    session.execute(update(Version).where(Version.id == sft.id).values(metrics={"imported_from": "mine"}))
    assert shape(version_tree(session, limit=50).roots) == [sft.id, base, imported]


def test_the_shipped_two_say_that_the_base_model_is_a_twin(session: Session, sft: Version) -> None:
    assert not version_details(session, sft.id).has_twin
    base, policy = add(session, BASE), add(session, POLICY, sft.id)
    said = {each: version_details(session, each).has_twin for each in (base, sft.id, policy)}
    assert said == {base: True, sft.id: True, policy: False}
    session.execute(update(Version).where(Version.id == sft.id).values(metrics={"imported_from": "mine"}))
    assert not version_details(session, base).has_twin


def test_of_many_the_newest_are_listed_with_what_they_stand_on(session: Session, sft: Version) -> None:
    base = add(session, BASE)
    policies = [add(session, POLICY, sft.id) for _ in range(5)]
    session.execute(update(Version).where(Version.id == sft.id).values(status=VersionStatus.RETIRED))
    session.execute(update(Version).where(Version.id == policies[0]).values(status=VersionStatus.ACTIVE))
    tree = version_tree(session, limit=2)
    assert shape(tree.roots) == [(base, [(sft.id, [policies[4], policies[3], policies[0]])])]
    assert (tree.num_older, tree.oldest) == (2, policies[3])
    older = version_tree(session, limit=2, below=policies[3])
    assert shape(older.roots) == [(base, [(sft.id, [policies[2], policies[1], policies[0]])])]
    assert older.num_older == 0
    assert tree.roots[0].is_in_use
    assert not tree.roots[0].children[0].children[0].is_in_use


def test_what_has_no_files_stands_in_the_tree_only_where_something_stands_on_it(session: Session, sft: Version) -> None:
    gone, child, alone = (add(session, POLICY, sft.id) for _ in range(3))
    session.execute(update(Version).where(Version.id == child).values(parent_id=gone))
    session.execute(update(Version).where(Version.id.in_([gone, alone])).values(removed_at=utc_now()))
    tree = version_tree(session, limit=50)
    assert shape(tree.roots) == [(sft.id, [(gone, [child])])]
    assert ([each.id for each in tree.removed], tree.num_older) == ([alone], 0)


def test_a_policy_counts_the_rankings_of_its_reward_model_and_names_its_job(
    session: Session, sft: Version, ranking_ids: list[int]
) -> None:
    session.add(Job(id="made", kind="train_policy", dedup_key="made"))
    session.flush()
    reward = add(session, REWARD, sft.id, ranking_ids=ranking_ids)
    add(session, POLICY, sft.id, reward_version_id=reward, job_id="made")
    tree = version_tree(session, limit=50)
    [policy] = tree.roots[0].children
    assert (policy.num_rankings, policy.job_kind) == (2, "train_policy")
    assert (tree.rewards[0].num_rankings, tree.roots[0].num_rankings, tree.roots[0].job_kind) == (2, 0, None)


@pytest.fixture
def ranking_ids(session: Session, make_group: MakeGroup, ada: Labeler) -> list[int]:
    groups = [make_group(leased_to=ada), make_group(leased_to=ada, text="Another")]
    return [
        rankings.submit_ranking(
            session, group_id=group.id, labeler=ada, retrain_after=99,
            ranks={answer.id: answer.sample_index + 1 for answer in group.completions},
        ).id
        for group in groups
    ]  # fmt: skip


def test_without_versions_there_is_no_tree(session: Session) -> None:
    tree = version_tree(session, limit=50)
    assert (tree.roots, tree.rewards, tree.removed, tree.num_older) == ([], [], [], 0)
