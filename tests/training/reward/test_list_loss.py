"""Whole rankings: equal to a slow reference, to Davidson for two answers; derivatives are those of the value."""

import itertools
import math
from collections.abc import Iterable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.training.reward.list_loss import make_stages
from app.training.reward.pair_loss import Davidson


def slow(scores: list[float], ranks: list[int], ties: dict[int, float], largest: int) -> float:
    """-log p by the paper's formula, set by set, in numpy."""

    def worth(chosen: Iterable[int]) -> float:
        strengths = np.exp([scores[k] for k in chosen])
        return ties[len(strengths)] * math.pow(float(np.prod(strengths)), 1 / len(strengths))

    total, left = 0.0, list(range(len(scores)))
    for rank in sorted(set(ranks)):
        chosen = [k for k in left if ranks[k] == rank]
        if len(left) > 1:
            sets = [s for size in range(1, largest + 1) for s in itertools.combinations(left, size)]
            total -= math.log(worth(chosen) / sum(worth(each) for each in sets))
        left = [k for k in left if k not in chosen]
    return total


def some(seed: int, rankings: int = 5, most: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """scores, ranks and mask [R,K]; the last ranking is of two answers."""
    generator = torch.Generator().manual_seed(seed)
    scores = 2 * torch.randn(rankings, most, generator=generator, dtype=torch.float64)
    ranks = torch.randint(1, 4, (rankings, most), generator=generator)
    mask = torch.ones(rankings, most, dtype=torch.bool)
    mask[-1, 2:] = False
    return scores, ranks, mask


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_it_is_the_slow_formula(seed: int) -> None:
    scores, ranks, mask = some(seed)
    stages = make_stages(ranks, mask)
    largest = int((stages.members > 0).sum(1).max())
    ties = {
        int((row > 0).sum()): math.exp(float(log)) for row, log in zip(stages.members, stages.log_ties, strict=True)
    }
    told = torch.zeros(5, dtype=torch.float64).index_add_(0, stages.ranking, stages.losses(scores))
    for row in range(5):
        own = [k for k in range(4) if mask[row, k]]
        expected = slow([float(scores[row, k]) for k in own], [int(ranks[row, k]) for k in own], ties, largest)
        assert float(told[row]) == pytest.approx(expected, abs=1e-6)


def test_with_two_answers_it_is_davidson_and_without_ties_bradley_terry() -> None:
    scores = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ranks = torch.tensor([[1, 2], [2, 1], [1, 1], [1, 2], [1, 2], [2, 1]])
    stages = make_stages(ranks, torch.ones(6, 2, dtype=torch.bool))
    strength = math.exp(float(stages.log_ties[2]))
    assert strength == pytest.approx(2 * (1 / 6) / (1 - 1 / 6), rel=1e-6), "as many ties as there are"
    outcomes = torch.sign(ranks[:, 1] - ranks[:, 0]).double()
    expected = Davidson(strength).value(scores[:, 0] - scores[:, 1], outcomes)
    expected = expected - torch.where(outcomes == 0, math.log(strength), 0.0)
    torch.testing.assert_close(stages.losses(scores), expected)
    strict = make_stages(ranks[:2], torch.ones(2, 2, dtype=torch.bool)).losses(scores[:2])
    torch.testing.assert_close(strict, Davidson(0.0).value(scores[:2, 0] - scores[:2, 1], outcomes[:2]))


def test_the_derivatives_are_those_of_the_value() -> None:
    scores, ranks, mask = some(3)
    stages = make_stages(ranks, mask)
    slope, curvature = stages.slope_and_curvature(scores)
    step = 1e-5
    for row, k in itertools.product(range(5), range(4)):
        moved = torch.zeros_like(scores)
        moved[row, k] = step
        up, down = stages.losses(scores + moved).sum(), stages.losses(scores - moved).sum()
        assert float(slope[row, k]) == pytest.approx(float(up - down) / (2 * step), abs=1e-6)
        higher, lower = (stages.slope_and_curvature(at)[0] for at in (scores + moved, scores - moved))
        torch.testing.assert_close(curvature[row, k], (higher - lower)[row] / (2 * step), rtol=1e-4, atol=1e-6)
    assert (torch.linalg.eigvalsh(curvature) > -1e-12).all(), "convex"


@given(st.permutations(range(4)), st.integers(0, 1000), st.floats(-5, 5))
@settings(max_examples=25, deadline=None)
def test_neither_the_order_of_answers_nor_a_shift_changes_anything(order: list[int], seed: int, shift: float) -> None:
    scores, ranks, mask = some(seed)
    loss = make_stages(ranks, mask).losses(scores).sum()
    again = make_stages(ranks[:, order], mask[:, order]).losses(scores[:, order] + shift).sum()
    torch.testing.assert_close(again, loss)


def test_of_the_best_there_is_one_choice_and_single_answers_have_none() -> None:
    ranks = torch.tensor([[2, 1, 3, 4], [1, 0, 0, 0]])
    mask = torch.tensor([[True] * 4, [True, False, False, False]])
    stages = make_stages(ranks, mask, of_the_best=True)
    assert stages.ranking.tolist() == [0]
    scores = torch.tensor([[0.1, 1.0, -1.0, 0.5], [9.0, 0, 0, 0]]).double()
    torch.testing.assert_close(stages.losses(scores)[0], -scores[0].log_softmax(0)[1])
    assert make_stages(ranks, mask).ranking.tolist() == [0, 0, 0]
    assert make_stages(ranks, mask).of([1]).ranking.tolist() == []


def test_all_ties_stay_finite() -> None:
    stages = make_stages(torch.ones(6, 4, dtype=torch.int64), torch.ones(6, 4, dtype=torch.bool))
    scores = some(1, 6)[0]
    assert stages.losses(scores).isfinite().all()
    assert all(part.isfinite().all() for part in stages.slope_and_curvature(scores))
