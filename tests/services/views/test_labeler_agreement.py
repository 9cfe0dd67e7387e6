"""Rankings of the same answers: one's own first and second ones, and those of several labelers."""

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.groups import Group
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.rankings import Ranking
from app.services.labeling.own_answers import OwnAnswer, RanksWithOwn
from app.services.labeling.rankings import submit_ranking
from app.services.views.label_effect import own_labels
from app.services.views.labeler_agreement import between_labelers, consistency
from tests.services.conftest import MakeGroup
from tests.services.views.test_label_agreement import ranked


def repeat(session: Session, group: Group, labeler: Labeler, ranks: list[int]) -> int:
    """Ranks it as a card that came again."""
    session.execute(update(Group).where(Group.id == group.id).values(is_repeat=True))
    return ranked(session, group, labeler, ranks)


def test_consistency_is_of_cards_that_came_again_with_the_ranking_before(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    first = [make_group(leased_to=ada, text=text) for text in ("One", "Two", "Tied")]
    of_bob = make_group(leased_to=bob, text="One")
    one, tied, never, two = (make_group(leased_to=ada, text=text) for text in ("One", "Tied", "Never seen", "Two"))
    later = make_group(leased_to=ada, text="One")
    for group, ranks in zip(first, ([1, 2, 3, 4], [1, 2, 3, 4], [1, 1, 1, 1]), strict=True):
        ranked(session, group, ada, ranks)
    ranked(session, of_bob, bob, [4, 3, 2, 1])
    assert consistency(session, ada) is None
    repeat(session, one, ada, [1, 2, 4, 3])
    repeat(session, tied, ada, [1, 2, 3, 4])
    repeat(session, never, ada, [1, 2, 3, 4])
    ranked(session, later, ada, [4, 3, 2, 1])
    second = repeat(session, two, ada, [4, 3, 2, 1])
    told = consistency(session, ada)
    assert told is not None
    assert told.n == 2
    assert told.value == pytest.approx((4 / 6 - 1) / 2)
    session.execute(update(Ranking).where(Ranking.id == second).values(withdrawn_at=utc_now()))
    told = consistency(session, ada)
    assert told is not None
    assert told.n == 1
    assert told.value == pytest.approx(4 / 6)
    assert (told.interval.low, told.interval.high) == (-1, 1), "one card tells nothing of others"
    assert consistency(session, bob) is None


def test_an_own_answer_does_not_hide_the_four(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    group, again = make_group(leased_to=ada), make_group(leased_to=ada)
    ranks = {answer.id: answer.sample_index + 2 for answer in group.completions}
    with_own = RanksWithOwn(ranks, OwnAnswer("my own", 1))
    submit_ranking(session, group_id=group.id, labeler=ada, ranks=with_own, retrain_after=99)
    repeat(session, again, ada, [1, 2, 3, 4])
    told = consistency(session, ada)
    assert told is not None
    assert told.value == pytest.approx(1)


def test_a_card_that_came_again_is_no_second_card_among_ones_habits(
    session: Session, make_group: MakeGroup, ada: Labeler
) -> None:
    group, again = make_group(leased_to=ada), make_group(leased_to=ada)
    ranked(session, group, ada, [1, 2, 3, 4])
    repeat(session, again, ada, [4, 3, 2, 1])
    own = own_labels(session, ada)
    assert (own.cards, sum(place.share for place in own.places)) == (1, 1)
    assert own.consistency is not None


def test_labelers_are_compared_on_the_answers_that_several_ranked(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    of_ada = [make_group(leased_to=ada, text=text) for text in ("One", "Two", "Alone")]
    one, one_again, two, alone = (make_group(leased_to=bob, text=text) for text in ("One", "One", "Two", "Alone"))
    for group in of_ada:
        ranked(session, group, ada, [1, 2, 3, 4])
    nothing = between_labelers(session)
    assert (nothing.cards, nothing.labelers, nothing.alpha, nothing.tau, nothing.pairs) == (0, 0, None, None, [])
    ranked(session, one, bob, [1, 2, 3, 4])
    later = ranked(session, one_again, bob, [4, 3, 2, 1])
    ranked(session, two, bob, [1, 2, 4, 3])
    repeat(session, alone, bob, [4, 3, 2, 1])
    found = between_labelers(session)
    assert (found.cards, found.labelers) == (2, 2), f"the first ranking of each, not {later}; no repeats"
    assert found.tau is not None
    assert found.tau.n == 2
    assert found.tau.value == pytest.approx((1 + 4 / 6) / 2)
    [both] = found.pairs
    assert (both.one, both.other, both.tau) == ("ada", "bob", found.tau)
    assert found.alpha is not None
    assert found.alpha.n == 16, "both ranks of each of eight answers"
    session.execute(update(Labeler).where(Labeler.id == bob.id).values(kind=LabelerKind.SIMULATED))
    assert between_labelers(session).cards == 0
