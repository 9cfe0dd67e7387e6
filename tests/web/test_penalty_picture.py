"""The losses over the penalty in a picture: where it is shaded, what is marked, and what is said of it."""

import pytest

from app.web.penalty_picture import Point, fitting, penalty_picture
from app.web.pictures import LEFT, RIGHT

FACTORS = (0.001, 0.1, 1.0, 10.0, 1_000.0)


def curve(held_out: list[float], error: float = 0.01) -> dict[str, list[list[float]]]:
    """The training loss rises with the penalty."""
    lowest = min(held_out)
    rows = enumerate(zip(FACTORS, held_out, strict=True))
    return {
        "penalty_curve": [
            [factor, 0.1 + n / 10, loss, 0.0 if loss == lowest else error, -50.0 - n] for n, (factor, loss) in rows
        ]
    }


@pytest.mark.parametrize(
    ("held_out", "error", "said", "shaded"),
    [
        ([1.4, 0.6, 0.5, 0.6, 0.69], 0.01, "no other penalty is better by more than chance: 0.500", (True, True)),
        ([1.4, 0.9, 0.8, 0.5, 0.69], 0.01, "A larger penalty would foresee held-out prompts better", (True, True)),
        ([1.4, 0.5, 0.6, 0.65, 0.69], 0.01, "better: 0.500 nats a pair at ×0.1, here 0.600.", (True, True)),
        ([0.5, 0.52, 0.6, 0.65, 0.69], 0.05, "A smaller penalty would", (False, True)),
        ([0.6, 0.5, 0.5, 0.55, 0.69], 0.5, "do not tell which penalty is too small", (False, False)),
    ],
)
def test_what_is_worse_by_more_than_chance_is_shaded(
    held_out: list[float], error: float, said: str, shaded: tuple[bool, bool]
) -> None:
    picture = penalty_picture(curve(held_out, error))
    assert picture is not None
    assert said in picture.sentence
    assert (picture.overfit > LEFT, picture.underfit < RIGHT) == shaded
    assert picture.overfit < picture.underfit
    assert picture.chosen_x == (LEFT + RIGHT) / 2
    assert f"{picture.chosen_x},{picture.chosen_y}" in picture.held_out.split()
    assert [row[0] for row in picture.rows] == ["×0.001", "×0.1", "×1", "×10", "×1,000"]


def test_a_second_valley_is_not_called_fitting() -> None:
    losses = [0.51, 0.9, 0.5, 0.51, 0.9]
    points = [Point(factor, 0.1, loss, 0.02, 0.0) for factor, loss in zip(FACTORS, losses, strict=True)]
    assert fitting(points) == (2, 3)


@pytest.mark.parametrize("metrics", [{}, {"penalty_curve": []}, {"penalty_curve": [[1.0, 0.1, 0.2, 0.0, -5.0]]}])
def test_without_a_curve_there_is_no_picture(metrics: dict[str, object]) -> None:
    assert penalty_picture(metrics) is None
