"""Time left, held against what really came: recorded trainings, and what a machine does to them."""

from itertools import groupby

import pytest

from app.formats.figures import time_left
from app.worker.pace import Pace

POLICY = (
    *(
        10.66,
        13.19,
        15.59,
        17.36,
        20.53,
        30.08,
        33.48,
        36.32,
        39.08,
        42.81,
        53.40,
        76.13,
        108.37,
        152.08,
        173.24,
        181.45,
    ),
    *(186.41, 210.60, 237.84, 251.89, 263.34, 285.06, 296.64, 307.99),
)
"""Seconds at which the 24 batches of a PPO training by defaults were done; from the tenth on, other programs took most
of the machine. It began at 5.0."""
REWARD = (41.0, *(41.0 + 0.2 * step for step in range(1, 20)))
"""The first step comes after all answers are read."""


def told(moments: tuple[float, ...], *, begun: float | None = None) -> list[float | None]:
    """The estimate at each step."""
    pace = Pace()
    if begun is not None:
        pace.begin(begun)
    return [pace.step(now, len(moments) - done) for done, now in enumerate(moments, start=1)]


def test_a_steady_pace_is_counted_down_to_nought() -> None:
    moments = tuple(5.0 + 3.0 * step for step in range(1, 25))
    assert told(moments, begun=5.0) == pytest.approx([3.0 * left for left in range(23, -1, -1)])


def test_the_first_step_of_a_reward_training_says_nothing() -> None:
    first, second, *_ = told(REWARD)
    assert first is None
    assert second == pytest.approx(0.2 * 18)


@pytest.mark.parametrize("uneven", [(1.0, 1.4), (0.8, 1.2, 1.0), (1.2, 0.9, 1.0, 1.1)])
def test_uneven_steps_never_make_the_words_count_up(uneven: tuple[float, ...]) -> None:
    now, moments = 0.0, list[float]()
    for step in range(48):
        now += 10.0 * uneven[step % len(uneven)]
        moments.append(now)
    estimates = [each for each in told(tuple(moments), begun=0.0) if each is not None][6:]
    said = [word for word, _ in groupby(map(time_left, estimates))]
    assert (
        said
        == [
            *(f"about {minutes} minutes left" for minutes in range(9, 1, -1)),
            *("about a minute left", "a moment left"),
        ][-len(said) :]
    )
    assert len(said) >= 8


def test_a_machine_that_turns_slow_is_admitted_and_one_that_turns_quick_at_once() -> None:
    slow = (*(10.0 * step for step in range(1, 11)), *(100.0 + 40.0 * step for step in range(1, 15)))
    estimates = [each for each in told(slow, begun=0.0) if each is not None]
    assert estimates[9] == pytest.approx(140.0)
    assert estimates[15] == pytest.approx(8 * 40.0, rel=0.25)  # six slow steps later
    quick = (*(40.0 * step for step in range(1, 11)), *(400.0 + 10.0 * step for step in range(1, 15)))
    assert [each for each in told(quick, begun=0.0) if each is not None][15] == pytest.approx(8 * 10.0, rel=0.25)


def test_a_recorded_training() -> None:
    estimates = [each for each in told(POLICY, begun=5.0) if each is not None]
    assert len(estimates) == 24
    assert time_left(estimates[0]) == "about 2 minutes left"
    quiet = [POLICY[step] + estimates[step] for step in range(5)]
    assert max(quiet) < 1.1 * quiet[0]
    # in the last third it is never off by more than what was left
    for step in range(16, 23):
        assert estimates[step] == pytest.approx(POLICY[-1] - POLICY[step], rel=1.0)
    assert estimates[-1] == 0.0
    assert time_left(estimates[-1]) == "a moment left"
