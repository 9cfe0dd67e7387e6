"""Odds of an order, beside counting all orders and Gumbel's race."""

import math
import random
from itertools import pairwise, permutations

import pytest

from app.services.views.order_odds import first_share, guess_surprise, shares, surprise


def slow_probability(strengths: list[float], ranks: list[int]) -> float:
    """Each order that the ranks allow, drawn answer by answer."""
    total = 0.0
    for order in permutations(range(len(ranks))):
        if all(ranks[one] <= ranks[other] for one, other in pairwise(order)):
            left, odds = list(order), 1.0
            while left:
                odds *= math.exp(strengths[left[0]]) / sum(math.exp(strengths[each]) for each in left)
                left.pop(0)
            total += odds
    return total


@pytest.mark.parametrize("seed", range(40))
def test_an_order_is_as_likely_as_all_that_it_allows_together(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.choice((2, 3, 4, 5))
    strengths = [chance.gauss(0, 2) for _ in range(count)]
    ranks = [chance.randint(1, count) for _ in range(count)]
    assert surprise(strengths, ranks) == pytest.approx(-math.log(slow_probability(strengths, ranks)), abs=1e-9)
    assert guess_surprise(ranks) == pytest.approx(surprise([0.3] * count, ranks), abs=1e-9)


def test_the_first_choice_is_a_softmax_and_ties_add_up() -> None:
    strengths = [1.0, 0.0, -1.0, 0.5]
    assert sum(shares(strengths)) == pytest.approx(1)
    assert first_share(strengths, [2, 1, 3, 1]) == pytest.approx(shares(strengths)[1] + shares(strengths)[3])
    assert shares([1000.0, 0.0]) == [1.0, 0.0]
    chance = random.Random(5)
    races = [max(range(4), key=lambda k: strengths[k] - math.log(-math.log(chance.random()))) for _ in range(20_000)]
    assert races.count(0) / 20_000 == pytest.approx(shares(strengths)[0], abs=0.015)


def test_of_two_it_is_the_reward_models_own_loss() -> None:
    assert surprise([0.7, -0.4], [1, 2]) == pytest.approx(math.log1p(math.exp(-1.1)))


def test_ties_of_all_surprise_nobody_and_nothing_is_too_unlikely() -> None:
    assert surprise([3.0, 1.0, 2.0, 0.0], [1, 1, 1, 1]) == 0
    assert guess_surprise([1, 1, 1, 1]) == 0
    assert surprise([0.0, 2000.0], [1, 2]) == pytest.approx(2000)
    assert surprise([0.0, 0.0, 2000.0], [1, 1, 2]) == pytest.approx(4000 - math.log(2))
