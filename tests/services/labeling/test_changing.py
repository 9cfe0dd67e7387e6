"""One's own ranking is changed in one step: nothing is lost, and what is the same stays as it is."""

import pytest
from sqlalchemy.orm import Session

from app.db.models.groups import Group, GroupStatus
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.errors import ConflictError, InvalidError, NotFoundError
from app.services.data import training_data
from app.services.jobs import jobs, ranking_counts
from app.services.labeling import groups, rankings
from app.services.labeling.changing import change_ranking
from tests.services.conftest import MakeGroup
from tests.services.labeling.test_rankings import submit


def change(session: Session, ranking: Ranking, labeler: Labeler, ranks: list[int], comment: str = "") -> Ranking:
    given = dict(zip(map(int, ranking.ranks), ranks, strict=True))
    return change_ranking(session, ranking.id, labeler, ranks=given, comment=comment, duration_ms=7, retrain_after=100)


def test_a_change_replaces_the_ranking_in_one_step(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    group = make_group(leased_to=ada)
    former = submit(session, group, ada)
    changed = change(session, former, ada, [4, 3, 2, 1], "on second thoughts")
    assert (former.withdrawn_at is None, changed.withdrawn_at, changed.group_id) == (False, None, group.id)
    assert (changed.comment, changed.duration_ms) == ("on second thoughts", 7)
    assert list(changed.ranks.values()) == [4, 3, 2, 1]
    assert ranking_counts.count_rankings(session).total == 1
    assert groups.get_group(session, group.id).status is GroupStatus.RANKED, "its card is before nobody meanwhile"
    assert change(session, former, ada, [4, 3, 2, 1], "on second thoughts").id == changed.id, "sent twice"
    assert ranking_counts.count_rankings(session).total == 1
    back = change(session, changed, ada, [1, 2, 3, 4])
    assert training_data.ranking_ids_in_force(session) == [back.id]


def test_a_change_to_the_same_changes_nothing(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    ranking = submit(session, make_group(leased_to=ada), ada)
    tied = change(session, ranking, ada, [1, 2, 2, 3])
    assert change(session, tied, ada, [1, 2, 2, 4]).id == tied.id, "however the ranks are numbered"
    assert change(session, tied, ada, [1, 2, 2, 3], "new words").id != tied.id


def test_a_refused_change_loses_nothing(session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler) -> None:
    ranking = submit(session, make_group(leased_to=ada), ada)
    for wrong in ([1, 2, 3, 9], [1, 3, 3, 3]):
        with pytest.raises(InvalidError):
            change(session, ranking, ada, wrong)
    with pytest.raises(InvalidError):
        change_ranking(session, ranking.id, ada, ranks={1: 1}, retrain_after=9)
    with pytest.raises(ConflictError, match="another labeler"):
        change(session, ranking, bob, [4, 3, 2, 1])
    with pytest.raises(NotFoundError):
        change_ranking(session, 99, ada, ranks={}, retrain_after=9)
    assert ranking.withdrawn_at is None
    rankings.take_out(session, ranking.id, ada)
    with pytest.raises(ConflictError, match="was withdrawn, so nothing was changed"):
        change(session, ranking, ada, [4, 3, 2, 1])
    assert ranking_counts.count_rankings(session).total == 0


def test_what_came_with_a_file_is_not_changed(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    group = make_group(leased_to=ada)
    ranking = submit(session, group, ada)
    session.get_one(Group, group.id).digest = "d"
    with pytest.raises(ConflictError, match="came with a file"):
        change(session, ranking, ada, [4, 3, 2, 1])
    assert ranking.withdrawn_at is None


def test_enough_changes_start_a_training_as_rankings_do(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    ranking = submit(session, make_group(leased_to=ada), ada)
    given = dict(zip(map(int, ranking.ranks), [4, 3, 2, 1], strict=True))
    change_ranking(session, ranking.id, ada, ranks=given, retrain_after=1)
    assert [job.kind for job in jobs.list_jobs(session).items] == ["train_reward"]
