"""Votes: one row each, once, one's own, blind; withdrawn they are kept and count no more."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models.arena import PairStatus, Verdict, Vote
from app.db.models.labelers import Labeler, LabelerKind
from app.errors import ConflictError, InvalidError, NotFoundError
from app.services.arena import pairs, votes
from app.settings.config import Settings
from tests.services.arena.conftest import MakePair, VoteOn


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Vote)) or 0


def test_a_vote_is_one_row_with_all_that_it_was_about(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    pair = make_pair(ada)
    vote = vote_on(pair, ada, Verdict.B)
    assert (vote.verdict, vote.labeler.name, vote.pair.id, vote.pair.prompt.text) == (
        Verdict.B, "ada", pair.id, "held_out prompt 0"
    )  # fmt: skip
    assert (pair.status, vote.withdrawn_at, vote.ranking_id, vote.activated_version_id) == (
        PairStatus.VOTED, None, None, None
    )  # fmt: skip
    assert votes.last_vote(session, ada) is vote
    assert votes.vote_on(session, pair.id, ada) is vote
    pair.digest = "of a file"
    session.flush()
    assert votes.last_vote(session, ada) is None, "it was given elsewhere"


def test_sent_twice_it_is_kept_once(session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler) -> None:
    pair = make_pair(ada)
    vote = vote_on(pair, ada, Verdict.TIE, key="k")
    assert vote_on(pair, ada, Verdict.TIE, key="k") is vote
    for verdict, key, says in ((Verdict.A, "k", "belongs to another vote"), (Verdict.TIE, "other", "already voted")):
        with pytest.raises(ConflictError, match=says):
            vote_on(pair, ada, verdict, key=key)
    with pytest.raises(ConflictError, match="belongs to another vote"):
        vote_on(make_pair(ada), ada, Verdict.TIE, key="k")
    assert count(session) == 1


def test_two_people_do_not_vote_on_one_pair(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler, bob: Labeler
) -> None:
    pair = make_pair(ada)
    with pytest.raises(ConflictError, match="given to another labeler") as caught:
        vote_on(pair, bob)
    assert caught.value.page_message == "This pair was given to somebody else. Continue with the next one."
    pair.labeler_id = bob.id  # ada was away too long
    with pytest.raises(ConflictError, match="given to another labeler"):
        vote_on(pair, ada)
    vote_on(pair, bob)
    assert count(session) == 1


def test_pairs_that_are_over_or_not_there_take_no_vote(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    pair = make_pair(ada)
    pairs.skip(session, pair.id, ada)
    with pytest.raises(ConflictError, match="was skipped"):
        vote_on(pair, ada)
    session.expunge(pair)
    pair.id = 99
    with pytest.raises(NotFoundError, match="no pair 99"):
        vote_on(pair, ada)


@pytest.mark.parametrize(
    ("extra", "says"), [({"duration_ms": -1}, "duration_ms"), ({"idempotency_key": ""}, "1 to 200")]
)
def test_extras_out_of_bounds_are_refused(
    session: Session, make_pair: MakePair, settings: Settings, ada: Labeler, extra: dict[str, object], says: str
) -> None:
    with pytest.raises(InvalidError, match=says):
        votes.cast_vote(
            session, pair_id=make_pair(ada).id, labeler=ada, verdict=Verdict.A, retrain_after=9,
            data_dir=settings.data_dir, **extra,  # type: ignore[arg-type]
        )  # fmt: skip


def test_a_withdrawn_vote_is_kept_and_its_pair_takes_no_other(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler, bob: Labeler
) -> None:
    first, pair = make_pair(ada), make_pair(ada)
    earlier, vote = vote_on(first, ada), vote_on(pair, ada, key="k")
    with pytest.raises(ConflictError, match="given by another labeler"):
        votes.withdraw_vote(session, vote.id, bob)
    when = votes.withdraw_vote(session, vote.id, ada).withdrawn_at
    assert when is not None
    assert votes.withdraw_vote(session, vote.id, ada).withdrawn_at == when
    assert votes.last_vote(session, ada) is earlier
    with pytest.raises(ConflictError, match="would not be blind"):
        vote_on(pair, ada)
    with pytest.raises(ConflictError, match="or to a withdrawn one"):
        vote_on(pair, ada, key="k")
    with pytest.raises(NotFoundError, match="no vote 99"):
        votes.withdraw_vote(session, 99, ada)
    assert [each.id for each in votes.list_votes(session).items] == [earlier.id]
    assert [each.id for each in votes.list_votes(session, include_withdrawn=True).items] == [vote.id, earlier.id]
    assert votes.list_votes(session, labeler_kind=LabelerKind.SIMULATED).items == []
