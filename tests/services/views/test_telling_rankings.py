"""The few rankings that say most: one's own in force, of the reward model in use, the strongest first."""

from collections.abc import Sequence

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionRanking
from app.preferences import Influence
from app.services.views import telling_rankings as limits
from app.services.views.label_effect import label_effect
from app.services.views.telling_rankings import SHOWN, Telling, TellingRankings
from tests.services.conftest import MakeGroup
from tests.services.views.test_label_agreement import ranked
from tests.services.views.test_predictions import reward


def ids(rankings: Sequence[Telling]) -> list[int]:
    return [each.ranking.id for each in rankings]


def test_they_are_ones_own_of_the_version_in_use_and_in_force(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler, sft: Version
) -> None:
    changes = [-0.1, 0.2, -0.3, 0.3, 0.1, 0.0, None, 0.9]
    groups, of_bob = [make_group(leased_to=ada) for _ in changes], make_group(leased_to=bob)
    mine, bobs = [ranked(session, group, ada, [1, 2, 3, 4]) for group in groups], ranked(session, of_bob, bob, [1] * 4)
    known = {number: Influence(change, 0.1) for number, change in zip(mine, changes, strict=True) if change is not None}
    surprises = {mine[2]: 0.5, mine[6]: 3.0, mine[7]: 9.0}
    reward(
        session, sft, [*mine, bobs], active=True, influences=known | {bobs: Influence(2.0, 0.1)}, surprises=surprises
    )
    session.execute(update(Ranking).where(Ranking.id == mine[-1]).values(withdrawn_at=utc_now()))
    told = label_effect(session, ada).telling
    assert ids(told.helped) == [mine[2], mine[0]]
    assert ids(told.hurt) == [mine[3], mine[1], mine[4]]
    assert ids(told.surprising) == [mine[6], mine[2]]
    assert (told.hurt[2].influence, told.hurt[2].surprise) == (Influence(0.1, 0.1), None)
    assert (told.surprising[0].influence, told.surprising[0].surprise) == (None, 3.0)
    assert told.hurt[0].ranking.group.prompt.text == "Hi"
    assert ids(label_effect(session, bob).telling.hurt) == [bobs]
    more = reward(session, sft, mine, active=True, influences={number: Influence(-1.0, 0.1) for number in mine})
    assert ids(label_effect(session, ada).telling.helped) == mine[:SHOWN], "of equals the earliest"
    session.execute(update(VersionRanking).where(VersionRanking.version_id == more).values(influence_error=None))
    assert {each.influence for each in label_effect(session, ada).telling.helped} == {None}, "without its error"
    reward(session, sft, mine, active=True)
    assert label_effect(session, ada).telling == TellingRankings() == label_effect(session, None).telling


def test_they_are_found_among_the_newest_that_it_learned_from(
    session: Session, make_group: MakeGroup, ada: Labeler, sft: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = [make_group(leased_to=ada) for _ in range(4)]
    mine = [ranked(session, card, ada, [1, 2, 3, 4]) for card in cards]
    influences = {number: Influence(-0.1 * place, 0.1) for place, number in enumerate(mine[:3], start=1)}
    influences[mine[0]] = Influence(-9.0, 0.1)
    reward(session, sft, mine[:3], active=True, influences=influences)
    monkeypatch.setattr(limits, "NEWEST", 2)
    assert ids(label_effect(session, ada).telling.helped) == [mine[2], mine[1]], "the last one is in no model yet"
