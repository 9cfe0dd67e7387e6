"""Krippendorff's alpha beside the numbers of his paper and a slow reference."""

import random
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.views.krippendorff import Unit, alpha

PAPER = [  # Krippendorff (2011), section C: four observers, twelve units, * is missing
    "123321412***",
    "1233224125*3",
    "*3332342251*",
    "12332441251*",
]


def units_of(rows: list[str]) -> list[Unit]:
    return [[int(row[at]) for row in rows if row[at] != "*"] for at in range(len(rows[0]))]


def slow(units: list[Unit]) -> float | None:
    """Observed by expected disagreement, each pair of values by itself."""
    told = [unit for unit in units if len(unit) > 1]
    values = [value for unit in told for value in unit]

    def difference(one: int, other: int) -> float:
        low, high = sorted((one, other))
        between = sum(low <= value <= high for value in values)
        ends = (values.count(low) + values.count(high)) / 2
        return (between - ends) ** 2 if low != high else 0.0

    seen = sum(difference(one, other) / (len(unit) - 1) for unit in told for one, other in permutations(unit, 2)) / max(
        1, len(values)
    )
    expected = sum(difference(one, other) for one, other in permutations(values, 2))
    return 1 - seen * len(values) * (len(values) - 1) / expected if expected else None


def value_of(units: list[Unit]) -> float | None:
    found = alpha([[unit] for unit in units])
    return None if found is None else found.value


def test_it_is_the_papers() -> None:
    found = alpha([[unit] for unit in units_of(PAPER)])
    assert found is not None
    assert (round(found.value, 3), found.n) == (0.815, 40)


ANY_UNITS = st.lists(st.lists(st.integers(1, 5), max_size=4), max_size=12)


@settings(max_examples=200, deadline=None)
@given(ANY_UNITS, st.randoms(use_true_random=False))
def test_it_is_the_slow_one_whoever_gave_which_value(units: list[list[int]], chance: random.Random) -> None:
    known = slow([*units])
    shuffled = [chance.sample(unit, len(unit)) for unit in units]
    found = value_of([*shuffled])
    assert (found is None) == (known is None)
    assert found is None or known is None or found == pytest.approx(max(-1.0, known))
    stretched = [[value**3 for value in unit] for unit in units]
    again = value_of([*stretched])
    assert (again is None) == (found is None), "only the order of values counts"
    assert again is None or found is None or again == pytest.approx(found)


def test_agreement_chance_and_the_opposite() -> None:
    cards = [[[1, 1], [2, 2], [3, 3], [4, 4]] for _ in range(10)]
    sure = alpha(cards)
    assert sure is not None
    assert (sure.value, sure.interval.high) == (1.0, 1.0)
    assert 0 < sure.interval.low < 0.8, "ten cards alone do not make sure"
    turned = alpha([[[1, 4], [2, 3], [3, 2], [4, 1]]] * 10)
    assert turned is not None
    assert turned.value < -0.9
    assert alpha([]) is None
    assert alpha([[[1], [2]]]) is None, "nothing was given twice"
    assert alpha([[[2, 2]], [[2, 2]]]) is None, "nothing varies"


def card(chance: random.Random) -> list[Unit]:
    """Two labelers who mean the same order, each with noise."""
    seen = [[place + chance.gauss(0, 1.2) for place in range(4)] for _ in range(2)]
    ranks = [[1 + sum(other < one for other in row) for one in row] for row in seen]
    return [list(pair) for pair in zip(*ranks, strict=True)]


def test_its_interval_holds_the_truth() -> None:
    chance = random.Random(2)
    truth = alpha([card(chance) for _ in range(20_000)])
    assert truth is not None
    rounds, held = 300, 0
    for _ in range(rounds):
        found = alpha([card(chance) for _ in range(25)])
        assert found is not None
        held += found.interval.low <= truth.value <= found.interval.high
    assert 0.91 < held / rounds <= 0.99
