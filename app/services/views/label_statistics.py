"""Statistics of one labeler's rankings, in plain Python: shares, a median and an agreement, each with a 95% interval.

Sources: Wilson (1927) for shares; Liang and Zeger (1986) for pairs of one ranking, which do not vary each by itself;
Kendall (1945), "The treatment of ties in ranking problems", for tau-b; Conover (1999), section 3.2, for a median.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from app.services.arena.win_rate import Counts, Interval, wilson

PAIRS_OF_A_CARD = 6
FEWEST_FOR_MEDIAN = 6
"""Of five values even the widest interval, from the least to the greatest, holds the median with 93.75% only."""


@dataclass(frozen=True)
class Estimate:
    value: float
    interval: Interval
    """95%."""
    n: int
    """What it was counted over."""


def share_of(part: float, n: float) -> Interval:
    """Wilson's interval of a share; both may be fractions."""
    return wilson(Counts(wins=part, losses=n - part))


def first_places(rankings: Sequence[Sequence[int]]) -> tuple[list[float], int]:
    """How often each place on the card came first, of rankings with their ranks in the order shown; a shared first
    place is shared out. And of how many: a tie of all says nothing of places."""
    telling = [ranks for ranks in rankings if len(set(ranks)) > 1]
    counts = [0.0] * max((len(ranks) for ranks in telling), default=0)
    for ranks in telling:
        best = [place for place, rank in enumerate(ranks) if rank == min(ranks)]
        for place in best:
            counts[place] += 1 / len(best)
    return counts, len(telling)


def evenness(counts: Sequence[float]) -> float:
    """The p-value of Pearson's test that all places are equally likely; 1 where nothing was counted.

    Shared counts vary less than whole ones, so that with ties it is rather too careful.
    """
    expected = sum(counts) / len(counts) if counts else 0.0
    if expected == 0:
        return 1.0
    return chi_square_tail(sum((count - expected) ** 2 for count in counts) / expected, len(counts) - 1)


def chi_square_tail(x: float, freedom: int) -> float:
    """P(chi-square > x): from 1 or 2 degrees of freedom upwards by two at a time (Abramowitz and Stegun, 26.4.4-5)."""
    half = x / 2
    if half <= 0:
        return 1.0
    odd = freedom % 2
    tail = math.erfc(math.sqrt(half)) if odd else math.exp(-half)
    power = 0.5 if odd else 1.0
    while 2 * power < freedom:
        tail += math.exp(power * math.log(half) - half - math.lgamma(power + 1))
        power += 1
    return min(1.0, tail)


def longer_first(rankings: Sequence[Sequence[tuple[int, int]]]) -> Estimate | None:
    """How often the longer of two answers was ranked higher: rankings as (rank, length) of each answer; ties and equal
    lengths are left out. None without any pair.

    Pairs of one ranking go together, so the interval is Wilson's for as many pairs as would be as uncertain, each by
    itself (Kish's effective size); where all agree, for as many as there are rankings.
    """
    of_each: list[tuple[int, int]] = []
    for ranking in rankings:
        pairs = [(a, b) for a, b in combinations(ranking, 2) if a[0] != b[0] and a[1] != b[1]]
        if pairs:
            of_each.append((sum((a[0] < b[0]) == (a[1] > b[1]) for a, b in pairs), len(pairs)))
    total = sum(pairs for _longer, pairs in of_each)
    if not total:
        return None
    share = sum(longer for longer, _pairs in of_each) / total
    return Estimate(share, _share_as_sure(share, clustered_error(of_each), len(of_each), total), total)


def _share_as_sure(share: float, error: float, clusters: int, most: int) -> Interval:
    """Wilson's interval of a share with that standard error: for as many as would be as uncertain, each by itself
    (Kish's effective size), `most` at most, and where nothing varied for as many as there are clusters."""
    size = float(clusters) if error == 0 else min(float(most), share * (1 - share) / error**2)
    return share_of(share * size, size)


def bounded(value: float, error: float, *, clusters: int, most: int) -> Interval:
    """The interval of a figure between -1 and 1 that was found over so many clusters, with its standard error: as that
    of the share (1 + value) / 2. It never leaves -1 to 1, and is not nothing where all clusters said the same."""
    share = _share_as_sure((1 + value) / 2, error / 2, clusters, most)
    return Interval(2 * share.low - 1, 2 * share.high - 1)


def clustered_error(clusters: Sequence[tuple[float, float]]) -> float:
    """Standard error of a ratio, sum of parts by sum of sizes, over clusters of (part, size) that vary each by itself:
    the sandwich, with n / (n - 1) for few clusters. 0 for a single one."""
    n, total = len(clusters), sum(size for _part, size in clusters)
    if n < 2 or not total:
        return 0.0
    ratio = sum(part for part, _size in clusters) / total
    return math.sqrt(n / (n - 1) * sum((part - ratio * size) ** 2 for part, size in clusters)) / total


def median(values: Sequence[float]) -> Estimate | None:
    """With the order statistics between which the true one lies with 95%, at least, whatever the distribution. None of
    fewer than FEWEST_FOR_MEDIAN values, of which no two are that far apart."""
    ordered, n = sorted(values), len(values)
    if n < FEWEST_FOR_MEDIAN:
        return None
    at, tail = -1, 0.0  # P(at most `at` values lie below the median) is `tail`
    while (tail := tail + _half_binomial(at + 1, n)) <= 0.025:
        at += 1
    value = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return Estimate(value, Interval(ordered[at], ordered[n - 1 - at]), n)


def _half_binomial(k: int, n: int) -> float:
    """P(k of n tosses of a fair coin)."""
    return math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2))


def tau_b(one: Sequence[int], other: Sequence[int]) -> float | None:
    """Kendall's tau-b of two orders of the same answers: 1 alike, -1 turned round. None where one ties them all."""
    agreed = untied_one = untied_other = 0
    for a, b in combinations(range(len(one)), 2):
        first, second = one[a] - one[b], other[a] - other[b]
        agreed += (first * second > 0) - (first * second < 0)
        untied_one += first != 0
        untied_other += second != 0
    return agreed / math.sqrt(untied_one * untied_other) if untied_one and untied_other else None


def mean_tau(clusters: Sequence[Sequence[float]]) -> Estimate | None:
    """The mean of all tau-b, which go together in each cluster. None without any.

    Without ties (1 + tau) / 2 is the share of pairs that both order alike: so the mean is at most as sure as that of as
    many pairs, `PAIRS_OF_A_CARD` of each card, would be."""
    values = [value for cluster in clusters for value in cluster]
    if not values:
        return None
    mean, told = sum(values) / len(values), [cluster for cluster in clusters if cluster]
    if len(told) < 2:
        return Estimate(mean, Interval(-1.0, 1.0), len(values))
    error = clustered_error([(sum(cluster), len(cluster)) for cluster in told])
    return Estimate(mean, bounded(mean, error, clusters=len(told), most=PAIRS_OF_A_CARD * len(values)), len(values))


def quartiles(values: Sequence[float]) -> Interval | None:
    """Between which the middle half lies (Hyndman and Fan 1996, type 7, as numpy's). None of fewer values than a median
    is told of."""
    ordered = sorted(values)
    if len(ordered) < FEWEST_FOR_MEDIAN:
        return None
    return Interval(_quantile(ordered, 0.25), _quantile(ordered, 0.75))


def _quantile(ordered: Sequence[float], part: float) -> float:
    place = part * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
