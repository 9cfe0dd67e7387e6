"""Which two versions are compared where nobody says, and where somebody does."""

import pytest
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import GoneError, InvalidError, NotFoundError
from app.services.arena.matches import NoMatchError, match_of, may_compare
from app.services.lifecycle.deciding import candidate_of
from app.services.versions import versions


def add(session: Session, parent: Version, kind: VersionKind = VersionKind.POLICY) -> Version:
    new = versions.NewVersion(kind=kind, parent_id=parent.id, path=f"v/{kind}", content_hash="3" * 64)
    return versions.add_version(session, new)


def make_active(session: Session, version: Version, former: Version) -> None:
    former = session.get_one(Version, former.id)
    former.status = VersionStatus.RETIRED
    session.flush()
    session.get_one(Version, version.id).status = VersionStatus.ACTIVE
    session.flush()


def test_with_one_version_it_says_what_to_do(session: Session, sft: Version) -> None:
    add(session, sft, VersionKind.REWARD)
    with pytest.raises(NoMatchError, match="so there is nothing to compare") as caught:
        match_of(session)
    assert "import another model" in caught.value.page_message
    assert may_compare(session) == [session.get_one(Version, sft.id)]


def test_the_newest_candidate_is_compared_with_the_active_version(session: Session, sft: Version) -> None:
    add(session, sft)
    newest = add(session, sft)
    assert candidate_of(session) is newest
    assert match_of(session).ids == (newest.id, sft.id)
    newest.removed_at = utc_now()
    assert match_of(session).ids[0] == newest.id - 1


def test_without_a_candidate_the_active_policy_is_compared_with_its_sft_model(
    session: Session, sft: Version, policy: Version
) -> None:
    make_active(session, policy, sft)
    assert candidate_of(session) is None
    assert match_of(session).ids == (policy.id, sft.id)


def test_with_neither_the_newest_other_version_is_compared_with_the_active_one(
    session: Session, sft: Version, policy: Version
) -> None:
    session.get_one(Version, policy.id).status = VersionStatus.RETIRED
    session.flush()
    assert match_of(session).ids == (policy.id, sft.id)


def test_whoever_names_one_version_gets_it_against_the_active_one(session: Session, sft: Version) -> None:
    first, second = add(session, sft), add(session, sft)
    assert match_of(session, first.id).ids == (first.id, sft.id)
    assert match_of(session, None, first.id).ids == (sft.id, first.id)
    assert match_of(session, first.id, second.id).ids == (first.id, second.id)
    assert match_of(session, sft.id).ids == (sft.id, second.id)


def test_impossible_matches_are_refused(session: Session, sft: Version, policy: Version) -> None:
    reward, gone = add(session, sft, VersionKind.REWARD), add(session, sft)
    gone.removed_at = utc_now()
    with pytest.raises(InvalidError, match="the same"):
        match_of(session, sft.id, sft.id)
    with pytest.raises(InvalidError, match="name one of kind sft or policy"):
        match_of(session, reward.id)
    with pytest.raises(NotFoundError, match="no version 99"):
        match_of(session, 99, policy.id)
    with pytest.raises(GoneError, match="were removed"):
        match_of(session, gone.id)
