"""The noise of a simulated labeler follows the models it names, and the ceiling is what it leaves."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.simulation.noise import Noise, agreement, rank, right_share, turned_share

UTILITIES = st.lists(st.floats(-9, 9), min_size=2, max_size=5)


@given(UTILITIES, st.integers(0, 99), st.floats(0, 3), st.floats(0, 3), st.floats(0, 0.5))
def test_ranks_are_dense_from_one(utilities: list[float], seed: int, scale: float, margin: float, flips: float) -> None:
    ranks = rank(utilities, Noise(scale, margin, flips), Random(seed))
    assert len(ranks) == len(utilities)
    assert set(ranks) == set(range(1, max(ranks) + 1))


def test_without_noise_the_order_is_the_utility() -> None:
    assert rank([1, 3, 2, 4], Noise(0.0, 0.5), Random(0)) == [4, 2, 3, 1]
    assert rank([1, 3, 2, 3], Noise(0.0, 0.5), Random(0)) == [3, 1, 2, 1]


@pytest.mark.parametrize(("gap", "margin"), [(1, 0.0), (2, 0.0), (1, 0.7)])
def test_a_pair_follows_bradley_terry_and_rao_kupper(gap: int, margin: float) -> None:
    rng, scale, draws = Random(7), 1.3, 20_000
    outcomes = [rank([gap, 0], Noise(scale, margin), rng) for _ in range(draws)]
    won = sum(ranks == [1, 2] for ranks in outcomes) / draws
    lost = sum(ranks == [2, 1] for ranks in outcomes) / draws
    assert won == pytest.approx(1 / (1 + math.exp((margin - gap) / scale)), abs=0.015)
    assert lost == pytest.approx(1 / (1 + math.exp((margin + gap) / scale)), abs=0.015)


@pytest.mark.parametrize("utilities", [[4, 3, 2, 1], [1, 1, 0, 0], [1, 0, 0, 0], [2, 1], [3, 2, 2, 0, 0]])
@pytest.mark.parametrize("flips", [0.0, 0.1, 0.25, 0.5])
def test_the_share_of_turned_pairs_is_the_one_asked_for(utilities: list[float], flips: float) -> None:
    rng, draws = Random(3), 4_000
    clean = rank(utilities, Noise(0.0, 0.5), rng)
    turned = [turned_share(clean, rank(utilities, Noise(0.0, 0.5, flips), rng)) for _ in range(draws)]
    assert sum(turned) / draws == pytest.approx(flips, abs=0.02)


def test_a_pair_is_turned_whole_and_ties_half() -> None:
    assert turned_share([1, 2], [2, 1]) == 1
    assert turned_share([1, 2], [1, 1]) == 0.5
    assert turned_share([1, 1], [2, 1]) == 0
    assert turned_share([1, 2, 3], [1, 3, 2]) == pytest.approx(1 / 3)


def test_the_ceiling_is_what_the_taste_itself_reaches() -> None:
    utilities = [[3.0, 2.0, 1.0, 0.0]] * 400
    perfect = agreement(utilities, utilities, Noise(0.0, 0.5, 0.25), seed=1)
    assert perfect.scorer == perfect.ceiling == pytest.approx(0.75, abs=0.01)
    assert perfect.decided == 1
    backwards = agreement(utilities, [[0.0, 1.0, 2.0, 3.0]] * 400, Noise(0.0, 0.5, 0.25), seed=1)
    assert backwards.scorer == pytest.approx(0.25, abs=0.01)
    blind = agreement(utilities, [[0.0] * 4] * 400, Noise(), seed=1)
    assert blind.scorer == 0.5
    assert blind.ceiling > 0.85


def test_right_pairs_are_those_that_differ_enough() -> None:
    assert right_share([[2.0, 1.0, 0.9]], [[9.0, 1.0, 5.0]], 0.5) == (1.0, 2)
    assert right_share([[2.0, 1.0, 0.9]], [[3.0, 9.0, 3.0]], 0.5) == (0.25, 2)
    share, pairs = right_share([[1.0, 1.0]], [[0.0, 1.0]], 0.0)
    assert math.isnan(share)
    assert pairs == 0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="flips"):
        Noise(flips=0.6)
    with pytest.raises(ValueError, match="at most 6"):
        rank(list(range(7)), Noise(0.0, 0.5, 0.1), Random(0))
    with pytest.raises(ValueError, match="no difference"):
        agreement([[1.0, 1.0]], [[0.0, 1.0]], Noise(0.0, 0.5), seed=0)
