import pytest
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session

from app.db.models.groups import Group, GroupStatus
from app.db.models.jobs import JobStatus, JobTrigger
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.rankings import Ranking
from app.errors import AppError, ConflictError, InvalidError, NotFoundError
from app.services.data import training_data
from app.services.jobs import jobs, ranking_counts, retraining
from app.services.labeling import groups, labelers, rankings
from tests.live import LEASE_SECONDS
from tests.services.conftest import MakeGroup, in_order, lease, plans


def submit(
    session: Session, group: Group, labeler: Labeler, *, key: str | None = None, retrain_after: int = 100
) -> Ranking:
    return rankings.submit_ranking(
        session,
        group_id=group.id,
        labeler=labeler,
        ranks=in_order(group),
        idempotency_key=key,
        retrain_after=retrain_after,
    )


def test_ranking_is_stored_and_group_is_done(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    group = make_group(leased_to=ada)
    ranking = submit(session, group, ada)
    assert ranking.ranks == {str(answer.id): place + 1 for place, answer in enumerate(group.completions)}
    assert groups.get_group(session, group.id).status is GroupStatus.RANKED
    assert ranking_counts.count_rankings(session).total == 1


@pytest.mark.parametrize("ranks", [[1, 1, 1, 1], [1, 2, 2, 3], [1, 2, 2, 4], [2, 1, 1, 2][::-1], [4, 3, 2, 1]])
def test_ties_are_kept(session: Session, make_group: MakeGroup, ada: Labeler, ranks: list[int]) -> None:
    group = make_group(leased_to=ada)
    given = {answer.id: rank for answer, rank in zip(group.completions, ranks, strict=True)}
    stored = rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=given, retrain_after=9)
    assert stored.ranks == {str(answer_id): rank for answer_id, rank in given.items()}


def test_wrong_ranks_are_refused_and_nothing_changes(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    group = make_group(leased_to=ada)
    right = in_order(group)
    some = group.completions[0].id
    for wrong in (
        {},
        {answer_id: rank for answer_id, rank in right.items() if answer_id != some},
        {**right, 999: 1},
        {**{answer_id: rank for answer_id, rank in right.items() if answer_id != some}, 999: 1},
        {**right, some: 0},
        {**right, some: 5},
        dict.fromkeys(right, 4),
    ):
        with pytest.raises(InvalidError):
            rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=wrong, retrain_after=9)
    assert ranking_counts.count_rankings(session).total == 0
    assert groups.get_leased_group(session, group.id, ada)


def test_conflicts(session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler) -> None:
    mine, ready = make_group(leased_to=ada), make_group()
    with pytest.raises(ConflictError, match="leased to somebody else"):
        submit(session, mine, bob)
    with pytest.raises(ConflictError, match="it is ready"):
        submit(session, ready, ada)
    submit(session, mine, ada)
    with pytest.raises(ConflictError, match="already ranked"):
        submit(session, mine, ada)
    with pytest.raises(NotFoundError):
        rankings.submit_ranking(session, group_id=99, labeler=ada, ranks={}, retrain_after=9)


def test_same_key_answers_the_same_ranking(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    group, other = make_group(leased_to=ada), make_group(leased_to=ada)
    first = submit(session, group, ada, key="once")
    assert submit(session, group, ada, key="once") is first
    with pytest.raises(ConflictError, match="another ranking"):
        submit(session, other, ada, key="once")
    ranks = {int(answer_id): rank for answer_id, rank in first.ranks.items()}
    with pytest.raises(ConflictError, match="another comment"):
        rankings.submit_ranking(
            session,
            group_id=group.id,
            labeler=ada,
            ranks=ranks,
            comment="other words",
            idempotency_key="once",
            retrain_after=9,
        )
    rankings.withdraw_ranking(session, first.id, ada, lease_seconds=LEASE_SECONDS)
    with pytest.raises(ConflictError, match="Send a new key"):
        submit(session, group, ada, key="once")
    assert submit(session, group, ada, key="twice").id != first.id


def test_withdrawn_ranking_is_kept_and_its_group_comes_back_first(
    session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    group = make_group(leased_to=ada)
    ranking = submit(session, group, ada)
    session.commit()
    make_group()
    assert lease(session, ada, lease_seconds=30.0) is not None
    with pytest.raises(ConflictError, match="another labeler"):
        rankings.withdraw_ranking(session, ranking.id, bob, lease_seconds=LEASE_SECONDS)
    withdrawn = rankings.withdraw_ranking(session, ranking.id, ada, lease_seconds=LEASE_SECONDS)
    assert withdrawn.withdrawn_at is not None
    assert (
        rankings.withdraw_ranking(session, ranking.id, ada, lease_seconds=LEASE_SECONDS).withdrawn_at
        == withdrawn.withdrawn_at
    )
    shown = lease(session, ada)
    assert shown is not None
    assert shown.id == group.id
    assert ranking_counts.count_rankings(session).total == 0
    assert [row.id for row in rankings.list_rankings(session, include_withdrawn=True).items] == [ranking.id]
    assert training_data.ranking_ids_in_force(session) == []
    with pytest.raises(NotFoundError):
        rankings.withdraw_ranking(session, 99, ada, lease_seconds=LEASE_SECONDS)


def test_simulated_rankings_are_left_out_where_people_are_counted(
    session: Session, make_group: MakeGroup, ada: Labeler
) -> None:
    robot = labelers.get_or_create_labeler(session, "robot", LabelerKind.SIMULATED)
    session.commit()
    for labeler in (ada, robot, robot):
        submit(session, make_group(leased_to=labeler), labeler)
        session.commit()
    assert ranking_counts.count_rankings(session) == ranking_counts.RankingCounts(people=1, simulated=2, imported=0)
    listed = rankings.list_rankings(session, labeler_kind=LabelerKind.SIMULATED).items
    assert {row.labeler.name for row in listed} == {"robot"}


def test_a_person_never_turns_simulated(session: Session, ada: Labeler) -> None:
    with pytest.raises(ConflictError, match="belongs to a person"):
        labelers.get_or_create_labeler(session, ada.name, LabelerKind.SIMULATED)
    robot = labelers.get_or_create_labeler(session, "robot", LabelerKind.SIMULATED)
    assert labelers.get_or_create_labeler(session, "robot").kind is LabelerKind.SIMULATED
    assert robot.kind is LabelerKind.SIMULATED
    for name in ("", "  ", "x" * 65, "a\nb"):
        with pytest.raises(InvalidError):
            labelers.get_or_create_labeler(session, name)


def test_what_people_write_is_cleaned(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    """A form's comment with NUL was stored as it was sent."""
    group = make_group(leased_to=ada)

    def send(key: str) -> Ranking:
        return rankings.submit_ranking(
            session,
            group_id=group.id,
            labeler=ada,
            ranks=in_order(group),
            comment=" good\0\x1b\nwork\ud800 ",
            idempotency_key=key,
            retrain_after=9,
        )

    found = send("on\0ce")
    assert (found.comment, found.idempotency_key) == ("good\nwork?", "once")
    assert send("once\x07") is found
    with pytest.raises(InvalidError, match="idempotency_key has 1"):
        send("\0")
    with pytest.raises(InvalidError, match="control characters"):
        labelers.get_or_create_labeler(session, "ad\0a\x07")


def test_long_comments_and_odd_durations_are_refused(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    group = make_group(leased_to=ada)
    for extras in ({"comment": "x" * 2_001}, {"duration_ms": -1}, {"duration_ms": 10**9}, {"idempotency_key": ""}):
        with pytest.raises(AppError):
            rankings.submit_ranking(
                session,
                group_id=group.id,
                labeler=ada,
                ranks=in_order(group),
                retrain_after=9,
                **extras,
            )


def test_enough_new_rankings_queue_one_training(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    def rank_one() -> int:
        """How many jobs there are then."""
        submit(session, make_group(leased_to=ada), ada, retrain_after=3)
        session.commit()
        count = len(jobs.list_jobs(session).items)
        session.commit()
        return count

    assert [rank_one() for _ in range(3)] == [0, 0, 1]
    job = jobs.list_jobs(session).items[0]
    assert (job.kind, job.trigger, job.status) == ("train_reward", JobTrigger.RULE, JobStatus.QUEUED)
    assert retraining.new_rankings(session) == 0
    session.commit()
    assert [rank_one() for _ in range(3)] == [1, 1, 1]  # one is waiting: no second
    job.status = JobStatus.FAILED
    session.commit()
    assert rank_one() == 2  # four new ones since the failed one
    job = jobs.list_jobs(session).items[0]
    job.status = JobStatus.FAILED
    session.commit()
    assert [rank_one() for _ in range(3)] == [2, 2, 3]  # a failing training is not queued at every ranking


def test_another_order_under_the_same_key_is_not_dropped_in_silence(
    session: Session, make_group: MakeGroup, ada: Labeler
) -> None:
    group = make_group(leased_to=ada)
    first = submit(session, group, ada, key="k")
    assert submit(session, group, ada, key="k") is first
    other = dict(zip(in_order(group), [4, 3, 2, 1], strict=True))
    with pytest.raises(ConflictError, match="other ranks, or another comment, which are kept"):
        rankings.submit_ranking(
            session, group_id=group.id, labeler=ada, ranks=other, idempotency_key="k", retrain_after=9
        )
    assert first.ranks == {str(answer): rank for answer, rank in in_order(group).items()}


@pytest.mark.sqlite
def test_of_many_rankings_the_newest_alone_is_looked_at(database: Database, session: Session, ada: Labeler) -> None:
    session.commit()
    [plan] = plans(database, lambda asked: rankings.last_ranking(asked, ada))
    assert "ix_rankings_labeler" in plan, plan
    assert "TEMP B-TREE" not in plan, plan
