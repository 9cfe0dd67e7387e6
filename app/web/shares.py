"""A share that was measured, with its error: a win rate, an accuracy."""

from dataclasses import dataclass

from app.formats.figures import percent
from app.preferences import Z_95
from app.translation import _


@dataclass(frozen=True)
class Share:
    """With about 95% of certainty between `low` and `high`: 1.96 standard errors to each side, within 0 and 1."""

    rate: float
    error: float | None
    """Standard error; None where nobody measured it."""

    @property
    def low(self) -> float:
        return max(0.0, self.rate - Z_95 * (self.error or 0.0))

    @property
    def high(self) -> float:
        return min(1.0, self.rate + Z_95 * (self.error or 0.0))

    @property
    def is_measured(self) -> bool:
        """Whether its error is known."""
        return self.error is not None

    @property
    def may_be_chance(self) -> bool:
        return self.low <= 0.5 <= self.high

    @property
    def brief(self) -> str:
        """ "71% ± 6%": half of the 95% interval behind the sign."""
        if self.error is None:
            return percent(self.rate)
        return _("{rate} ± {error}", rate=percent(self.rate), error=percent(Z_95 * self.error))

    @property
    def interval(self) -> str:
        """ "95% interval 65% to 77%"; empty where its error is not known."""
        if self.error is None:
            return ""
        return _("95% interval {low} to {high}", low=percent(self.low), high=percent(self.high))
