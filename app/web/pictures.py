"""Small pictures of dots in a frame, as pages draw them (templates/components/picture.html), with their figures."""

from dataclasses import dataclass

WIDTH, HEIGHT = 320, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 296, 12, 156


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    radius: float
    said: tuple[str, ...]
    """Its figures, for the table."""
    spread: tuple[float, float] | None = None
    """Where the line through it ends, above and below: its 95% interval."""


@dataclass(frozen=True)
class Picture:
    """Dots in a frame of WIDTH by HEIGHT."""

    sentence: str
    """What it shows."""
    columns: tuple[str, ...]
    dots: list[Dot]
    ticks_x: list[tuple[float, str]]
    ticks_y: list[tuple[float, str]]
    expected: tuple[float, float, float, float] | None = None
    """A dashed line from one point to another (x, y, x, y), beside which the dots are read."""

    @property
    def line(self) -> str:
        return " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in self.dots)


def across(share: float) -> float:
    """Where a share of the frame's width lies, 0 at its left."""
    return round(LEFT + share * (RIGHT - LEFT), 1)


def up(share: float) -> float:
    """Where a share of its height lies, 0 at its bottom."""
    return round(BOTTOM - share * (BOTTOM - TOP), 1)
