"""Statistics of labels beside scipy, a slow reference, and what they promise: 95% in simulations."""

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from app.services.views.label_statistics import (
    chi_square_tail,
    clustered_error,
    evenness,
    first_places,
    longer_first,
    mean_tau,
    median,
    quartiles,
    share_of,
    tau_b,
)


@pytest.mark.parametrize("freedom", range(1, 16))
@pytest.mark.parametrize("x", [0.0, 0.1, 1.0, 7.5, 40.0, 900.0])
def test_the_tail_of_chi_square_is_scipys(freedom: int, x: float) -> None:
    assert chi_square_tail(x, freedom) == pytest.approx(stats.chi2.sf(x, freedom), rel=1e-9, abs=1e-300)


def test_evenness_is_pearsons_test() -> None:
    assert evenness([30, 20, 25, 45]) == pytest.approx(stats.chisquare([30, 20, 25, 45]).pvalue)
    assert evenness([]) == evenness([0.0, 0.0]) == 1.0


@pytest.mark.parametrize(("part", "n"), [(0, 5), (3, 7), (90, 200), (12, 12)])
def test_shares_have_scipys_wilson_interval(part: int, n: int) -> None:
    known = stats.binomtest(part, n).proportion_ci(method="wilson")
    got = share_of(part, n)
    assert (got.low, got.high) == pytest.approx((known.low, known.high), abs=1e-9)


def test_first_places_are_shared_and_a_tie_of_all_says_nothing() -> None:
    assert first_places([[1, 2, 3, 4], [2, 1, 1, 4], [1, 1, 1, 1]]) == ([1.0, 0.5, 0.5, 0.0], 2)
    assert first_places([]) == ([], 0)


@pytest.mark.parametrize("seed", range(20))
def test_tau_b_is_scipys(seed: int) -> None:
    chance = random.Random(seed)
    one, other = ([chance.randint(1, 3) for _ in range(4)] for _ in range(2))
    known = float(stats.kendalltau(one, other, variant="b").statistic)
    got = tau_b(one, other)
    assert (got is None) == math.isnan(known)
    assert got is None or got == pytest.approx(known)


def test_the_error_of_clusters_is_that_of_the_sandwich() -> None:
    chance = random.Random(3)
    clusters = [[float(chance.random() < 0.6) for _ in range(chance.randint(1, 6))] for _ in range(30)]
    values = [value for cluster in clusters for value in cluster]
    mean = sum(values) / len(values)
    meat = 0.0
    for cluster in clusters:  # each two values of a cluster, as Liang and Zeger write it
        meat += sum((a - mean) * (b - mean) for a in cluster for b in cluster)
    slow = math.sqrt(30 / 29 * meat) / len(values)
    assert clustered_error([(sum(cluster), len(cluster)) for cluster in clusters]) == pytest.approx(slow)


def test_the_mean_of_taus_is_never_surer_than_its_clusters_are() -> None:
    assert mean_tau([[], []]) is None
    alone = mean_tau([[0.5, 0.7]])
    assert alone is not None
    assert (alone.interval.low, alone.interval.high) == (-1, 1), "one prompt tells nothing of others"
    alike = mean_tau([[1.0], [1.0, 1.0], [1.0]])
    assert alike is not None
    assert (alike.value, alike.n) == (1.0, 4)
    assert alike.interval.low == pytest.approx(2 * share_of(3, 3).low - 1), "three prompts, all alike"


def test_the_interval_of_a_mean_of_taus_holds_the_truth() -> None:
    """Somebody who turns each of three neighbours with 15%."""

    def tau(chance: random.Random) -> float:
        order = [0, 1, 2, 3]
        for at in range(3):
            if chance.random() < 0.15:
                order[at], order[at + 1] = order[at + 1], order[at]
        return tau_b([0, 1, 2, 3], order) or 0.0

    def sample(chance: random.Random) -> tuple[float, float]:
        told = mean_tau([[tau(chance)] for _ in range(15)])
        assert told is not None
        return told.interval.low, told.interval.high

    chance = random.Random(1)
    truth = sum(tau(chance) for _ in range(100_000)) / 100_000
    assert covered(sample, truth, 1_000) > 0.93


@pytest.mark.parametrize("n", [6, 8, 33])
def test_quartiles_are_numpys(n: int) -> None:
    chance = random.Random(n)
    values = [chance.random() for _ in range(n)]
    told = quartiles(values)
    assert told is not None
    assert (told.low, told.high) == pytest.approx(tuple(np.percentile(values, [25, 75])))
    assert quartiles(values[:5]) is None


@given(st.integers(0, 2_000))
@example(5)
@example(6)
def test_the_interval_of_a_median_is_the_narrowest_that_holds_it_with_95_percent(n: int) -> None:
    """Conover (1999): between the order statistics r and n + 1 - r it lies with P(r <= B <= n - r), B of n tosses."""
    told = median([float(each) for each in range(n)])

    def holds(rank: int) -> float:
        return float(stats.binom.cdf(n - rank, n, 0.5) - stats.binom.cdf(rank - 1, n, 0.5))

    if told is None:
        assert n == 0 or holds(1) < 0.95, "no two of them could be told"
        return
    rank = int(told.interval.low) + 1
    assert (told.value, told.interval.high, told.n) == ((n - 1) / 2, n - rank, n)
    assert holds(rank) >= 0.95 > holds(rank + 1)


def covered(sample: Callable[[random.Random], tuple[float, float]], truth: float, rounds: int) -> float:
    chance = random.Random(11)
    return sum(low <= truth <= high for low, high in (sample(chance) for _ in range(rounds))) / rounds


def test_the_interval_of_the_length_bias_holds_the_truth() -> None:
    """A labeler who at 60% of cards orders by length and else against it: pairs of a card go together."""

    def sample(chance: random.Random) -> tuple[float, float]:
        cards = []
        for _ in range(40):
            lengths = chance.sample(range(10, 500), 4)
            order = sorted(lengths, reverse=chance.random() < 0.6)
            cards.append([(order.index(length) + 1, length) for length in lengths])
        told = longer_first(cards)
        assert told is not None
        return told.interval.low, told.interval.high

    assert covered(sample, 0.6, 500) > 0.92


def test_the_length_bias_counts_pairs_and_leaves_ties_out() -> None:
    told = longer_first([[(1, 9), (2, 5), (2, 7), (3, 9)]])
    assert told is not None
    assert told.n == 4, "of (9,5) (9,7) (5,9) (7,9); ties and equal lengths apart"
    assert told.value == pytest.approx(2 / 4)
    assert longer_first([[(1, 5), (1, 9)], [(1, 4), (2, 4)]]) is None
    sure = longer_first([[(1, 9), (2, 5)]] * 10)
    assert sure is not None
    assert (sure.value, sure.interval.high) == (1.0, 1.0)
    assert sure.interval.low == pytest.approx(share_of(10, 10).low)
