"""What one's rankings tell: one's own in force on the label page, and others' of the same answers."""

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.groups import Group
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.rankings import Ranking
from app.db.models.versions import Version
from app.services.views import label_effect as label_effect_module
from app.services.views.label_effect import FEWEST_IN_PART, LEARNED_SHOWN, label_effect, own_labels
from app.services.views.label_statistics import Estimate
from tests.services.conftest import MakeGroup
from tests.services.views.test_label_agreement import ranked
from tests.services.views.test_predictions import reward


def in_place(session: Session, group: Group, labeler: Labeler, ranks: list[int]) -> int:
    """Ranks by place on the card."""
    by_sample = {answer.sample_index: ranks[answer.display_position] for answer in group.completions}
    return ranked(session, group, labeler, [by_sample[index] for index in range(4)])


def taus(session: Session, labeler: Labeler) -> Estimate | None:
    return own_labels(session, labeler).agreement


def test_nobody_and_who_ranked_nothing_have_no_habits(session: Session, ada: Labeler) -> None:
    for labeler in (None, ada):
        own = own_labels(session, labeler)
        assert (own.cards, own.places, own.longer_first, own.seconds, own.agreement) == (0, [], None, None, None)
        assert label_effect(session, labeler).models == []


def test_places_are_counted_over_ones_own_rankings_in_force(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    *groups, to_withdraw, imported = [make_group(leased_to=ada) for _ in range(5)]
    of_bob = make_group(leased_to=bob)
    for group, ranks in zip(groups, ([1, 2, 3, 4], [1, 2, 3, 4], [3, 1, 1, 4]), strict=True):
        in_place(session, group, ada, ranks)
    in_place(session, of_bob, bob, [4, 3, 2, 1])
    withdrawn = in_place(session, to_withdraw, ada, [4, 3, 2, 1])
    session.execute(update(Ranking).where(Ranking.id == withdrawn).values(withdrawn_at=utc_now()))
    in_place(session, imported, ada, [4, 3, 2, 1])
    session.execute(update(Group).where(Group.id == imported.id).values(digest="d"))
    own = own_labels(session, ada)
    assert own.cards == 3
    assert [place.share for place in own.places] == pytest.approx([2 / 3, 1 / 6, 1 / 6, 0])


def test_the_longer_answer_is_the_one_with_more_characters(
    session: Session, make_group: MakeGroup, ada: Labeler
) -> None:
    group = make_group(leased_to=ada)
    for answer in group.completions:
        session.get_one(type(answer), answer.id).text = "x" * (answer.sample_index + 1)
    ranked(session, group, ada, [4, 3, 2, 1])
    longer = own_labels(session, ada).longer_first
    assert longer is not None
    assert (longer.value, longer.n) == (1.0, 6)


def test_time_is_told_in_parts_of_enough_cards(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    groups = [make_group(leased_to=ada) for _ in range(2 * FEWEST_IN_PART)]
    for at, group in enumerate(groups):
        ranking = ranked(session, group, ada, [1, 2, 3, 4])
        session.execute(
            update(Ranking).where(Ranking.id == ranking).values(duration_ms=9_000 if at < FEWEST_IN_PART else 4_000)
        )
    own = own_labels(session, ada)
    assert [(part.first, part.last, part.seconds.value) for part in own.parts] == [(1, 6, 9.0), (7, 12, 4.0)]
    assert own.seconds is not None
    assert own.seconds.value == 6.5


def test_agreement_is_with_other_people_on_the_same_answers(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    one, again = make_group(leased_to=ada), make_group(leased_to=ada)
    another, of_bob = make_group(leased_to=ada, text="Another"), make_group(leased_to=bob)
    ranked(session, one, ada, [1, 2, 3, 4])
    ranked(session, another, ada, [1, 2, 3, 4])
    assert taus(session, ada) is None
    ranked(session, again, ada, [4, 3, 2, 1])
    assert taus(session, ada) is None, "oneself is nobody else"
    ranked(session, of_bob, bob, [1, 2, 4, 3])
    told = taus(session, ada)
    assert told is not None
    assert told.n == 2, "with each of one's own two"
    assert told.value == pytest.approx((4 / 6 - 4 / 6) / 2)
    session.execute(update(Ranking).where(Ranking.labeler_id == bob.id).values(withdrawn_at=utc_now()))
    assert taus(session, ada) is None, "what was taken back agrees with nobody"
    session.execute(update(Ranking).where(Ranking.labeler_id == bob.id).values(withdrawn_at=None))
    assert taus(session, ada) is not None
    session.execute(update(Labeler).where(Labeler.id == bob.id).values(kind=LabelerKind.SIMULATED))
    assert taus(session, ada) is None


def test_the_newest_of_ones_own_are_compared(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_effect_module, "NEWEST_COMPARED", 1)
    first, again, of_bob = (make_group(leased_to=labeler) for labeler in (ada, ada, bob))
    for group, labeler, ranks in ((first, ada, [1, 2, 3, 4]), (again, ada, [4, 3, 2, 1]), (of_bob, bob, [1, 2, 3, 4])):
        ranked(session, group, labeler, ranks)
    told = taus(session, ada)
    assert told is not None
    assert (told.value, told.n) == (-1.0, 1)


def test_models_stand_in_their_order_with_what_was_measured(
    session: Session, sft: Version, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    groups = make_group(leased_to=ada), make_group(leased_to=bob)
    others = [make_group(leased_to=ada) for _ in range(LEARNED_SHOWN + 1)]
    mine, theirs = ranked(session, groups[0], ada, [1, 2, 3, 4]), ranked(session, groups[1], bob, [1, 2, 3, 4])
    reward(session, sft, [])
    first = reward(session, sft, [], held_out_accuracy=0.6, num_rankings=10.0)
    second = reward(session, sft, [mine, theirs], active=True, held_out_accuracy=0.7, num_rankings=20.0)
    effect = label_effect(session, ada)
    assert [each.id for each in effect.models] == [first, second]
    assert effect.reward is not None
    assert effect.reward.id == second
    assert effect.learned == [mine]
    assert effect.noise.pairs == 6
    more = [ranked(session, group, ada, [1, 2, 3, 4]) for group in others]
    reward(session, sft, [mine, *more], active=True, held_out_accuracy=0.8)
    session.execute(update(Ranking).where(Ranking.id == more[-1]).values(withdrawn_at=utc_now()))
    later = label_effect(session, ada)
    assert later.learned == more[-2::-1], "the newest in force"
    assert [each.id for each in later.models] == [first, second], "nobody knows of how many rankings"
