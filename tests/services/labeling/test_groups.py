from datetime import timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.db.base import utc_now
from app.db.models.groups import Group, GroupStatus, SkipReason
from app.db.models.labelers import Labeler
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.errors import ConflictError, NotFoundError
from app.services.labeling import groups, skips
from app.services.labeling.label_settings import Writers
from app.services.versions import versions
from tests.services.conftest import MakeGroup, lease


def test_same_labeler_gets_the_leased_group_again(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    make_group(), make_group()
    first = lease(session, ada)
    assert first is not None
    assert lease(session, ada) is first


def test_two_labelers_get_different_groups_oldest_first(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    oldest, second = make_group(), make_group()
    assert [getattr(lease(session, labeler), "id", None) for labeler in (ada, bob)] == [oldest.id, second.id]


def test_a_lapsed_lease_goes_to_the_next_and_the_first_is_told(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    group = make_group()
    assert lease(session, ada, lease_seconds=-1.0) is not None
    assert groups.get_leased_group(session, group.id, ada).id == group.id  # nobody took it yet: still theirs
    taken = lease(session, bob)
    assert taken is not None
    assert taken.id == group.id
    with pytest.raises(ConflictError, match="leased to somebody else"):
        groups.get_leased_group(session, group.id, ada)


def test_a_lease_that_begins_in_the_future_holds_no_card(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    """The clock was a year ahead when it was given, and was set back: nobody waits a year for the card."""
    group = make_group()
    year = timedelta(days=365)
    assert groups.next_group(session, labeler=ada, now=utc_now() + year, lease_seconds=60) is not None
    assert groups.has_free(session, now=utc_now())
    taken = lease(session, bob)
    assert taken is not None
    assert taken.id == group.id
    assert taken.lease_expires_at is not None
    assert taken.lease_expires_at <= utc_now() + timedelta(seconds=60)


def test_a_clock_that_is_corrected_a_little_takes_no_card_away(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    make_group()
    now = utc_now()
    held = groups.next_group(session, labeler=ada, now=now + timedelta(seconds=0.5), lease_seconds=60)
    assert held is not None
    assert groups.next_group(session, labeler=bob, now=now, lease_seconds=60) is None
    assert groups.next_group(session, labeler=ada, now=now, lease_seconds=60) is held


def test_the_card_that_was_leased_last_comes_first(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    """Though the first lease ends later: it was given before the clock was set back a little, or for longer."""
    first, second = make_group(), make_group()
    now = utc_now()
    for group, seconds in ((second, 120), (first, 60)):
        row = session.get_one(Group, group.id)
        groups.lease(session, row, ada.id, now=now, lease_seconds=seconds)
    held = groups.held_group(session, labeler=ada, now=now)
    assert held is not None
    assert held.id == first.id


def test_nothing_ready_is_none(session: Session, ada: Labeler) -> None:
    assert lease(session, ada) is None


def test_skipped_group_is_gone(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    group = make_group(leased_to=ada)
    skips.skip_group(session, group_id=group.id, labeler=ada, reason=SkipReason.UNSAFE)
    assert lease(session, ada) is None
    with pytest.raises(ConflictError, match="skipped"):
        skips.skip_group(session, group_id=group.id, labeler=ada, reason=SkipReason.UNSAFE)
    with pytest.raises(NotFoundError):
        skips.skip_group(session, group_id=999, labeler=ada, reason=SkipReason.OTHER)


def test_stale_groups_expire_but_held_ones_stay(
    sessions: sessionmaker[Session], make_group: MakeGroup, sft: Version, ada: Labeler, bob: Labeler
) -> None:
    free, held, lapsed = make_group(), make_group(leased_to=ada), make_group(leased_to=bob)
    with transaction(sessions) as session:
        row = session.get_one(Group, lapsed.id)
        row.lease_expires_at = utc_now() - timedelta(seconds=1)
        newer = versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.POLICY, parent_id=sft.id, path="versions/2-policy", content_hash="3" * 64
            ),
        )
        session.get_one(Version, sft.id).status = VersionStatus.RETIRED
        session.flush()
        newer.status = VersionStatus.ACTIVE
        session.flush()
        key = Writers.all_by(newer.id).key
        assert groups.has_stale(session, sampled_as=key)
        assert lease(session, Labeler(id=99)) is None  # not even before they are marked
        assert groups.expire_stale(session, sampled_as=key) == 2
        assert not groups.has_stale(session, sampled_as=key)
        states = {group_id: groups.get_group(session, group_id).status for group_id in (free.id, held.id, lapsed.id)}
    assert states == {
        free.id: GroupStatus.EXPIRED,
        held.id: GroupStatus.LEASED,
        lapsed.id: GroupStatus.EXPIRED,
    }


def test_answers_are_shown_by_position_and_keep_their_sample_index(make_group: MakeGroup) -> None:
    shown = make_group().completions
    assert [answer.display_position for answer in shown] == [0, 1, 2, 3]
    assert sorted(answer.sample_index for answer in shown) == [0, 1, 2, 3]
    assert all(answer.text == f"answer {answer.sample_index}" for answer in shown)
    assert [answer.sample_index for answer in shown] != [0, 1, 2, 3]  # with this seed
