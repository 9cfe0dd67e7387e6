"""The noise of a simulated labeler follows the models it names."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.simulation.labeler import Noise, rank_answers
from app.simulation.tastes import Taste

LENGTH = Taste("length", "likes long", lambda text: float(len(text)))


@given(st.lists(st.text(max_size=9), min_size=2, max_size=5), st.integers(0, 99), st.floats(0, 3), st.floats(0, 3))
def test_ranks_are_dense_from_one(texts: list[str], seed: int, scale: float, margin: float) -> None:
    ranks = rank_answers(texts, LENGTH, Noise(scale, margin), Random(seed))
    assert len(ranks) == len(texts)
    assert set(ranks) == set(range(1, max(ranks) + 1))


def test_without_noise_the_order_is_the_utility() -> None:
    assert rank_answers(["a", "aaa", "aa", "aaaa"], LENGTH, Noise(0.0, 0.5), Random(0)) == [4, 2, 3, 1]
    assert rank_answers(["a", "aaa", "aa", "aaa"], LENGTH, Noise(0.0, 0.5), Random(0)) == [3, 1, 2, 1]


@pytest.mark.parametrize(("gap", "margin"), [(1, 0.0), (2, 0.0), (1, 0.7)])
def test_a_pair_follows_bradley_terry_and_rao_kupper(gap: int, margin: float) -> None:
    rng, scale, draws = Random(7), 1.3, 20_000
    outcomes = [rank_answers(["a" * gap, ""], LENGTH, Noise(scale, margin), rng) for _ in range(draws)]
    won = sum(ranks == [1, 2] for ranks in outcomes) / draws
    lost = sum(ranks == [2, 1] for ranks in outcomes) / draws
    assert won == pytest.approx(1 / (1 + math.exp((margin - gap) / scale)), abs=0.015)
    assert lost == pytest.approx(1 / (1 + math.exp((margin + gap) / scale)), abs=0.015)
