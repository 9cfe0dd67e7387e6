"""What the votes say, in sentences: none, one, many, settled each way."""

import pytest

from app.db.models.arena import PairSource
from app.db.models.labelers import LabelerKind
from app.db.models.versions import Version, VersionKind
from app.services.arena.matches import Match
from app.services.arena.standings import MatchResult
from app.services.arena.win_rate import Counts
from app.web.arena_result import outlook_sentence, result_sentence

MATCH = Match(Version(id=7, kind=VersionKind.POLICY), Version(id=1, kind=VersionKind.SFT))


def said(counts: Counts) -> tuple[str, str]:
    by_source, by_kind = {PairSource.HELD_OUT: counts}, {LabelerKind.PERSON: int(counts.total)}
    found = MatchResult(MATCH, counts, by_source, by_kind, same_text=0)
    return result_sentence(found), outlook_sentence(found)


def test_without_a_vote_that_compares() -> None:
    for counts in (Counts(), Counts(both_bad=4)):
        assert said(counts) == (
            "No votes compare the two yet.", "After 10 more votes it is said how many settle it."
        )  # fmt: skip


def test_one_vote_and_all_ties() -> None:
    assert said(Counts(wins=1)) == (
        "Policy 7 wins 100% of 1 vote (95% interval 21% to 100%); a tie is half a win.",
        "After 9 more votes it is said how many settle it.",
    )
    assert said(Counts(ties=12))[0] == ("Policy 7 wins 50% of 12 votes (95% interval 25% to 75%); a tie is half a win.")


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (Counts(wins=10), "It is settled: people prefer Policy 7 to SFT model 1."),
        (Counts(losses=10), "It is settled: people prefer SFT model 1 to Policy 7."),
        (Counts(wins=400, losses=400), "It is settled: neither is ahead by more than 10% of votes."),
        (Counts(wins=8, losses=2), "About 24 more votes would settle it, if they go on as so far."),
    ],
)
def test_how_far_it_is(counts: Counts, sentence: str) -> None:
    assert said(counts)[1] == sentence


def test_a_long_way_is_told_with_two_figures() -> None:
    assert said(Counts(wins=12, losses=10, ties=2))[1].startswith("About 660 more votes")
