"""Skips: kept with their reason, and the last action, ranking or skip, can be taken back."""

import pytest
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.groups import GroupStatus, Skip, SkipReason
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt
from app.errors import ConflictError
from app.services.labeling import groups, rankings, skips
from tests.services.conftest import MakeGroup, in_order


def skip(session: Session, group_id: int, labeler: Labeler) -> Skip:
    return skips.skip_group(session, group_id=group_id, labeler=labeler, reason=SkipReason.UNREADABLE)


def back(session: Session, group_id: int, labeler: Labeler) -> None:
    skips.take_skip_back(session, group_id=group_id, labeler=labeler, lease_seconds=60)


def test_a_skipped_card_comes_back_and_can_be_skipped_again(
    session: Session, make_group: MakeGroup, ada: Labeler
) -> None:
    group = make_group(leased_to=ada)
    first = skip(session, group.id, ada)
    assert skips.last_action(session, ada) is first
    back(session, group.id, ada)
    back(session, group.id, ada)  # sent twice
    held = groups.held_group(session, labeler=ada, now=utc_now())
    assert (held is not None and held.id, first.withdrawn_at is not None) == (group.id, True)
    assert skips.last_action(session, ada) is None
    second = skip(session, group.id, ada)
    assert skips.last_action(session, ada) is second


def test_the_last_of_rankings_and_skips_is_taken_back_first(
    session: Session, make_group: MakeGroup, ada: Labeler
) -> None:
    cards = [make_group(leased_to=ada) for _ in range(3)]
    skip(session, cards[0].id, ada)
    ranking = rankings.submit_ranking(
        session,
        group_id=cards[1].id,
        labeler=ada,
        ranks=in_order(groups.get_group(session, cards[1].id)),
        retrain_after=9,
    )
    assert skips.last_action(session, ada) is ranking
    last = skip(session, cards[2].id, ada)
    assert skips.last_action(session, ada) is last
    back(session, cards[2].id, ada)
    assert skips.last_action(session, ada) is ranking
    rankings.withdraw_ranking(session, ranking.id, ada, lease_seconds=60)
    first = skips.last_action(session, ada)
    assert isinstance(first, Skip)
    assert first.group_id == cards[0].id


def test_what_cannot_come_back_is_said(session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler) -> None:
    group = make_group(leased_to=ada)
    with pytest.raises(ConflictError, match="not skipped"):
        back(session, group.id, ada)
    skip(session, group.id, ada)
    with pytest.raises(ConflictError, match="not skipped"):
        back(session, group.id, bob)
    session.get_one(Prompt, group.prompt_id).archived_at = utc_now()
    assert skips.last_action(session, ada) is None
    with pytest.raises(ConflictError, match="archived"):
        back(session, group.id, ada)
    assert groups.get_group(session, group.id).status is GroupStatus.SKIPPED
