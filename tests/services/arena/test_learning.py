"""Votes as rankings of two: only by a setting, only where training may see the prompt, and never a held-out one."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.arena import Verdict
from app.db.models.groups import Completion
from app.db.models.jobs import Job
from app.db.models.labelers import Labeler
from app.db.models.prompts import PromptSplit
from app.db.models.rankings import Ranking
from app.services.arena import arena_settings, learning, votes
from app.services.arena.arena_settings import ArenaChoice
from app.services.data import exports, training_data
from app.services.jobs import ranking_counts
from app.services.labeling import rankings
from app.settings.config import Settings
from tests.services.arena.conftest import MakePair, VoteOn

ON, OFF = ArenaChoice(train_on_votes=True), ArenaChoice()


def choose(session: Session, choice: ArenaChoice, retrain_after: int = 1_000) -> None:
    arena_settings.choose(session, choice, retrain_after=retrain_after)


def learned(session: Session) -> list[training_data.RankedAnswers]:
    return training_data.ranked_answers(session, training_data.ranking_ids_in_force(session))


def test_by_default_nothing_is_learned_from_votes(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    vote = vote_on(make_pair(ada, split=PromptSplit.TRAIN), ada)
    assert (learned(session), vote.ranking_id) == ([], None)
    assert session.scalar(select(func.count()).select_from(Completion)) == 0


def test_where_it_is_on_a_vote_is_a_ranking_of_two_with_the_tokens_that_were_drawn(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    choose(session, ON)
    for verdict in Verdict:
        vote_on(make_pair(ada, split=PromptSplit.TRAIN), ada, verdict)
    assert [each.ranks for each in learned(session)] == [[1, 2], [2, 1], [1, 1]]  # both bad is no comparison
    first = learned(session)[0]
    assert (first.texts, first.answers) == (["its 0", "the other's 0"], [[5, 7, 4], [5, 8]])
    assert first.messages == [{"role": "user", "content": "train prompt 0"}]


@pytest.mark.parametrize("before", [True, False])
def test_votes_on_held_out_prompts_never_reach_training(
    sessions: sessionmaker[Session], session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler, before: bool
) -> None:
    """Whether the setting was on when they were given or is switched on later; nor do their answers, by any door."""
    if before:
        choose(session, ON)
    held_out = [make_pair(ada, split=PromptSplit.HELD_OUT) for _ in range(3)]
    for pair, verdict in zip(held_out, (Verdict.A, Verdict.B, Verdict.TIE), strict=True):
        assert vote_on(pair, ada, verdict).ranking_id is None
    vote_on(make_pair(ada, split=PromptSplit.TRAIN), ada)
    if not before:
        choose(session, ON)
    assert [each.messages[0]["content"] for each in learned(session)] == ["train prompt 3"]
    for pair in held_out:
        for version_id in (pair.version_a_id, pair.version_b_id):
            ids = training_data.answer_ids_of_version(session, version_id or 0, 99)
            told = training_data.answers_with_prompts(session, ids)
            assert all(messages[0]["content"] == "train prompt 3" for messages, _tokens in told)
        assert pair.prompt_id not in training_data.training_prompt_ids(session, 99, seed=1)
    session.commit()
    for rows in (exports.export_rankings(sessions), exports.export_comparisons(sessions, ties=True)):
        assert list(rows) == []  # what votes became is in votes.jsonl


def test_a_prompt_that_is_held_out_later_takes_its_votes_out_of_training(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    choose(session, ON)
    pair = make_pair(ada, split=PromptSplit.TRAIN)
    vote_on(pair, ada)
    assert len(learned(session)) == 1
    pair.prompt.split = PromptSplit.HELD_OUT
    session.flush()
    assert learned(session) == []


def test_switching_it_on_off_and_on_again_makes_no_ranking_twice(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    given = [vote_on(make_pair(ada, split=PromptSplit.TRAIN), ada) for _ in range(3)]
    choose(session, ON)
    assert len(learned(session)) == 3
    choose(session, ON)
    choose(session, OFF)
    assert learned(session) == []
    votes.withdraw_vote(session, given[0].id, ada)
    choose(session, ON)
    assert len(learned(session)) == 2
    assert session.scalar(select(func.count()).select_from(Ranking)) == 3


def test_what_somebody_withdrew_by_hand_stays_withdrawn_whatever_is_switched(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    """Before the setting goes off, and while it is off."""
    choose(session, ON)
    given = [vote_on(make_pair(ada, split=PromptSplit.TRAIN), ada) for _ in range(3)]
    ids = [vote.ranking_id or 0 for vote in given]
    rankings.withdraw_ranking(session, ids[0], ada, lease_seconds=60)
    choose(session, OFF)
    rankings.withdraw_ranking(session, ids[1], ada, lease_seconds=60)
    assert training_data.ranking_ids_in_force(session) == []
    choose(session, ON)
    assert training_data.ranking_ids_in_force(session) == ids[2:]
    assert [learning.is_learned(session, vote) for vote in given] == [False, False, True]


def test_a_ranking_is_as_old_as_its_vote(session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler) -> None:
    vote = vote_on(make_pair(ada, split=PromptSplit.TRAIN), ada)
    vote.created_at = datetime(2026, 1, 2, tzinfo=UTC)
    choose(session, ON)
    assert [each.created_at for each in session.scalars(select(Ranking))] == [datetime(2026, 1, 2, tzinfo=UTC)]


def test_what_is_off_counts_nowhere_and_is_no_withdrawal(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    choose(session, ON)
    vote = vote_on(make_pair(ada, split=PromptSplit.TRAIN), ada)
    assert ranking_counts.count_rankings(session).total == 1
    choose(session, OFF)
    assert ranking_counts.count_rankings(session).total == 0
    assert session.get_one(Ranking, vote.ranking_id).withdrawn_at is None
    assert not learning.is_learned(session, vote)


def test_a_withdrawn_vote_is_unlearned(session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler) -> None:
    choose(session, ON)
    vote = vote_on(make_pair(ada, split=PromptSplit.TRAIN), ada)
    assert len(learned(session)) == 1
    votes.withdraw_vote(session, vote.id, ada)
    assert learned(session) == []


def test_the_label_pages_undo_passes_them_over_and_withdrawing_one_leases_no_card(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    choose(session, ON)
    vote = vote_on(make_pair(ada, split=PromptSplit.TRAIN), ada)
    assert rankings.last_ranking(session, ada) is None
    assert vote.ranking_id is not None
    ranking = rankings.withdraw_ranking(session, vote.ranking_id, ada, lease_seconds=60)
    assert ranking.withdrawn_at is not None
    assert vote.withdrawn_at is None  # it stays a vote


def test_enough_of_them_queue_a_training(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler, settings: Settings
) -> None:
    for _ in range(2):
        vote_on(make_pair(ada, split=PromptSplit.TRAIN), ada)
    assert session.scalars(select(Job)).all() == []
    choose(session, ON, retrain_after=2)
    assert [job.kind for job in session.scalars(select(Job))] == ["train_reward"]
    assert settings.retrain_after_rankings > 2
