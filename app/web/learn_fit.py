"""Curves of trainings for Learn: where on a curve one stands, whether that is underfit or overfit, and its picture."""

from dataclasses import dataclass

from app.formats.figures import significant
from app.translation import N_, _
from app.web.learn_record import Moment, base_record, moments, overfitting_record, sft_record

WIDTH, HEIGHT = 640, 260  # of the picture, in its own units
LEFT, BOTTOM, TOP = 44, 28, 10
TOLERANCE = 0.01
"""Share of the least held-out loss within which a moment counts as the best fit."""
STATES = {
    "underfit": N_("Underfit: both losses still fall. Train longer."),
    "best": N_("Best fit: on texts that it never saw, the model is about as good as it gets."),
    "overfit": N_("Overfit: it learns its examples by heart, and gets worse on everything else. Stop earlier."),
}


@dataclass(frozen=True)
class Fit:
    """A curve in a picture of WIDTH times HEIGHT, and the moment `at` (from 0) that was chosen on it."""

    moments: list[Moment]
    at: int
    state: str
    best: int

    @property
    def moment(self) -> Moment:
        return self.moments[self.at]

    @property
    def said(self) -> str:
        return _(STATES[self.state])

    @property
    def shown(self) -> list[Moment]:
        """For the table: at most twelve, the first, the last, the best and the chosen one among them."""
        step = max(1, len(self.moments) // 8)
        wanted = {*range(0, len(self.moments), step), len(self.moments) - 1, self.best, self.at}
        return [self.moments[place] for place in sorted(wanted)]

    @property
    def training_line(self) -> str:
        return self._line([each.loss for each in self.moments])

    @property
    def held_out_line(self) -> str:
        return self._line([each.held_out for each in self.moments])

    @property
    def chosen_x(self) -> float:
        return self._x(self.at)

    @property
    def chosen_y(self) -> float:
        return self._y(self.moment.held_out)

    @property
    def best_x(self) -> float:
        return self._x(self.best)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Heights and their losses."""
        return [(self._y(self._top * share), significant(self._top * share, 2)) for share in (0.0, 0.5, 1.0)]

    @property
    def _top(self) -> float:
        return max(max(each.loss, each.held_out) for each in self.moments)

    def _x(self, place: int) -> float:
        last = self.moments[-1].tokens
        return round(LEFT + (WIDTH - LEFT - 10) * self.moments[place].tokens / last, 1)

    def _y(self, loss: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - loss / self._top), 1)

    def _line(self, losses: list[float]) -> str:
        return " ".join(f"{self._x(place)},{self._y(loss)}" for place, loss in enumerate(losses))


def fit_at(points: list[Moment], at: int) -> Fit:
    """The state of a curve's moment: before the least held-out loss, about there, or behind it."""
    best = min(range(len(points)), key=lambda place: points[place].held_out)
    near = points[at].held_out <= points[best].held_out * (1 + TOLERANCE)
    state = "best" if near else "underfit" if at < best else "overfit"
    return Fit(points, at, state, best)


def curve_of(name: str) -> list[Moment]:
    """`few`, `sft` or `base`."""
    return moments({"few": overfitting_record, "sft": sft_record, "base": base_record}[name]())
