"""Cards that come again: to their labeler seldom, late enough, and never to be trained on; to a second person once,
and to be trained on as any other."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.db.base import utc_now
from app.db.models.groups import Group, GroupStatus, SkipReason
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import Prompt
from app.db.models.rankings import Ranking
from app.db.session import make_read_session_factory
from app.services.data import training_data
from app.services.jobs import ranking_counts
from app.services.labeling import groups, label_settings, labelers, rankings, repeats, skips
from app.services.labeling.drawing import Tag, Tags
from app.services.labeling.label_settings import LabelChoice
from app.services.sampling import group_sampling
from app.services.sampling.group_sampling import GroupSampling
from app.services.views.labeler_agreement import between_labelers
from tests.live import ScriptedEngine, quick_settings
from tests.services.conftest import MakeGroup, in_order, lease, plans
from tests.services.labeling.test_choosing import Drawn
from tests.services.views.test_label_agreement import ranked

Again = Callable[..., Group | None]


@pytest.fixture
def cards(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler, monkeypatch: pytest.MonkeyPatch
) -> list[Group]:
    """Three that ada ranked, with two cards between the first and now; bob is there, too."""
    assert bob
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
        rng.choice = lambda seq: seq[0]  # type: ignore[method-assign]
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
def test_a_card_that_is_held_stays_though_one_could_come_again(
    session: Session,
    sessions: sessionmaker[Session],
    database: Database,
    make_group: MakeGroup,
    ada: Labeler,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    label_settings.choose(session, LabelChoice(repeat_share=0.5))
    session.commit()
    held = make_group(leased_to=ada, text="Held")
    monkeypatch.setattr(group_sampling, "_random", Drawn(0.0))
    readers = make_read_session_factory(database)
    sampling = GroupSampling(ScriptedEngine(), sessions, readers, quick_settings(tmp_path, tmp_path))

    def shown() -> Group | None:
        return sampling.lease_ready(session, labelers.LabelerName("ada"))

    first = shown()
    assert first is not None
    assert first.id == held.id
    ranked(session, held, ada, [1, 2, 3, 4])
    again = shown()
    assert again is not None
    assert again.is_repeat


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
    assert again(ada, tags=(Tag("", "zh"),) if how == "of another language" else None) is None


@pytest.mark.usefixtures("cards")
def test_no_training_learns_from_the_second_ranking(session: Session, ada: Labeler, again: Again) -> None:
    before, group = training_data.ranking_ids_in_force(session), again(ada)
    assert group is not None
    ranking = rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=in_order(group), retrain_after=99)
    assert training_data.ranking_ids_in_force(session) == before
    assert ranking_counts.count_rankings(session).people == len(before)
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


@pytest.fixture
def second(session: Session) -> Again:
    def ask(labeler: Labeler, share: float = 0.25, chance: float = 0.3, tags: Tags = None) -> Group | None:
        """A quarter of the cards come again to their labeler, and `share` go to a second person."""
        label_settings.choose(session, LabelChoice(repeat_share=0.25, second_share=share))
        rng = random.Random(5)
        rng.random = lambda: chance  # type: ignore[method-assign]
        rng.choice = lambda seq: seq[0]  # type: ignore[method-assign]
        return repeats.card_again(session, labeler, now=utc_now(), tags=tags, rng=rng)

    return ask


def test_a_second_person_gets_the_same_answers_and_what_they_say_is_trained_on(
    session: Session, cards: list[Group], ada: Labeler, bob: Labeler, second: Again
) -> None:
    before, group = training_data.ranking_ids_in_force(session), second(bob)
    assert group is not None
    first = next(each for each in cards if each.id == group.second_of)
    assert (group.prompt_id, group.leased_to, group.is_repeat) == (first.prompt_id, bob.id, False)
    assert {each.text for each in group.completions} == {each.text for each in first.completions}
    ranking = rankings.submit_ranking(session, group_id=group.id, labeler=bob, ranks=in_order(group), retrain_after=99)
    assert training_data.ranking_ids_in_force(session) == [*before, ranking.id]
    found = between_labelers(session)
    assert (found.cards, found.labelers) == (1, 2)
    assert second(ada, chance=0.3) is None, "all of them are ada's own, or have been ranked by two"


@pytest.mark.usefixtures("cards")
def test_of_cards_as_many_as_was_said_go_to_a_second_person(session: Session, bob: Labeler, second: Again) -> None:
    assert label_settings.chosen(session).second_share == 0, "off until somebody switches it on"
    assert second(bob, chance=0.249) is None, "it is the turn of bob's own, and there are none"
    assert second(bob, chance=0.501) is None
    assert second(bob, share=0.0, chance=0.251) is None
    assert second(bob, chance=0.251) is not None


def test_each_group_goes_to_one_second_person_whatever_becomes_of_it(
    session: Session, cards: list[Group], bob: Labeler, second: Again
) -> None:
    people = [bob, *(labelers.get_or_create_labeler(session, name) for name in ("cleo", "dan", "eve"))]
    given = [second(each) for each in people]
    assert {group.second_of for group in given if group is not None} == {group.id for group in cards}
    assert given[3] is None, "three groups, three second people"
    assert given[0] is not None
    skips.skip_group(session, group_id=given[0].id, labeler=bob, reason=SkipReason.OTHER)
    assert second(people[3]) is None
    session.add(Group(prompt_id=cards[0].prompt_id, settings={}, seed=1, second_of=cards[0].id))
    with pytest.raises(IntegrityError):
        session.flush()


NO_SECOND = {
    "ranked by a simulated labeler": "UPDATE labelers SET kind = 'simulated' WHERE name = 'ada'",
    "from a file": "UPDATE labelers SET kind = 'imported' WHERE name = 'ada'",
    "imported": "UPDATE groups SET sampled_as = NULL, digest = id",
    "of a chat": "UPDATE groups SET sampled_as = NULL",
    "withdrawn": "UPDATE rankings SET withdrawn_at = '2026-01-01'",
    "archived": "UPDATE prompts SET archived_at = '2026-01-01'",
    "held out": "UPDATE prompts SET split = 'held_out'",
    "of another language": "UPDATE prompts SET language = 'zh'",
    "ranked by bob before": "INSERT INTO rankings (group_id, labeler_id, ranks, created_at, withdrawn_at) "
    "SELECT groups.id, labelers.id, '{}', '2026-01-01', '2026-01-02' FROM groups, labelers WHERE name = 'bob'",
    "ranked by two": "INSERT INTO rankings (group_id, labeler_id, ranks, created_at) "
    "SELECT groups.id, labelers.id, '{}', '2026-01-01' FROM groups, labelers WHERE name = 'bob'",
}


@pytest.mark.usefixtures("cards")
@pytest.mark.parametrize("why", NO_SECOND)
def test_what_does_not_tell_how_far_people_agree_goes_to_nobody(
    session: Session, bob: Labeler, second: Again, why: str
) -> None:
    session.execute(text(NO_SECOND[why]))
    assert (
        second(
            labelers.get_or_create_labeler(session, "cleo") if why == "ranked by two" else bob, tags=(Tag("", "en"),)
        )
        is None
    )


@pytest.mark.usefixtures("cards")
def test_a_simulated_labeler_is_no_second_person(session: Session, second: Again) -> None:
    assert second(labelers.get_or_create_labeler(session, "made", LabelerKind.SIMULATED)) is None


@pytest.mark.usefixtures("cards")
def test_who_takes_the_first_ones_name_judges_again_and_is_not_trained_on_twice(
    session: Session, ada: Labeler, second: Again
) -> None:
    browser = labelers.get_or_create_labeler(session, "Browser ABCD-EFGH")
    group, before = second(browser), training_data.ranking_ids_in_force(session)
    assert group is not None
    labelers.take_name(session, old=browser.name, new="ada")
    assert lease(session, ada) == group
    rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=in_order(group), retrain_after=99)
    assert training_data.ranking_ids_in_force(session) == before


@pytest.mark.sqlite
def test_the_newest_rankings_are_read_by_an_index(session: Session, database: Database, bob: Labeler) -> None:
    label_settings.choose(session, LabelChoice(second_share=0.5))
    session.commit()
    rng = random.Random(5)
    rng.random = lambda: 0.0  # type: ignore[method-assign]
    ran = plans(database, lambda asked: repeats.card_again(asked, bob, now=utc_now(), tags=(Tag("", "en"),), rng=rng))
    [plan] = [each for each in ran if "rankings" in each]
    assert "SCAN rankings USING INDEX ix_rankings_in_force" in plan
    assert plan.replace("SCAN anon", "").count("SCAN") == 1, f"of the newest ones each is looked up: {plan}"
    assert "SEARCH groups USING INTEGER PRIMARY KEY" in plan
