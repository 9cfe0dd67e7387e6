"""How a simulated person ranks with noise, and the accuracy that this noise leaves to anyone who reads the labels.

First each answer's utility is perceived with independent Gumbel noise of scale `scale`, and answers are ordered by what
was perceived (Plackett 1975, Luce 1959), so that every pair follows Bradley-Terry: P(a over b) = sigmoid((u_a - u_b) /
scale). Answers perceived less than `tie_margin` below the best of their rank tie with it (for two answers that is Rao
and Kupper 1967). Then labels are turned: the ranks go to other answers with a probability that falls with the share of
turned pairs, P ~ exp(-theta * turned) (Mallows 1957), and theta is such that on the mean the share `flips` of the pairs
that were decided is turned. A pair that becomes a tie counts as half turned.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations
from random import Random
from statistics import fmean

MOST_TURNED = 6  # answers: the orders of more are too many to count
_STEEPEST = 60.0


@dataclass(frozen=True)
class Noise:
    """`scale` and `tie_margin` in nats of the taste's utility; `flips` a share of pairs, at most a half."""

    scale: float = 0.5
    tie_margin: float = 0.5
    flips: float = 0.0

    def __post_init__(self) -> None:
        if self.scale < 0 or self.tie_margin < 0 or not 0 <= self.flips <= 0.5:
            raise ValueError("Noise needs a scale and a margin from 0 on, and flips between 0 and 0.5.")


def rank(utilities: Sequence[float], noise: Noise, rng: Random) -> list[int]:
    """Ranks from 1 (best), in the order of `utilities`; equal numbers are ties; ranks are dense.

    Raises ValueError for more than six answers where labels are to be turned."""
    ranks = ordered([utility + noise.scale * _gumbel(rng) for utility in utilities], noise.tie_margin)
    if noise.flips == 0 or len(set(ranks)) == 1:
        return ranks
    if len(ranks) > MOST_TURNED:
        raise ValueError(f"Labels of at most {MOST_TURNED} answers can be turned.")
    orders, weights = _turned(tuple(ranks), noise.flips)
    return list(rng.choices(orders, cum_weights=weights)[0])


def ordered(perceived: Sequence[float], tie_margin: float) -> list[int]:
    """Dense ranks: an answer less than the margin below the best of a rank shares it."""
    order = sorted(range(len(perceived)), key=lambda index: -perceived[index])
    ranks = [0] * len(perceived)
    place, best = 0, math.inf
    for index in order:
        if best - perceived[index] >= tie_margin or place == 0:
            place, best = place + 1, perceived[index]
        ranks[index] = place
    return ranks


def _gumbel(rng: Random) -> float:
    """A draw from the standard Gumbel distribution."""
    return -math.log(-math.log(max(rng.random(), 1e-300)))


@cache
def _turned(ranks: tuple[int, ...], flips: float) -> tuple[list[tuple[int, ...]], list[float]]:
    """All ways to give these ranks to the answers, and their probabilities summed up."""
    orders = sorted(set(permutations(ranks)))
    shares = [turned_share(ranks, order) for order in orders]

    def weights(theta: float) -> list[float]:
        return [math.exp(-theta * share) for share in shares]

    def mean(theta: float) -> float:
        probabilities = weights(theta)
        return sum(p * share for p, share in zip(probabilities, shares, strict=True)) / sum(probabilities)

    low, high = 0.0, _STEEPEST
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) > flips else (low, middle)
    total, summed = 0.0, []
    for weight in weights(low):
        total += weight
        summed.append(total)
    return orders, summed


def turned_share(before: Sequence[int], after: Sequence[int]) -> float:
    """Of the pairs that `before` decides: the share that `after` turns, ties half. 0 where it decides none."""
    decided = [(a, b) for a, b in combinations(range(len(before)), 2) if before[a] != before[b]]
    turned = [
        0.5 if after[a] == after[b] else float((after[a] < after[b]) != (before[a] < before[b])) for a, b in decided
    ]
    return fmean(turned) if turned else 0.0


@dataclass(frozen=True)
class Agreement:
    """Of the pairs that noisy labels decide, shares; `decided` says how many of all pairs they decide.

    `scorer` agrees with the labels where its scores have their order (equal scores count half), the ceiling where the
    taste's own utilities do: no scorer can do better on the mean.
    """

    scorer: float
    ceiling: float
    decided: float


def agreement(
    utilities: Sequence[Sequence[float]], scores: Sequence[Sequence[float]], noise: Noise, *, seed: int, draws: int = 20
) -> Agreement:
    """Label every group `draws` times; utilities and scores [groups][answers]. Raises ValueError without a pair that is
    ever decided."""
    rng, pairs = Random(seed), 0
    scorer, ceiling = list[float](), list[float]()
    for of_taste, of_scorer in zip(utilities, scores, strict=True):
        for _ in range(draws):
            ranks = rank(of_taste, noise, rng)
            for a, b in combinations(range(len(ranks)), 2):
                pairs += 1
                if ranks[a] != ranks[b]:
                    first, second = (a, b) if ranks[a] < ranks[b] else (b, a)
                    scorer.append(won(of_scorer[first], of_scorer[second]))
                    ceiling.append(won(of_taste[first], of_taste[second]))
    if not scorer:
        raise ValueError("The labels decide no pair: this taste sees no difference between these answers.")
    return Agreement(fmean(scorer), fmean(ceiling), len(scorer) / pairs)


def won(one: float, other: float) -> float:
    """1 where the first is larger, 0 where the second is, a half where they are equal."""
    return 0.5 if one == other else float(one > other)


def right_share(
    utilities: Sequence[Sequence[float]], scores: Sequence[Sequence[float]], margin: float
) -> tuple[float, int]:
    """(share, pairs): of the pairs whose utilities differ by the margin or more, how many the scores have in the
    taste's order. No noise. The share is nan where there is no such pair."""
    right = [
        won(of_scorer[a], of_scorer[b]) if of_taste[a] > of_taste[b] else won(of_scorer[b], of_scorer[a])
        for of_taste, of_scorer in zip(utilities, scores, strict=True)
        for a, b in combinations(range(len(of_taste)), 2)
        if abs(of_taste[a] - of_taste[b]) >= max(margin, 1e-9)
    ]
    return (fmean(right) if right else math.nan), len(right)
