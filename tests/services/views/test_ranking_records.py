"""Rankings looked through and opened: filters hold in every order, what a file is still bringing is not there, and a
policy learned from what its reward model learned from."""

from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.groups import Group
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from app.services.views.ranking_records import RankingOrder, RankingsWanted, Standing, learned_from, list_rankings
from tests.services.conftest import MakeGroup
from tests.services.views.test_label_agreement import ranked, reward_of


def listed(session: Session, wanted: RankingsWanted) -> list[int]:
    return [each.id for each in list_rankings(session, wanted, after=None, limit=9).items]


def test_filters_hold_in_every_order(session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler) -> None:
    cards = [(make_group(leased_to=each), each) for each in (ada, ada, bob)]
    mine, withdrawn, bobs = (ranked(session, card, each, [1, 2, 3, 4]) for card, each in cards)
    for number in (mine, withdrawn, bobs):
        session.get_one(Ranking, number).duration_ms = 9 - number
    session.get_one(Ranking, withdrawn).withdrawn_at = utc_now()
    session.flush()
    for order in RankingOrder:
        assert listed(session, RankingsWanted(labeler_id=ada.id, order=order)) == [mine]
        of_ada = RankingsWanted(Standing.WITHDRAWN, ada.id, order=order)
        assert listed(session, of_ada) == [withdrawn]
    assert listed(session, RankingsWanted(order=RankingOrder.QUICKEST)) == [bobs, mine]


def test_what_a_file_is_still_bringing_is_in_no_list(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    """Its rankings are stored as withdrawn ones until it is in."""
    card = make_group(leased_to=ada)
    ranking = session.get_one(Ranking, ranked(session, card, ada, [1, 2, 3, 4]))
    ranking.withdrawn_at = utc_now()
    session.flush()
    assert listed(session, RankingsWanted(Standing.WITHDRAWN)) == [ranking.id]
    session.get_one(Group, card.id).import_id = 7
    session.flush()
    assert [listed(session, RankingsWanted(standing)) for standing in Standing] == [[], [], []]


def test_a_policy_learned_from_what_its_reward_model_learned_from(
    session: Session, sft: Version, make_group: MakeGroup, ada: Labeler
) -> None:
    cards = [make_group(leased_to=ada) for _ in range(2)]
    mine, later = (ranked(session, card, ada, [1, 2, 3, 4]) for card in cards)
    reward, other = reward_of(session, sft, [mine]), reward_of(session, sft, [later])
    new = NewVersion(VersionKind.POLICY, parent_id=sft.id, path="p", content_hash="h", reward_version_id=reward)
    policy = versions.add_version(session, new).id
    assert [each.id for each in learned_from(session, mine)] == [reward, policy]
    assert [each.id for each in learned_from(session, later)] == [other]
