"""Which rankings the next training of the reward model would see that the last one did not."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db.base import utc_now
from app.db.models.jobs import Job, JobStatus
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt
from app.db.models.rankings import Ranking
from app.db.session import transaction
from app.services.data import training_data
from app.services.jobs import job_runs, jobs, retraining
from app.services.labeling import groups, rankings
from tests.live import LEASE_SECONDS
from tests.services.conftest import MakeGroup, in_order

Give = Callable[[int], list[int]]


@pytest.fixture
def give(sessions: sessionmaker[Session], make_group: MakeGroup, ada: Labeler) -> Give:
    """Stores so many rankings, each of a group of its own; their ids."""

    def give(number: int) -> list[int]:
        given = []
        for _ in range(number):
            group = make_group(leased_to=ada)
            with transaction(sessions) as session:
                ranking = rankings.submit_ranking(
                    session, group_id=group.id, labeler=ada, ranks=in_order(group), retrain_after=99
                )
                given.append(ranking.id)
        return given

    return give


def count(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return retraining.new_rankings(session)


def queue(sessions: sessionmaker[Session]) -> str:
    with transaction(sessions) as session:
        return jobs.queue_job(session, kind="train_reward").id


def start(sessions: sessionmaker[Session], job_id: str) -> int:
    with transaction(sessions) as session:
        fence = job_runs.start_attempt(session, job_id, max_attempts=3)
    assert fence is not None
    return fence


def read_data(sessions: sessionmaker[Session], job_id: str, fence: int) -> None:
    with transaction(sessions) as session:
        ranking_ids = training_data.ranking_ids_in_force(session)
        job_runs.note_rankings(session, job_id, fence, ranking_ids)


def finish(sessions: sessionmaker[Session], job_id: str, fence: int) -> None:
    with transaction(sessions) as session:
        assert job_runs.finish(session, job_id, fence, status=JobStatus.SUCCEEDED)


def train(sessions: sessionmaker[Session]) -> str:
    job_id = queue(sessions)
    fence = start(sessions, job_id)
    read_data(sessions, job_id, fence)
    finish(sessions, job_id, fence)
    return job_id


def test_all_are_new_to_the_first_training(sessions: sessionmaker[Session], give: Give) -> None:
    assert count(sessions) == 0
    give(3)
    assert count(sessions) == 3


def test_what_was_read_is_not_new_though_it_came_after_the_start(sessions: sessionmaker[Session], give: Give) -> None:
    """The job starts, loads for a while, and reads 4: the two that came meanwhile are read, too."""
    give(2)
    job_id = queue(sessions)
    fence = start(sessions, job_id)
    give(2)
    read_data(sessions, job_id, fence)
    assert count(sessions) == 0
    give(1)
    finish(sessions, job_id, fence)
    assert count(sessions) == 1


def test_the_ranking_that_starts_a_training_waits_for_no_other(sessions: sessionmaker[Session], give: Give) -> None:
    def waits_for() -> tuple[int, bool]:
        with sessions() as session:
            return retraining.until_training(session, retrain_after=8), retraining.has_trained(session)

    give(7)
    assert waits_for() == (1, False)
    give(1)
    queue(sessions)
    assert waits_for() == (0, True)
    give(1)
    assert waits_for() == (7, True)


def test_a_training_dated_ahead_hides_nothing(sessions: sessionmaker[Session], give: Give) -> None:
    """The clock was a day ahead while it ran; ids tell what came since."""
    give(2)
    job_id = train(sessions)
    with transaction(sessions) as session:
        job = session.get_one(Job, job_id)
        job.created_at = job.started_at = job.finished_at = utc_now() + timedelta(days=1)
    give(2)
    assert count(sessions) == 2
    with transaction(sessions) as session:
        queued = retraining.after_ranking(session, retrain_after=2)
        assert queued is not None
        assert queued.id != job_id
        assert jobs.latest_job(session, "train_reward") is queued


def test_rankings_dated_before_the_training_are_new_when_they_came_after_it(
    sessions: sessionmaker[Session], give: Give
) -> None:
    give(1)
    train(sessions)
    (late,) = give(1)
    with transaction(sessions) as session:
        ranking = session.get_one(Ranking, late)
        ranking.created_at = utc_now() - timedelta(days=1)
    assert count(sessions) == 1


def test_a_set_that_shrank_is_new(sessions: sessionmaker[Session], give: Give, ada: Labeler) -> None:
    given = give(3)
    train(sessions)
    with transaction(sessions) as session:
        for ranking_id in given[:2]:
            rankings.withdraw_ranking(session, ranking_id, ada, lease_seconds=LEASE_SECONDS)
    assert count(sessions) == 2
    train(sessions)
    assert count(sessions) == 0


def test_a_ranking_given_anew_is_one(sessions: sessionmaker[Session], give: Give, ada: Labeler) -> None:
    given = give(3)
    train(sessions)
    with transaction(sessions) as session:
        ranking = rankings.withdraw_ranking(session, given[1], ada, lease_seconds=LEASE_SECONDS)
        group = groups.get_group(session, ranking.group_id)
        rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=in_order(group), retrain_after=99)
    assert count(sessions) == 1


def test_one_committed_late_is_new(sessions: sessionmaker[Session], give: Give) -> None:
    """PostgreSQL gives ids before it commits: a ranking with a lower id may appear after the training has looked."""
    give(2)
    job_id = queue(sessions)
    fence = start(sessions, job_id)
    with transaction(sessions) as session:
        job_runs.note_rankings(session, job_id, fence, [2])
    finish(sessions, job_id, fence)
    assert count(sessions) == 1


@pytest.mark.parametrize("how", ["cancelled while it waits", "failed before it reads"])
def test_a_training_that_read_nothing_is_not_queued_again_at_every_ranking(
    sessions: sessionmaker[Session], give: Give, how: str
) -> None:
    give(8)
    job_id = queue(sessions)
    with transaction(sessions) as session:
        if how == "cancelled while it waits":
            jobs.request_cancel(session, job_id)
        else:
            fence = job_runs.start_attempt(session, job_id, max_attempts=3)
            assert fence is not None
            job_runs.finish(session, job_id, fence, status=JobStatus.FAILED, error="no")
    give(1)
    with transaction(sessions) as session:
        assert retraining.new_rankings(session) == 1
        assert retraining.after_ranking(session, retrain_after=8) is None
        assert session.scalar(select(func.count()).select_from(Job)) == 1


def test_rankings_about_archived_prompts_are_not_missed(
    sessions: sessionmaker[Session], give: Give, make_group: MakeGroup, ada: Labeler
) -> None:
    """The training is cancelled before it reads anything: it would have read one, and nothing is new."""
    give(2)
    with transaction(sessions) as session:
        session.scalars(select(Prompt)).one().archived_at = utc_now()
    other = make_group(leased_to=ada, text="Other")
    with transaction(sessions) as session:
        rankings.submit_ranking(session, group_id=other.id, labeler=ada, ranks=in_order(other), retrain_after=99)
    job_id = queue(sessions)
    with transaction(sessions) as session:
        jobs.request_cancel(session, job_id)
    assert count(sessions) == 0


def test_a_ranking_is_stored_though_nothing_is_left_to_train_on(
    sessions: sessionmaker[Session], give: Give, make_group: MakeGroup, ada: Labeler
) -> None:
    """Its prompt was archived while the card was on the screen, and so were those of all rankings before."""
    give(2)
    train(sessions)
    group = make_group(leased_to=ada)
    with transaction(sessions) as session:
        session.scalars(select(Prompt)).one().archived_at = utc_now()
    assert count(sessions) == 0
    with transaction(sessions) as session:
        stored = rankings.submit_ranking(
            session, group_id=group.id, labeler=ada, ranks=in_order(group), retrain_after=2
        )
        assert stored.id
        assert session.scalar(select(func.count(Job.id))) == 1
