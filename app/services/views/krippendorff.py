"""Krippendorff's alpha: how far several observers agree who need not all have looked at everything. Pure.

Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section E (any metric, missing values), with the
ordinal metric of its section on metric differences. The interval is the jackknife's over clusters of units (Efron and
Tibshirani 1993, eq. 11.5).
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from app.services.arena.win_rate import Interval
from app.services.views.label_statistics import Estimate, bounded

Unit = Sequence[int]
"""The values that observers gave to one thing; who gave none is left out."""
Coincidences = Mapping[tuple[int, int], float]
"""How often two values met in a unit, each unit counting as many pairs as it has values."""


def alpha(clusters: Sequence[Sequence[Unit]]) -> Estimate | None:
    """Ordinal alpha over all units, which go together within a cluster: 1 is agreement, 0 what chance gives. `n`:
    values that could be paired. None where nothing varies, or nothing was given twice."""
    each = [found for units in clusters if (found := coincidences(units))]
    whole = _sum(each)
    value, n = _ordinal(whole), round(sum(whole.values()))
    if value is None:
        return None
    left_out = [_ordinal(_without(whole, one)) for one in each]
    known = [one for one in left_out if one is not None]
    if len(known) < 2 or len(known) < len(each):
        return Estimate(value, Interval(-1.0, 1.0), n)
    m, middle = len(known), sum(known) / len(known)
    error = math.sqrt((m - 1) / m * sum((one - middle) ** 2 for one in known))
    return Estimate(value, bounded(value, error, clusters=m, most=n), n)


def coincidences(units: Sequence[Unit]) -> Coincidences:
    met: dict[tuple[int, int], float] = defaultdict(float)
    for unit in units:
        for at, one in enumerate(unit):
            for other in (*unit[:at], *unit[at + 1 :]):
                met[one, other] += 1 / (len(unit) - 1)
    return met


def _ordinal(met: Coincidences) -> float | None:
    """1 - (n - 1) sum o_ck d_ck / sum n_c n_k d_ck, over c < k; the squared difference of two ranks is how many values
    lie between them: sum from c to k of n_g, less half of both ends."""
    marginal: dict[int, float] = defaultdict(float)
    for (one, _other), count in met.items():
        marginal[one] += count
    values, n = sorted(marginal), sum(marginal.values())
    seen = expected = 0.0
    for at, one in enumerate(values):
        between = marginal[one] / 2
        for other in values[at + 1 :]:
            difference = (between + marginal[other] / 2) ** 2
            between += marginal[other]
            seen += met.get((one, other), 0.0) * difference
            expected += marginal[one] * marginal[other] * difference
    return max(-1.0, 1 - (n - 1) * seen / expected) if expected else None


def _sum(parts: Sequence[Coincidences]) -> Coincidences:
    whole: dict[tuple[int, int], float] = defaultdict(float)
    for part in parts:
        for pair, count in part.items():
            whole[pair] += count
    return whole


def _without(whole: Coincidences, part: Coincidences) -> Coincidences:
    """What is left by rounding alone is nothing."""
    left = {pair: count - part.get(pair, 0.0) for pair, count in whole.items()}
    return {pair: count for pair, count in left.items() if count > 1e-9}
