"""A plain picture of a plot, drawn by the server: what a page shows without a script, and until one has drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.formats.figures import significant

Points = Sequence[tuple[int, Sequence[float | None]]]
"""(step, value of each line), in the order of the steps."""
WIDTH, HEIGHT = 400, 180
LEFT, RIGHT, TOP, BOTTOM = 58, 394, 8, 158


@dataclass(frozen=True)
class Tick:
    place: float
    label: str


@dataclass(frozen=True)
class Picture:
    """In a box of WIDTH x HEIGHT."""

    lines: list[str]
    """`points` of a polyline for each line."""
    levels: list[Tick]
    """Of the upright axis, by y."""
    steps: list[Tick]
    """Of the other one, by x."""


def picture_of(points: Points, *, share: bool = False) -> Picture | None:
    """None where there is nothing to draw a line of. `share`: the upright axis goes from 0 to 1."""
    values = [value for _step, row in points for value in row if value is not None]
    if len(points) < 2 or not values:
        return None
    low, high = (min(0.0, *values), max(1.0, *values)) if share else (min(values), max(values))
    if high == low:
        low, high = low - 0.5, high + 0.5
    first, last = points[0][0], points[-1][0]

    def x(step: int) -> float:
        return round(LEFT + (RIGHT - LEFT) * (step - first) / (last - first), 1)

    def y(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low), 1)

    lines = [
        " ".join(f"{x(step)},{y(value)}" for step, row in points if (value := row[index]) is not None)
        for index in range(len(points[0][1]))
    ]
    levels = [Tick(y(value), significant(value)) for value in (low, (low + high) / 2, high)]
    return Picture(lines, levels, [Tick(x(step), f"{step:,}") for step in (first, last)])
