"""Cards that come again: seldom, late enough, to their labeler alone, and never to be trained on."""

import random
from collections.abc import Callable

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.groups import Group, GroupStatus
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt
from app.db.models.rankings import Ranking
from app.services.data import training_data
from app.services.labeling import groups, label_settings, rankings, repeats
from app.services.labeling.drawing import Tags
from app.services.labeling.label_settings import LabelChoice
from tests.services.conftest import MakeGroup, in_order, lease
from tests.services.views.test_label_agreement import ranked

Again = Callable[..., Group | None]


@pytest.fixture
def cards(session: Session, make_group: MakeGroup, ada: Labeler, monkeypatch: pytest.MonkeyPatch) -> list[Group]:
    """Three that ada ranked, with two cards between the first and now."""
    monkeypatch.setattr(repeats, "CARDS_BETWEEN", 2)
    made = [make_group(leased_to=ada, text=text) for text in ("One", "Two", "Three")]
    for group in made:
        ranked(session, group, ada, [1, 2, 3, 4])
    return made


@pytest.fixture
def again(session: Session) -> Again:
    def ask(labeler: Labeler, share: float = 0.5, chance: float = 0.0, tags: Tags = None) -> Group | None:
        label_settings.choose(session, LabelChoice(repeat_share=share))
        rng = random.Random(5)
        rng.random = lambda: chance  # type: ignore[method-assign]
        return repeats.card_again(session, labeler, now=utc_now(), tags=tags, rng=rng)

    return ask


def test_the_same_answers_come_in_another_order_and_nothing_tells(
    session: Session, cards: list[Group], ada: Labeler, again: Again
) -> None:
    group = again(ada)
    assert group is not None
    assert (group.prompt_id, group.status, group.leased_to) == (cards[0].prompt_id, GroupStatus.LEASED, ada.id)
    assert group.digest is None, "it is a card"
    before = {each.sample_index: each for each in cards[0].completions}
    for answer in group.completions:
        same = before[answer.sample_index]
        assert (answer.text, answer.token_ids, answer.version_id) == (same.text, same.token_ids, same.version_id)
    assert sorted(each.display_position for each in group.completions) == [0, 1, 2, 3]
    assert [each.text for each in group.completions] != [each.text for each in cards[0].completions]
    assert lease(session, ada) == group, "a reload shows the same one"


@pytest.mark.usefixtures("cards")
def test_it_is_off_until_somebody_switches_it_on_and_then_as_often_as_was_said(
    session: Session, ada: Labeler, again: Again
) -> None:
    assert label_settings.chosen(session).repeat_share == 0
    assert again(ada, share=0.0) is None
    assert again(ada, share=0.05, chance=0.051) is None
    assert again(ada, share=0.05, chance=0.049) is not None


def test_what_was_just_ranked_or_came_again_before_does_not_come(
    session: Session, bob: Labeler, cards: list[Group], ada: Labeler, again: Again
) -> None:
    assert again(bob) is None, "nobody else's"
    group = again(ada)
    assert group is not None
    rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=in_order(group), retrain_after=99)
    second = again(ada)
    assert second is not None
    assert second.prompt_id == cards[1].prompt_id, "the first came again already"


@pytest.mark.parametrize("how", ["withdrawn", "archived", "imported", "of another language"])
def test_what_does_not_count_does_not_come(
    session: Session, cards: list[Group], ada: Labeler, again: Again, how: str
) -> None:
    first = cards[0]
    if how == "withdrawn":
        session.execute(update(Ranking).where(Ranking.group_id == first.id).values(withdrawn_at=utc_now()))
    elif how == "archived":
        session.execute(update(Prompt).where(Prompt.id == first.prompt_id).values(archived_at=utc_now()))
    elif how == "imported":
        session.execute(update(Group).where(Group.id == first.id).values(digest="d"))
    assert again(ada, tags=("zh",) if how == "of another language" else None) is None


@pytest.mark.usefixtures("cards")
def test_no_training_learns_from_the_second_ranking(session: Session, ada: Labeler, again: Again) -> None:
    before, group = training_data.ranking_ids_in_force(session), again(ada)
    assert group is not None
    ranking = rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=in_order(group), retrain_after=99)
    assert training_data.ranking_ids_in_force(session) == before
    assert rankings.count_rankings(session).people == len(before)
    rankings.withdraw_ranking(session, ranking.id, ada, lease_seconds=60)
    assert lease(session, ada) == group, "undone, its card is there again"


def test_nobody_else_is_offered_one_that_was_left(
    session: Session, bob: Labeler, cards: list[Group], ada: Labeler, again: Again
) -> None:
    group = again(ada)
    assert group is not None
    assert group.prompt_id == cards[0].prompt_id
    session.execute(update(Group).where(Group.id == group.id).values(lease_expires_at=utc_now()))
    assert lease(session, bob) is None
    groups.expire_stale(session, sampled_as=label_settings.writers(session).key)
    assert groups.get_group(session, group.id).status is GroupStatus.EXPIRED
