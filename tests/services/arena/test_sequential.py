"""When a comparison is settled: by simulation it errs as rarely as it says, however often one looks."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.services.arena.sequential import (
    ALPHA,
    MARGIN,
    SHARES,
    Settled,
    anytime_interval,
    log_capital,
    outlook,
    settled,
)
from app.services.arena.win_rate import Counts, wilson

FEW = st.integers(0, 60)
RUNS, VOTES = 4_000, 500


def outcomes(win: float, tie: float, seed: int) -> tuple[NDArray[np.int64], ...]:
    """Wins, ties and losses after each vote of each run, [RUNS, VOTES]."""
    drawn = np.random.default_rng(seed).choice(3, p=[win, tie, 1 - win - tie], size=(RUNS, VOTES))
    wins, ties, losses = (np.cumsum(drawn == each, axis=1) for each in range(3))
    return wins, ties, losses


def capital(
    wins: NDArray[np.int64], ties: NDArray[np.int64], losses: NDArray[np.int64], mean: float
) -> NDArray[np.float64]:
    """The same as log_capital, written out for many games."""
    total = np.zeros(wins.shape)
    for share in SHARES:
        total += (1 + share * (1 / mean - 1)) ** wins * (1 + share * (0.5 / mean - 1)) ** ties * (1 - share) ** losses
    return total / len(SHARES)


@pytest.mark.parametrize("tie", [0.0, 0.3])
def test_where_there_is_no_difference_it_settles_wrongly_in_one_of_twenty_at_most(tie: float) -> None:
    """Looked at after each of 500 votes, 4,000 times. (A Wilson interval that is looked at as often errs in more than
    one of four: below.)"""
    wins, ties, losses = outcomes((1 - tie) / 2, tie, seed=1)
    bound = 2 / ALPHA
    ahead, behind = capital(wins, ties, losses, 0.5) >= bound, capital(losses, ties, wins, 0.5) >= bound
    share = (ahead | behind).any(axis=1).mean()
    assert share <= ALPHA, share
    # what the program says of the same votes
    for run in range(40):
        states = {
            settled(Counts(*map(int, (wins[run, at], ties[run, at], losses[run, at])))) for at in range(0, VOTES, 7)
        }
        looked = (ahead[run] | behind[run])[::7].any()
        assert bool(states & {Settled.AHEAD, Settled.BEHIND}) is bool(looked)


def test_looking_at_a_fixed_interval_after_each_vote_would_err_far_more_often() -> None:
    wins, _ties, losses = outcomes(0.5, 0.0, seed=2)
    n = wins + losses
    z = np.abs(wins / n - 0.5) / np.sqrt(0.25 / n)
    assert (z[:, 9:] > 1.96).any(axis=1).mean() > 0.25


def test_versions_that_differ_by_more_than_the_margin_are_called_alike_in_one_of_twenty_at_most() -> None:
    """At a win rate of 0.5 + MARGIN: the interval must leave it out first."""
    rate = 0.5 + MARGIN
    wins, ties, losses = outcomes(rate, 0.0, seed=3)
    left_out = capital(losses, ties, wins, 1 - rate) >= 2 / ALPHA
    assert left_out.any(axis=1).mean() <= ALPHA / 2 + 0.005


def test_a_plain_difference_is_settled_soon() -> None:
    wins, ties, losses = outcomes(0.75, 0.0, seed=4)
    ahead = capital(wins, ties, losses, 0.5) >= 2 / ALPHA
    assert ahead.any(axis=1).mean() > 0.99
    assert np.median(ahead.argmax(axis=1)) < 60


@given(FEW, FEW, FEW, st.floats(0.02, 0.98))
def test_the_capital_is_what_betting_vote_by_vote_leaves(wins: int, ties: int, losses: int, mean: float) -> None:
    pots = [1 / len(SHARES)] * len(SHARES)
    for outcome in [1.0] * wins + [0.0] * losses + [0.5] * ties:
        pots = [pot * (1 + share / mean * (outcome - mean)) for pot, share in zip(pots, SHARES, strict=True)]
    assert log_capital(Counts(wins, ties, losses), mean) == pytest.approx(math.log(sum(pots)), abs=1e-6)


@given(st.floats(0.05, 0.95), st.sampled_from(SHARES))
def test_each_bet_is_fair_if_the_claim_is_true_and_never_loses_more_than_all(mean: float, share: float) -> None:
    won, tied, lost = (1 + share / mean * (outcome - mean) for outcome in (1.0, 0.5, 0.0))
    assert mean * won + (1 - mean) * lost == pytest.approx(1)  # no ties
    assert min(won, tied, lost) > 0


@settings(deadline=None)
@given(FEW, FEW, FEW)
def test_the_interval_is_wider_than_that_of_one_look_and_turns_with_the_sides(
    wins: int, ties: int, losses: int
) -> None:
    counts = Counts(wins, ties, losses)
    interval, turned = anytime_interval(counts), anytime_interval(counts.turned)
    assert 0 <= interval.low <= interval.high <= 1
    assert (turned.low, turned.high) == pytest.approx((1 - interval.high, 1 - interval.low), abs=1e-9)
    if counts.win_rate is not None:
        assert interval.low <= counts.win_rate + 1e-9
        assert counts.win_rate <= interval.high + 1e-9
        if not ties:
            assert interval.low <= wilson(counts).low + 1e-9


def test_no_vote_one_vote_all_ties_and_many() -> None:
    assert (settled(Counts()), settled(Counts(wins=1)), settled(Counts(both_bad=500))) == (Settled.OPEN,) * 3
    assert settled(Counts(wins=10)) is Settled.AHEAD
    assert settled(Counts(losses=10)) is Settled.BEHIND
    assert settled(Counts(ties=10)) is Settled.OPEN
    assert settled(Counts(ties=400)) is Settled.ALIKE
    assert settled(Counts(wins=400, losses=400)) is Settled.ALIKE


def test_the_outlook_is_what_it_then_takes() -> None:
    counts = Counts(20, 5, 10)
    more = outlook(counts).votes
    assert more is not None
    grown = [Counts(20 + 20.5 * by, 5 + 5 * by, 10 + 10.5 * by) for by in ((more - 1) / 36, more / 36)]
    assert [settled(each) for each in grown] == [Settled.OPEN, Settled.AHEAD]
    assert outlook(Counts(wins=50)).votes == 0
    falling = [outlook(Counts(wins=n)).votes or 0 for n in range(3, 10)]
    assert all(later < earlier for earlier, later in pairwise(falling))
    assert outlook(Counts(wins=600, losses=400)).votes == 0
