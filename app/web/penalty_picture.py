"""The reward model's losses over its penalty: the picture, what is overfit and underfit in it, and a sentence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.formats.figures import number, significant
from app.translation import N_, _
from app.web.pictures import LEFT, RIGHT, across, up

BEST = N_("By held-out prompts no other penalty is better by more than chance: {held_out} nats a pair.")
TOO_SMALL = N_(
    "A larger penalty would foresee held-out prompts better: {lowest} nats a pair at {factor}, here {held_out}."
)
TOO_LARGE = N_(
    "A smaller penalty would foresee held-out prompts better: {lowest} nats a pair at {factor}, here {held_out}."
)
NOT_TOLD = N_("So few rankings do not tell which penalty is too small or too large.")


@dataclass(frozen=True)
class Point:
    """Losses in nats under the chosen penalty times `factor`; `error`: of how far the held-out one is above the
    lowest."""

    factor: float
    train: float
    held_out: float
    error: float
    evidence: float


@dataclass(frozen=True)
class PenaltyPicture:
    """In the frame of app/web/pictures.py."""

    sentence: str
    train: str
    """`points` of a polyline, as the next one."""
    held_out: str
    chosen_x: float
    chosen_y: float
    """On the held-out line."""
    overfit: float
    """Where the part ends, from the left, in which the penalty is too small: LEFT where there is none."""
    underfit: float
    """Where the part begins in which it is too large: RIGHT where there is none."""
    ticks_x: list[tuple[float, str]]
    ticks_y: list[tuple[float, str]]
    rows: list[tuple[str, ...]]
    """Factor, training loss, held-out loss and log evidence."""


def penalty_picture(metrics: Mapping[str, Any]) -> PenaltyPicture | None:
    """None for a reward model of which no such curve was stored."""
    rows = metrics.get("penalty_curve") or []
    points = [Point(*row) for row in rows]
    chosen = next((place for place, point in enumerate(points) if point.factor == 1.0), None)
    if chosen is None or len(points) < 2:
        return None
    losses = [loss for point in points for loss in (point.train, point.held_out)]
    high = max(losses)
    first, last = math.log(points[0].factor), math.log(points[-1].factor)

    def x(log_factor: float) -> float:
        return across((log_factor - first) / (last - first))

    def line(losses: Sequence[float]) -> str:
        places = zip(points, losses, strict=True)
        return " ".join(f"{x(math.log(point.factor))},{up(loss / high)}" for point, loss in places)

    begins, ends = fitting(points)
    at = points[chosen]
    return PenaltyPicture(
        sentence=_sentence(points, chosen, begins, ends),
        train=line([point.train for point in points]),
        held_out=line([point.held_out for point in points]),
        chosen_x=x(0.0),
        chosen_y=up(at.held_out / high),
        overfit=LEFT if begins == 0 else x(_between(points, begins - 1)),
        underfit=RIGHT if ends == len(points) - 1 else x(_between(points, ends)),
        ticks_x=[(x(math.log(point.factor)), _times(point)) for point in points if _is_power_of_ten(point.factor)],
        ticks_y=[(up(share), significant(share * high, 2)) for share in (0.0, 0.5, 1.0)],
        rows=[(_times(p), number(p.train, 3), number(p.held_out, 3), number(p.evidence, 1)) for p in points],
    )


def fitting(points: Sequence[Point]) -> tuple[int, int]:
    """First and last place around the lowest held-out loss where it is no more than its error above that one."""
    lowest = min(range(len(points)), key=lambda place: points[place].held_out)

    def fits(place: int) -> bool:
        return points[place].held_out - points[lowest].held_out <= points[place].error

    begins = ends = lowest
    while begins > 0 and fits(begins - 1):
        begins -= 1
    while ends < len(points) - 1 and fits(ends + 1):
        ends += 1
    return begins, ends


def _sentence(points: Sequence[Point], chosen: int, begins: int, ends: int) -> str:
    lowest = min(points, key=lambda point: point.held_out)
    if begins == 0 and ends == len(points) - 1:
        return _(NOT_TOLD)
    said = TOO_SMALL if chosen < begins else TOO_LARGE if chosen > ends else BEST
    values = {"held_out": number(points[chosen].held_out, 3)}
    if said is not BEST:
        values |= {"lowest": number(lowest.held_out, 3), "factor": _times(lowest)}
    return _(said, **values)


def _between(points: Sequence[Point], place: int) -> float:
    """Half-way to the next one, in logs."""
    return (math.log(points[place].factor) + math.log(points[place + 1].factor)) / 2


def _times(point: Point) -> str:
    return f"×{significant(point.factor)}"


def _is_power_of_ten(factor: float) -> bool:
    return abs(math.log10(factor) - round(math.log10(factor))) < 1e-6
