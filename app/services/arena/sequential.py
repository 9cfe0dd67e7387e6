"""When a comparison is settled: an interval that stays valid however often one looks. Pure: no database.

Whoever stops as soon as a fixed-sample interval leaves 1/2 is wrong far more often than 5% of the time: there are as
many chances to err as looks. So this is a game of betting (Waudby-Smith and Ramdas 2024, "Estimating means of bounded
random variables by betting", JRSS B 86(1), section 4; Ville 1939): against the claim that the mean of the votes (1 won,
1/2 tied, 0 lost) is m, a capital of 1 is bet anew on each vote, at odds that are fair if the claim is true. The capital
is then a martingale that is never negative, and reaches 2/alpha at any time with probability alpha/2 at most. What is
left of all m, one game above and one below each, is an interval that covers the mean at all times at once with
probability 1 - alpha.

A departure from the paper: the bets do not adapt from vote to vote. The capital is spread over fixed shares of it at
the beginning (a mixture of martingales is one), which needs no order of votes: the counts alone tell it, so it can be
computed from the database at any time, and gives the same whoever asks.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from app.services.arena.win_rate import Counts, Interval

ALPHA = 0.05
MARGIN = 0.1
"""Two versions are alike where the win rate is no farther than this from one half."""
ALIKE = Interval(0.5 - MARGIN, 0.5 + MARGIN)
"""The same as the win rates between which they are alike."""
SHARES = tuple(0.9 * 0.65**k for k in range(12))
"""Of the capital, put on each vote: from 0.9 for what is plain down to 0.008 for what is nearly even."""
MOST_VOTES = 5_000
_STEPS = 50


class Settled(StrEnum):
    OPEN = "open"
    AHEAD = "ahead"
    BEHIND = "behind"
    ALIKE = "alike"


def log_capital(counts: Counts, mean: float) -> float:
    """Of whoever bets that the votes' mean is more than `mean` (above 0, below 1)."""
    won, tied = 1 / mean - 1, 0.5 / mean - 1
    logs = [
        counts.wins * math.log1p(share * won)
        + counts.ties * math.log1p(share * tied)
        + counts.losses * math.log1p(-share)
        for share in SHARES
    ]
    most = max(logs)
    return most + math.log(sum(math.exp(each - most) for each in logs) / len(logs))


def anytime_interval(counts: Counts, alpha: float = ALPHA) -> Interval:
    """Covers the win rate (ties as half) at every number of votes at once with probability 1 - alpha."""
    return Interval(_lower(counts, alpha), 1 - _lower(counts.turned, alpha))


def _lower(counts: Counts, alpha: float) -> float:
    """The capital falls as the mean that is bet against rises: below this one it has reached the bound."""
    bound = math.log(2 / alpha)
    low, high = 0.0, 1.0
    for _step in range(_STEPS):
        middle = (low + high) / 2
        if log_capital(counts, middle) >= bound:
            low = middle
        else:
            high = middle
    return low


def settled(counts: Counts, alpha: float = ALPHA, margin: float = MARGIN) -> Settled:
    """Wrong at any time, of all times that one looks, with probability `alpha` at most."""
    interval = anytime_interval(counts, alpha)
    if interval.low > 0.5:
        return Settled.AHEAD
    if interval.high < 0.5:
        return Settled.BEHIND
    alike = 0.5 - margin <= interval.low and interval.high <= 0.5 + margin
    return Settled.ALIKE if alike else Settled.OPEN


@dataclass(frozen=True)
class Outlook:
    """How long it takes still, if votes go on as so far."""

    votes: int | None
    """None: more than MOST_VOTES."""


def outlook(counts: Counts, alpha: float = ALPHA, margin: float = MARGIN) -> Outlook:
    """About how many more votes settle it. A guess, not a promise: it supposes that the shares stay as they are, half a
    vote added to each side so that the first votes say less."""
    if settled(counts, alpha, margin) is not Settled.OPEN:
        return Outlook(0)
    seen = Counts(counts.wins + 0.5, counts.ties, counts.losses + 0.5)

    def is_settled(more: int) -> bool:
        by = more / seen.compared
        then = counts + Counts(seen.wins * by, seen.ties * by, seen.losses * by)
        return settled(then, alpha, margin) is not Settled.OPEN

    high = 1
    while not is_settled(high):
        high *= 2
        if high > MOST_VOTES:
            return Outlook(None)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_settled(middle) else (middle, high)
    return Outlook(high)
