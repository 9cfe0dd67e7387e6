"""Votes between two versions as counts, and the win rate that they give with its interval. Pure: no database."""

import math
from dataclasses import dataclass

from app.preferences import Z_95

Number = float
"""Counts may be fractions: of votes that are only expected (sequential.py)."""


@dataclass(frozen=True)
class Counts:
    """Votes on pairs of two versions, told from the first one's side."""

    wins: Number = 0
    ties: Number = 0
    losses: Number = 0
    both_bad: Number = 0
    """Apart: such a vote says nothing of which is better."""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.wins + other.wins,
            self.ties + other.ties,
            self.losses + other.losses,
            self.both_bad + other.both_bad,
        )

    @property
    def compared(self) -> Number:
        """Votes that compare the two: all but those for neither."""
        return self.wins + self.ties + self.losses

    @property
    def total(self) -> Number:
        return self.compared + self.both_bad

    @property
    def win_rate(self) -> float | None:
        """Share of the compared votes that the first version won, ties as half a win; None without any."""
        return (self.wins + self.ties / 2) / self.compared if self.compared else None

    @property
    def turned(self) -> "Counts":
        """The same from the second version's side."""
        return Counts(self.losses, self.ties, self.wins, self.both_bad)


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


def wilson(counts: Counts, z: float = Z_95) -> Interval:
    """Wilson's score interval (Wilson 1927) of the win rate, ties as half a win: 0 to 1 without votes.

    It is the interval for n votes looked at once. With ties a vote varies less than a coin does, so it is then somewhat
    wider than it had to be.
    """
    n, rate = counts.compared, counts.win_rate
    if rate is None:
        return Interval(0.0, 1.0)
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if rate == 0 else max(0.0, middle - half)
    high = 1.0 if rate == 1 else min(1.0, middle + half)
    return Interval(low, high)
