"""Strengths from votes: beside scipy's minimizer, a closed form, and what has to be so whatever the votes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped]

from app.services.arena import davidson
from app.services.arena.davidson import ELO, MIDDLE, PRIOR_DEVIATION, Duel, components, log_strengths, strengths
from app.services.arena.win_rate import Counts

COUNT = st.integers(0, 40)


def slow_loss(parameters: NDArray[np.float64], duels: list[Duel]) -> float:
    """Davidson's likelihood as his paper writes it, and the prior."""
    pi, nu = np.exp(parameters[:-1]), np.exp(parameters[-1])
    loss = float((parameters**2).sum()) / (2 * PRIOR_DEVIATION**2)
    for duel in duels:
        one, other = pi[duel.first], pi[duel.second]
        all_three = one + other + nu * np.sqrt(one * other)
        counts = duel.counts
        loss -= counts.wins * np.log(one / all_three) + counts.losses * np.log(other / all_three)
        loss -= counts.ties * np.log(nu * np.sqrt(one * other) / all_three)
    return loss


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(COUNT, COUNT, COUNT), min_size=3, max_size=3))
def test_they_are_where_scipy_finds_the_minimum(votes: list[tuple[int, int, int]]) -> None:
    between = [(0, 1), (1, 2), (0, 3)]
    duels = [Duel(*pair, Counts(*each)) for pair, each in zip(between, votes, strict=True)]
    theirs = minimize(slow_loss, np.zeros(5), args=(duels,), method="BFGS", options={"gtol": 1e-8}).x
    theta, eta = log_strengths(duels, 4)
    assert [*theta, eta] == pytest.approx(list(theirs), abs=2e-3)


def test_of_two_with_many_votes_it_is_the_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a prior: pi_1 / pi_2 = wins / losses, nu = ties / sqrt(wins * losses)."""
    monkeypatch.setattr(davidson, "PRIOR_DEVIATION", 1e3)
    theta, eta = log_strengths([Duel(0, 1, Counts(wins=60, ties=30, losses=20))], 2)
    assert theta[0] - theta[1] == pytest.approx(np.log(3), abs=1e-4)
    assert eta == pytest.approx(np.log(30 / np.sqrt(60 * 20)), abs=1e-4)


def test_ratings_are_elo_points_around_a_thousand() -> None:
    first, second = strengths([Duel(0, 1, Counts(wins=1000, losses=100))], 2)
    assert first.rating - second.rating == pytest.approx(400, abs=5)
    assert (first.rating + second.rating) / 2 == pytest.approx(MIDDLE)
    assert ELO * np.log(10) == pytest.approx(400)


@settings(deadline=None, max_examples=25)
@given(COUNT, COUNT, COUNT)
def test_intervals_hold_the_rating_and_turn_with_the_sides(wins: int, ties: int, losses: int) -> None:
    counts = Counts(wins, ties, losses)
    if not counts.compared:
        return
    first, second = strengths([Duel(0, 1, counts)], 2, samples=200)
    assert first.low - 60 <= first.rating <= first.high + 60
    assert second.rating == pytest.approx(2 * MIDDLE - first.rating)
    assert all(map(np.isfinite, (first.low, first.high)))
    assert (first.rating > MIDDLE) is (wins > losses) or wins == losses


def test_one_vote_and_all_ties_have_finite_strengths() -> None:
    one, other = strengths([Duel(0, 1, Counts(wins=1))], 2)
    assert 1000 < one.rating < 1400
    assert other.high - other.low > 200  # one vote says next to nothing
    unanimous = [strengths([Duel(0, 1, Counts(wins=wins))], 2)[0] for wins in (4, 40)]
    assert all(each.low < each.rating for each in unanimous)
    tied = strengths([Duel(0, 1, Counts(ties=9))], 2)[0]
    assert tied.low < MIDDLE < tied.high
    assert strengths([Duel(0, 1, Counts(ties=9))], 2)[0].rating == pytest.approx(MIDDLE)


def test_the_same_votes_give_the_same_intervals_and_more_votes_narrower_ones() -> None:
    few, many = [Duel(0, 1, Counts(8, 2, 5))], [Duel(0, 1, Counts(80, 20, 50))]
    assert strengths(few, 2) == strengths(few, 2)
    assert strengths(few, 2) != strengths(few, 2, seed=1)
    width = [each[0].high - each[0].low for each in (strengths(few, 2), strengths(many, 2))]
    assert width[1] < width[0] / 2


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """200 arenas of 200 votes between two versions, of which one wins 60%, loses 25%."""
    generator, truth, covered = np.random.default_rng(5), ELO * np.log(0.6 / 0.25), 0
    for _arena in range(200):
        wins, ties, losses = generator.multinomial(200, [0.6, 0.15, 0.25])
        first, _second = strengths([Duel(0, 1, Counts(int(wins), int(ties), int(losses)))], 2, samples=200)
        covered += 2 * (first.low - MIDDLE) <= truth <= 2 * (first.high - MIDDLE)
    assert 0.88 <= covered / 200 <= 0.99, covered


def test_who_was_never_compared_even_by_way_of_others_is_told_apart() -> None:
    won = Counts(wins=1)
    assert components([Duel(3, 4, won), Duel(1, 2, won), Duel(2, 0, won)], 5) == [0, 0, 0, 3, 3]
