"""What the votes say, in sentences: none, one, many, settled each way."""

import pytest
from sqlalchemy.orm import Session

from app.db.models.arena import PairSource
from app.db.models.labelers import LabelerKind
from app.db.models.versions import Version, VersionKind
from app.services.arena.davidson import Strength
from app.services.arena.matches import Match
from app.services.arena.standings import Contestant, MatchResult, Standing, Standings
from app.services.arena.win_rate import Counts
from app.web.arena_result import notes, outlook_sentence, places, result_sentence

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


ABOVE = (
    "It is settled: people prefer Policy 7 to SFT model 1. The interval that holds at every look, 53% to 100%, "
    "lies above 50%."
)
BELOW = (
    "It is settled: people prefer SFT model 1 to Policy 7. The interval that holds at every look, 0% to 47%, "
    "lies below 50%."
)
WITHIN = (
    "It is settled: neither wins more than 60% of votes. The interval that holds at every look, 44% to 56%, "
    "lies within 40% to 60%."
)
WITHIN_OF_TIES = WITHIN.replace("44% to 56%", "45% to 55%")


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (Counts(wins=10), ABOVE),
        (Counts(losses=10), BELOW),
        (Counts(wins=400, losses=400), WITHIN),
        (Counts(ties=60), WITHIN_OF_TIES),
        (Counts(wins=8, losses=2), "About 24 more votes would settle it, if they go on as so far."),
    ],
)
def test_how_far_it_is(counts: Counts, sentence: str) -> None:
    assert said(counts)[1] == sentence


def test_a_long_way_is_told_with_two_figures() -> None:
    assert said(Counts(wins=12, losses=10, ties=2))[1].startswith("About 660 more votes")


def test_thousands_have_their_comma() -> None:
    assert said(Counts(wins=700, losses=500))[0].startswith("Policy 7 wins 58% of 1,200 votes")
    by_kind = {LabelerKind.PERSON: 4, LabelerKind.SIMULATED: 1_300}
    found = MatchResult(MATCH, Counts(both_bad=1_100), {}, by_kind, same_text=1_200)
    assert [each.partition(" both")[0] for each in notes(found)] == [
        "1,100 votes found",
        "To 1,200 prompts",
        "1,300 votes are by simulated labelers.",
    ]


def test_people_are_no_simulated_labelers() -> None:
    assert notes(MatchResult(MATCH, Counts(wins=4), {}, {LabelerKind.PERSON: 4}, same_text=0)) == []


def test_who_was_never_compared_with_the_first_one_stands_apart() -> None:
    strength = Strength(1_000.0, 900.0, 1_100.0)
    rows = [
        Standing(Contestant(None, name), strength, Counts(wins=1), at) for name, at in (("a", 0), ("b", 0), ("c", 1))
    ]
    shown = places(Session(), Standings(rows, 3, connected=False))
    assert [(each.name, each.apart) for each in shown] == [("a", False), ("b", False), ("c", True)]
