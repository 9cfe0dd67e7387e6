"""Versions as rows: one for each job, their lineage and rankings."""

from sqlalchemy.orm import Session

from app.db.models.jobs import Job
from app.db.models.labelers import Labeler
from app.db.models.versions import Version, VersionKind
from app.services.labeling import rankings
from app.services.versions import versions
from tests.services.conftest import AddVersion, MakeGroup, in_order


def test_a_job_makes_one_version(session: Session, first: Version) -> None:
    session.add(Job(id="j", kind="train_policy", params={}, dedup_key="k"))
    session.flush()

    def add() -> Version:
        return versions.add_version(
            session,
            versions.NewVersion(kind=VersionKind.POLICY, parent_id=first.id, path="p", content_hash="h", job_id="j"),
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
        session,
        versions.NewVersion(
            kind=VersionKind.REWARD, parent_id=sft.id, path="r", content_hash="h", ranking_ids=[ranking.id]
        ),
    )
    policy = versions.add_version(
        session,
        versions.NewVersion(
            kind=VersionKind.POLICY, parent_id=sft.id, path="p", content_hash="h", reward_version_id=reward.id
        ),
    )
    assert versions.ranking_ids(session, reward) == versions.ranking_ids(session, policy) == [ranking.id]
