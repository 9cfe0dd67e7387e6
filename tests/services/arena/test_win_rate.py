"""The win rate and Wilson's interval, beside scipy's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest  # type: ignore[import-untyped]

from app.services.arena.win_rate import Counts, Interval, wilson

FEW = st.integers(0, 300)


def test_ties_are_half_a_win_and_both_bad_stands_apart() -> None:
    counts = Counts(wins=5, ties=2, losses=3, both_bad=90)
    assert (counts.win_rate, counts.compared, counts.total) == (0.6, 10, 100)
    assert counts.turned == Counts(3, 2, 5, 90)
    assert counts + counts.turned == Counts(8, 4, 8, 180)


@given(FEW, FEW)
def test_without_ties_it_is_the_interval_that_scipy_gives(wins: int, losses: int) -> None:
    if wins + losses == 0:
        return
    theirs = binomtest(wins, wins + losses).proportion_ci(0.95, method="wilson")
    ours = wilson(Counts(wins=wins, losses=losses))
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(FEW, FEW, FEW)
def test_it_holds_the_rate_lies_within_0_and_1_and_turns_with_the_sides(wins: int, ties: int, losses: int) -> None:
    counts = Counts(wins, ties, losses)
    interval, turned = wilson(counts), wilson(counts.turned)
    assert 0 <= interval.low <= interval.high <= 1
    assert (turned.low, turned.high) == pytest.approx((1 - interval.high, 1 - interval.low))
    if counts.win_rate is not None:
        assert interval.low - 1e-12 <= counts.win_rate <= interval.high + 1e-12


def test_no_vote_one_vote_and_all_ties() -> None:
    assert (Counts().win_rate, wilson(Counts())) == (None, Interval(0.0, 1.0))
    assert wilson(Counts(both_bad=3)) == Interval(0.0, 1.0)
    one = wilson(Counts(wins=1))
    assert (round(one.low, 3), one.high) == (0.207, 1.0)
    ties = Counts(ties=8)
    assert ties.win_rate == 0.5
    assert wilson(ties).low + wilson(ties).high == pytest.approx(1)
