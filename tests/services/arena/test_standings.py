"""What the votes in force say of two versions and of all, whichever side each stood on."""

import pytest
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.arena import PairSource, Verdict
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import PromptSplit
from app.db.models.versions import Version, VersionKind
from app.services.arena import votes
from app.services.arena.matches import Match
from app.services.arena.sequential import Settled
from app.services.arena.standings import Contestant, counts_of, result_of, standings
from app.services.arena.win_rate import Counts, Interval
from app.services.versions import versions
from tests.services.arena.conftest import MakePair, VoteOn


@pytest.fixture
def match(session: Session, make_pair: MakePair, sft: Version, policy: Version) -> Match:
    del make_pair  # stores what it needs before the session has the write lock
    return Match(session.get_one(Version, policy.id), session.get_one(Version, sft.id))


def test_a_vote_counts_for_whoever_wrote_the_side() -> None:
    assert counts_of(Verdict.A, is_a=True) == counts_of(Verdict.B, is_a=False) == Counts(wins=1)
    assert counts_of(Verdict.B, is_a=True) == counts_of(Verdict.A, is_a=False) == Counts(losses=1)
    for is_a in (True, False):
        assert counts_of(Verdict.TIE, 3, is_a=is_a) == Counts(ties=3)
        assert counts_of(Verdict.BOTH_BAD, is_a=is_a) == Counts(both_bad=1)


def test_without_votes_nothing_is_said(session: Session, match: Match) -> None:
    result = result_of(session, match)
    assert (result.counts, result.settled, result.wilson) == (Counts(), Settled.OPEN, Interval(0, 1))
    assert (standings(session).rows, standings(session).votes) == ([], 0)


def test_sides_sources_and_withdrawn_votes(
    session: Session, match: Match, make_pair: MakePair, vote_on: VoteOn, ada: Labeler, bob: Labeler
) -> None:
    vote_on(make_pair(ada), ada, Verdict.A)
    vote_on(make_pair(ada, turned=True), ada, Verdict.B)
    vote_on(make_pair(bob, turned=True, split=PromptSplit.TRAIN), bob, Verdict.A)
    vote_on(make_pair(bob), bob, Verdict.TIE)
    vote_on(make_pair(bob), bob, Verdict.BOTH_BAD)
    votes.withdraw_vote(session, vote_on(make_pair(ada), ada, Verdict.A).id, ada)
    result = result_of(session, match)
    assert result.counts == Counts(wins=2, ties=1, losses=1, both_bad=1)
    assert result.by_source == {
        PairSource.HELD_OUT: Counts(wins=2, ties=1, both_bad=1), PairSource.DRAWN: Counts(losses=1)
    }  # fmt: skip
    assert result.by_kind == {LabelerKind.PERSON: 5}
    assert result_of(session, Match(match.against, match.version)).counts == result.counts.turned
    table = standings(session)
    assert [each.contestant.version_id for each in table.rows] == [match.version.id, match.against.id]
    assert (table.rows[0].counts, table.votes, table.connected) == (
        Counts(wins=2, ties=1, losses=1, both_bad=1),
        5,
        True,
    )


def test_votes_of_a_version_whose_files_are_gone_stay(
    session: Session, match: Match, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    vote_on(make_pair(ada), ada, Verdict.A)
    match.version.removed_at = utc_now()
    session.flush()
    assert result_of(session, match).counts == Counts(wins=1)
    assert len(standings(session).rows) == 2


def test_versions_elsewhere_and_those_never_compared_are_told_apart(
    session: Session, match: Match, make_pair: MakePair, vote_on: VoteOn, ada: Labeler, sft: Version
) -> None:
    new = versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path="v/3", content_hash="3" * 64)
    third, fourth = versions.add_version(session, new), versions.add_version(session, new)
    vote_on(make_pair(ada), ada)
    vote_on(make_pair(ada, of=(third, fourth)), ada)
    table = standings(session)
    assert len({each.component for each in table.rows}) == 2
    assert not table.connected
    foreign = make_pair(ada, of=(third, match.version))
    foreign.version_a_id, foreign.writer_a = None, "policy 7 #00"
    vote_on(foreign, ada)
    assert Contestant(None, "policy 7 #00") in {each.contestant for each in standings(session).rows}
    vote_on(make_pair(ada, of=(third, match.version)), ada, Verdict.BOTH_BAD)
    assert not standings(session).connected  # that both are bad compares nothing
    vote_on(make_pair(ada, of=(third, match.version)), ada, Verdict.TIE)
    assert standings(session).connected
