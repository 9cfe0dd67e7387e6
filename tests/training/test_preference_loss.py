"""DPO's loss against slow formulas: eq. 7, ties by Davidson, smoothing, and a ranking that counts once."""

import math
from dataclasses import replace

import pytest
import torch

from app.kinds.train_dpo import DPOHparams
from app.training.preference_loss import Preferences, preference_loss, preference_metrics

PLAIN = DPOHparams(ties="left_out")


def preferences(changes: list[list[float]], ranks: list[list[int]], beta: float = 0.5) -> Preferences:
    """A rank of 0 is no answer; its change is NaN, which must reach nothing."""
    order = torch.tensor(ranks)
    values = torch.where(order > 0, torch.tensor(changes), torch.nan)
    return Preferences(values, beta * values, order, order > 0)


def test_before_any_step_the_loss_is_log_two_and_every_reward_zero() -> None:
    start = preferences([[0.0] * 4], [[1, 2, 3, 4]])
    assert preference_loss(start, PLAIN, 0.0).item() == pytest.approx(math.log(2))
    measured = preference_metrics(start, PLAIN, 0.0)
    assert (measured["dpo/accuracy"], measured["dpo/margin"], measured["pairs"]) == (3.0, 0.0, 6.0)
    assert preference_loss(start, DPOHparams(), 0.5).item() == pytest.approx(math.log(2.5))


def test_the_loss_is_that_of_the_papers() -> None:
    changes, ranks, beta = [0.5, -0.25, 1.0, 0.75], [1, 2, 2, 3], 0.3
    given = preferences([changes], [ranks], beta)

    def probability(i: int, j: int, nu: float) -> float:
        u = beta * (changes[i] - changes[j]) / 2
        won = math.exp(u) if ranks[i] < ranks[j] else math.exp(-u) if ranks[i] > ranks[j] else 1.0
        return won / (math.exp(u) + math.exp(-u) + nu)

    every = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    strict = [(i, j) for i, j in every if ranks[i] != ranks[j]]
    sigmoid = [1 / (1 + math.exp(-beta * (changes[i] - changes[j]))) for i, j in strict]
    expected = sum(-math.log(each) for each in sigmoid) / len(strict)
    assert preference_loss(given, PLAIN, 0.0).item() == pytest.approx(expected, rel=1e-6)
    with_ties = sum(-math.log(probability(i, j, 0.4)) for i, j in every) / len(every)
    assert preference_loss(given, DPOHparams(), 0.4).item() == pytest.approx(with_ties, rel=1e-6)
    smoothed = sum(-0.9 * math.log(each) - 0.1 * math.log(1 - each) for each in sigmoid) / len(strict)
    actual = preference_loss(given, replace(PLAIN, label_smoothing=0.1), 0.0).item()
    assert actual == pytest.approx(smoothed, rel=1e-6)


def test_a_ranking_counts_once_whatever_its_answers_and_padding_counts_nothing() -> None:
    both = preferences([[0.2, -0.4, 0.9], [0.2, -0.4, 0.0]], [[1, 2, 3], [1, 2, 0]])
    alone = preferences([[0.2, -0.4]], [[1, 2]])
    losses = preference_loss(both, PLAIN, 0.0)
    assert losses[1].item() == pytest.approx(preference_loss(alone, PLAIN, 0.0).item(), rel=1e-6)
    measured = preference_metrics(both, PLAIN, 0.0)
    assert (measured["pairs"], measured["rankings"]) == (4.0, 2.0)
    assert all(math.isfinite(value) for value in measured.values())
    assert both.counts().pairs == 4


def test_gradients_do_not_come_from_answers_that_are_not_there() -> None:
    changes = torch.tensor([[0.1, 0.3, math.nan]], requires_grad=True)
    mask = torch.tensor([[True, True, False]])
    given = Preferences(changes, 0.1 * changes, torch.tensor([[1, 2, 0]]), mask)
    preference_loss(given, PLAIN, 0.0).sum().backward()
    assert changes.grad is not None
    assert changes.grad[0, 2] == 0
    assert changes.grad[0, 0] == -changes.grad[0, 1] != 0


def test_chosen_and_rejected_are_told_apart() -> None:
    measured = preference_metrics(preferences([[2.0, -1.0]], [[2, 1]]), PLAIN, 0.0)
    assert (measured["dpo/chosen"], measured["dpo/rejected"], measured["dpo/accuracy"]) == (-1.0, 2.0, 0.0)


def test_the_tie_strength_comes_from_the_share_of_ties() -> None:
    given = preferences([[0.0] * 3], [[1, 1, 2]])
    assert (given.counts().pairs, given.counts().ties) == (2.0, 1.0)
    assert given.counts().tie_strength == pytest.approx(1.0)  # 2 s / (1 - s) at a third
