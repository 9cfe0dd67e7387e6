"""What a version is called: by what was done with it, and by what is active now."""

import pytest
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.services.versions import versions
from app.services.versions.version_states import VersionState, standing


@pytest.fixture
def sft(session: Session, sft: Version) -> Version:
    return session.get_one(Version, sft.id)


def add(session: Session, kind: VersionKind, parent: Version | None) -> Version:
    number = versions.list_versions(session).items[0].id + 1
    return versions.add_version(
        session,
        versions.NewVersion(
            kind=kind,
            parent_id=None if parent is None else parent.id,
            path=f"versions/{number}-{kind}",
            content_hash="0" * 64,
        ),
    )


def put_in_place(session: Session, version: Version, *, of: Version | None) -> None:
    """As `activate` does, without files."""
    if of is not None:
        of.status = VersionStatus.RETIRED
        session.flush()
    version.status = VersionStatus.ACTIVE
    session.flush()


def states(session: Session, *found: Version) -> list[VersionState]:
    now = standing(session)
    return [now.state_of(version) for version in found]


def test_policies_and_their_reference(session: Session, sft: Version) -> None:
    first, second = add(session, VersionKind.POLICY, sft), add(session, VersionKind.POLICY, sft)
    assert states(session, sft, first) == [VersionState.ACTIVE, VersionState.CANDIDATE]
    put_in_place(session, first, of=sft)
    assert states(session, sft, first, second) == [
        VersionState.REFERENCE,
        VersionState.ACTIVE,
        VersionState.CANDIDATE,
    ]
    put_in_place(session, second, of=first)
    assert states(session, sft, first) == [VersionState.REFERENCE, VersionState.SUPERSEDED]
    put_in_place(session, first, of=second)
    assert states(session, first, second) == [VersionState.ACTIVE, VersionState.ROLLED_BACK]
    put_in_place(session, sft, of=first)
    assert states(session, first, second) == [VersionState.ROLLED_BACK, VersionState.ROLLED_BACK]


def test_what_others_were_made_from_is_no_reject(session: Session, sft: Version) -> None:
    """The SFT model of versions that are there, where another one answers; and a policy that went on from another."""
    policy = add(session, VersionKind.POLICY, sft)
    later, imported = add(session, VersionKind.POLICY, policy), add(session, VersionKind.SFT, None)
    put_in_place(session, policy, of=sft)
    put_in_place(session, later, of=policy)
    assert states(session, policy) == [VersionState.ORIGIN]
    put_in_place(session, imported, of=later)
    assert states(session, sft, policy, later) == [
        VersionState.ORIGIN,
        VersionState.ORIGIN,
        VersionState.SUPERSEDED,
    ]
    later.removed_at = utc_now()
    session.flush()
    assert states(session, policy) == [VersionState.SUPERSEDED]


def test_reward_models(session: Session, sft: Version) -> None:
    old, new = add(session, VersionKind.REWARD, sft), add(session, VersionKind.REWARD, sft)
    put_in_place(session, old, of=None)
    put_in_place(session, new, of=old)
    assert states(session, old, new) == [VersionState.SUPERSEDED, VersionState.ACTIVE]
    put_in_place(session, old, of=new)
    assert states(session, new) == [VersionState.ROLLED_BACK]


def test_another_sft_model_takes_over(session: Session, sft: Version) -> None:
    """The former one's reward model rests; it was not replaced by a better one."""
    reward, imported = add(session, VersionKind.REWARD, sft), add(session, VersionKind.SFT, None)
    put_in_place(session, reward, of=None)
    put_in_place(session, imported, of=sft)
    reward.status = VersionStatus.RETIRED
    session.flush()
    assert states(session, sft, reward, imported) == [
        VersionState.ORIGIN,
        VersionState.RESTING,
        VersionState.ACTIVE,
    ]


def test_nothing_is_active(session: Session, sft: Version) -> None:
    sft.status = VersionStatus.RETIRED
    session.flush()
    assert states(session, sft) == [VersionState.SUPERSEDED]
