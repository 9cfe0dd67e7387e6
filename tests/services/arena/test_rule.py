"""The rule activates a candidate by votes: once the interval is above the bar, one at a time, and the vote says so."""

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.arena import Verdict, Vote
from app.db.models.labelers import Labeler
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.model_info.weights import copy_directory
from app.services.arena import arena_settings
from app.services.arena.arena_settings import ArenaChoice
from app.services.arena.sequential import anytime_interval
from app.services.arena.win_rate import Counts
from app.services.versions import versions
from app.settings.config import Settings
from tests.services.arena.conftest import MakePair, VoteOn


@pytest.fixture
def candidate(session: Session, policy: Version, model_files: Path, settings: Settings) -> Version:
    """The policy, with files."""
    stored = session.get_one(Version, policy.id)
    stored.content_hash = copy_directory(model_files, settings.data_dir / stored.path)
    session.flush()
    return stored


def vote_until_active(
    session: Session, candidate: Version, make_pair: MakePair, vote_on: VoteOn, ada: Labeler, most: int = 40
) -> list[Vote]:
    given = []
    for number in range(most):
        pair = make_pair(ada, turned=number % 2 == 1)
        given.append(vote_on(pair, ada, Verdict.B if number % 2 else Verdict.A))
        if candidate.status is VersionStatus.ACTIVE:
            break
    session.flush()
    return given


def active(session: Session) -> list[int]:
    return list(session.scalars(select(Version.id).where(Version.status == VersionStatus.ACTIVE)))


def test_without_the_rule_votes_activate_nothing(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, candidate: Version
) -> None:
    vote_until_active(session, candidate, make_pair, vote_on, ada)
    assert candidate.status is VersionStatus.CANDIDATE


def test_what_was_rolled_back_is_never_activated_again_by_votes(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, candidate: Version
) -> None:
    arena_settings.choose(session, ArenaChoice(activate_above=0.5), retrain_after=99)
    candidate.status = VersionStatus.RETIRED
    session.flush()
    given = vote_until_active(session, candidate, make_pair, vote_on, ada, most=12)
    assert (len(given), candidate.status) == (12, VersionStatus.RETIRED)


@pytest.mark.parametrize("bar", [0.5, 0.6])
def test_it_is_activated_with_the_first_vote_that_clears_the_bar_and_the_vote_says_so(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, candidate: Version, bar: float
) -> None:
    arena_settings.choose(session, ArenaChoice(activate_above=bar), retrain_after=99)
    given = vote_until_active(session, candidate, make_pair, vote_on, ada)
    assert active(session) == [candidate.id]
    assert [vote.activated_version_id for vote in given] == [None] * (len(given) - 1) + [candidate.id]
    lows = [anytime_interval(Counts(wins=n)).low for n in (len(given) - 1, len(given))]
    assert lows[0] <= bar < lows[1]


def test_votes_against_it_both_bad_and_between_others_activate_nothing(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, candidate: Version, sft: Version
) -> None:
    arena_settings.choose(session, ArenaChoice(activate_above=0.5), retrain_after=99)
    new = versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path="v/3", content_hash="3" * 64)
    other = versions.add_version(session, new)
    for _ in range(15):
        vote_on(make_pair(ada), ada, Verdict.B)
        vote_on(make_pair(ada), ada, Verdict.BOTH_BAD)
        vote_on(make_pair(ada, of=(candidate, other)), ada)
    assert active(session) == [sft.id]


def test_never_two_at_once_a_second_candidate_has_to_beat_the_first(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, candidate: Version, sft: Version,
    model_files: Path, settings: Settings,
) -> None:  # fmt: skip
    arena_settings.choose(session, ArenaChoice(activate_above=0.5), retrain_after=99)
    found = copy_directory(model_files, settings.data_dir / "v/3")
    new = versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path="v/3", content_hash=found)
    second = versions.add_version(session, new)
    for _ in range(8):
        vote_on(make_pair(ada, of=(second, sft)), ada)
    vote_until_active(session, candidate, make_pair, vote_on, ada)
    assert active(session) == [candidate.id]
    for _ in range(30):  # plainly better than what is active no more
        vote_on(make_pair(ada, of=(second, sft)), ada)
    assert active(session) == [candidate.id]
    for _ in range(30):
        vote_on(make_pair(ada, of=(second, candidate)), ada)
    assert active(session) == [second.id]


def test_a_vote_stands_whatever_became_of_the_files(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, candidate: Version, sft: Version,
    settings: Settings,
) -> None:  # fmt: skip
    arena_settings.choose(session, ArenaChoice(activate_above=0.5), retrain_after=99)
    (settings.data_dir / candidate.path / "model.safetensors").write_bytes(b"damaged")
    given = vote_until_active(session, candidate, make_pair, vote_on, ada, most=15)
    assert len(given) == 15
    assert all(vote.activated_version_id is None for vote in given)
    assert active(session) == [sft.id]
