"""What a ranking is expected to teach: equal to a slow reference, less where it is known, and none twice."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.training.reward.choice import Chooser
from app.training.reward.curvature import weighted_moment
from app.training.reward.head import PairLikelihood, make_pairs
from app.training.reward.pair_loss import Davidson

SIZE, TIES = 5, 0.7


def groups(seed: int, count: int = 6, answers: int = 4) -> list[torch.Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    return list(torch.randn(count, answers, SIZE, generator=drawn, dtype=torch.float64))


def chooser(seed: int, usual: list[torch.Tensor]) -> tuple[Chooser, torch.Tensor, torch.Tensor]:
    """With its mean and H."""
    drawn = torch.Generator().manual_seed(seed + 1)
    mean, root = (torch.randn(*size, generator=drawn, dtype=torch.float64) for size in ((SIZE,), (SIZE, SIZE)))
    precision = root @ root.T + torch.eye(SIZE, dtype=torch.float64)
    return Chooser(mean, torch.linalg.cholesky(precision), TIES, usual), mean, precision


def curvature(group: torch.Tensor, mean: torch.Tensor) -> np.ndarray:
    """Of the loss of one ranking of it, by numpy, pair by pair: the second derivative of -log p (Davidson)."""
    total, answers = np.zeros((SIZE, SIZE)), group.numpy()
    pairs = [(i, j) for i in range(len(answers)) for j in range(i + 1, len(answers))]
    for i, j in pairs:
        apart = answers[i] - answers[j]
        u = float(apart @ mean.numpy()) / 2
        up, down = np.exp(u), np.exp(-u)
        z = up + down + TIES
        second = ((up + down) / z - ((up - down) / z) ** 2) / 4
        total += (len(answers) - 1) / len(pairs) * second * np.outer(apart, apart)
    return total


@given(st.integers(0, 10_000), st.integers(2, 4))
@settings(max_examples=20, deadline=None)
def test_the_gain_is_what_the_expected_loss_of_usual_groups_falls_by(seed: int, answers: int) -> None:
    usual, [first, second] = groups(seed + 2), groups(seed, 2, answers)
    known, mean, precision = chooser(seed, usual)
    asked = np.mean([curvature(group, mean) for group in usual], axis=0)

    def excess(precision: np.ndarray) -> float:
        return float(np.trace(asked @ np.linalg.inv(precision))) / 2

    before, with_first = precision.numpy(), precision.numpy() + curvature(first, mean)
    both = with_first + curvature(second, mean)
    assert known.gains([first, second])[0] == pytest.approx(excess(before) - excess(with_first), rel=1e-6, abs=1e-12)
    known.take(first)
    assert known.gains([second])[0] == pytest.approx(excess(with_first) - excess(both), rel=1e-6, abs=1e-12)


@given(st.integers(0, 10_000), st.permutations(range(4)))
@settings(max_examples=20, deadline=None)
def test_no_ranking_does_harm_and_one_that_was_taken_brings_less(seed: int, order: list[int]) -> None:
    usual, [group] = groups(seed + 2), groups(seed, 1)
    known, *_ = chooser(seed, usual)
    [once, turned] = known.gains([group, group[order]])
    assert once == pytest.approx(turned, rel=1e-9)
    assert once > 0
    known.take(group)
    assert 0 < known.gains([group])[0] < once


def test_equal_answers_and_one_alone_teach_nothing() -> None:
    usual = groups(1)
    known, *_ = chooser(0, usual)
    assert known.gains([usual[0][:1].repeat(4, 1), usual[0][:1]]) == [0.0, 0.0]


def test_the_curvature_hangs_on_no_outcome() -> None:
    [group] = groups(3, 1)
    columns, mask, mean = group.unsqueeze(0), torch.ones(1, 4, dtype=torch.bool), torch.ones(SIZE).double()
    terms = [
        PairLikelihood(make_pairs(columns, torch.tensor([ranks]), mask), Davidson(TIES)).terms(mean)
        for ranks in ([1, 2, 3, 4], [4, 4, 1, 1], [1, 1, 1, 1])
    ]
    told = [weighted_moment(each.rows, each.curvatures, each.mask) for each in terms]
    torch.testing.assert_close(told[0], told[1])
    torch.testing.assert_close(told[0], told[2])
    np.testing.assert_allclose(told[0].numpy(), curvature(group, mean))
