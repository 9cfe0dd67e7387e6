"""Rankings saved at equal accuracy: read from both arms' mean curves, with an interval over tastes and seeds."""

import json
from typing import Any

import pytest

from app.services.labeling import choosing
from bench.active_choice import RESULTS, SIZES, interval, needed, saved

RISING = [0.5 + size / 1_000 for size in SIZES]


def run(case: str, seed: int, active: list[float]) -> dict[str, Any]:
    return {"case": case, "seed": seed, "random": RISING, "active": active}


def test_the_pages_say_what_was_measured() -> None:
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert -kept["saved"] == pytest.approx(choosing.NEEDED_MORE, abs=0.005)
    assert kept["interval"] == pytest.approx([-choosing.MOST_MORE, choosing.MOST_FEWER], abs=0.005)


def test_in_between_lies_a_straight_line_and_beyond_the_ends_nothing() -> None:
    assert needed(RISING[2], RISING) == pytest.approx(SIZES[2])
    assert needed((RISING[2] + RISING[3]) / 2, RISING) == pytest.approx((SIZES[2] + SIZES[3]) / 2)
    assert (needed(0.0, RISING), needed(1.0, RISING)) == (SIZES[0], SIZES[-1])
    fallen = [*RISING[:3], 0.1, *RISING[4:]]
    assert needed(RISING[2], fallen) == pytest.approx(SIZES[2]), "what was reached once counts"


def test_who_is_as_good_with_half_saves_half_and_who_is_the_same_nothing() -> None:
    assert saved([run("warm", 0, RISING)]) == pytest.approx(0)
    twice = [0.5 + 2 * size / 1_000 for size in SIZES]
    assert saved([run("warm", 0, twice)]) == pytest.approx(0.5)
    low, high = interval([run("warm", 0, RISING), run("warm", 1, RISING), run("list", 0, twice)], draws=200)
    assert low == pytest.approx(0)
    assert high == pytest.approx(0.5)
