"""The loss of a comparison: equal to a naive loop, the same in any order, and its derivatives those of its value."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from app.training.reward.head import PairLikelihood, make_pairs, solve
from app.training.reward.pair_loss import Davidson, PairLoss, RaoKupper, pair_mask, ranking_losses


def reward_loss(scores: Tensor, ranks: Tensor, mask: Tensor, tie_strength: float = 0.0) -> Tensor:
    """The mean over rankings with a comparison."""
    losses = ranking_losses(scores, ranks, mask, Davidson(tie_strength))
    return losses.sum() / pair_mask(mask).any(dim=(1, 2)).sum().clamp(min=1)


def naive_pair(score: float, other: float, rank: int, other_rank: int, tie_strength: float) -> float:
    strengths = math.exp(score), math.exp(other)
    z = strengths[0] + strengths[1] + tie_strength * math.sqrt(strengths[0] * strengths[1])
    if rank == other_rank:
        return -math.log(math.sqrt(strengths[0] * strengths[1]) / z)  # without the constant -log tie_strength
    return -math.log(strengths[0 if rank < other_rank else 1] / z)


@pytest.mark.parametrize("tie_strength", [0.0, 0.4, 2.0])
def test_reward_loss_equals_a_naive_loop(tie_strength: float) -> None:
    scores = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    ranks = torch.tensor([[1, 2, 3, 4], [2, 1, 2, 1], [1, 2, 9, 9]])
    mask = torch.tensor([[True] * 4, [True] * 4, [True, True, False, False]])
    expected = []
    for row, count in enumerate((4, 4, 2)):
        losses = [
            naive_pair(
                scores[row, i].item(), scores[row, j].item(), int(ranks[row, i]), int(ranks[row, j]), tie_strength
            )
            for i in range(count)
            for j in range(i)
        ]
        expected.append(sum(losses) / len(losses))
    spoiled_scores = torch.where(mask, scores, math.nan)
    assert reward_loss(spoiled_scores, ranks, mask, tie_strength).item() == pytest.approx(sum(expected) / 3, rel=1e-5)


def test_without_ties_it_is_bradley_terry() -> None:
    scores, ranks = torch.tensor([[0.3, -1.2]]), torch.tensor([[2, 1]])
    loss = reward_loss(scores, ranks, torch.ones(1, 2, dtype=torch.bool))
    assert loss.item() == pytest.approx(-F.logsigmoid(torch.tensor(-1.5)).item())


@pytest.mark.parametrize("tie_strength", [0.0, 0.5])
def test_ties_pull_scores_together_and_orders_pull_them_apart(tie_strength: float) -> None:
    scores = torch.tensor([[1.0, -0.5]], requires_grad=True)
    mask = torch.ones(1, 2, dtype=torch.bool)
    tied = torch.autograd.grad(reward_loss(scores, torch.tensor([[1, 1]]), mask, tie_strength), scores)[0]
    assert tied[0, 0] > 0 > tied[0, 1]  # descending lowers the higher score and raises the lower one
    ordered = torch.autograd.grad(reward_loss(scores, torch.tensor([[1, 2]]), mask, tie_strength), scores)[0]
    assert ordered[0, 0] < 0 < ordered[0, 1]


@given(st.permutations(range(4)), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_order_of_answers_changes_nothing(order: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, 4, generator=generator)
    ranks = torch.randint(1, 5, (2, 4), generator=generator)
    mask = torch.tensor([[True] * 4, [True, True, True, False]])
    loss = reward_loss(scores, ranks, mask, 0.4)
    again = reward_loss(scores[:, order], ranks[:, order], mask[:, order], 0.4)
    assert again.item() == pytest.approx(loss.item(), rel=1e-5)


def test_masked_answers_get_no_gradient_and_a_lone_answer_no_loss() -> None:
    scores = torch.tensor([[1.0, 2.0, math.nan], [0.5, math.nan, math.nan]], requires_grad=True)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    loss = reward_loss(scores, torch.tensor([[1, 2, 3], [1, 1, 1]]), mask, 0.3)
    loss.backward()
    assert scores.grad is not None
    assert loss.isfinite()
    assert scores.grad.isfinite().all()
    assert not scores.grad[~mask].any()
    assert scores.grad[1, 0] == 0


def test_tie_strength_gives_equal_answers_the_observed_share_of_ties() -> None:
    for share in (0.0, 0.1, 0.5):
        strength = Davidson.of_tie_share(share).tie_strength
        assert strength / (2 + strength) == pytest.approx(share)


@pytest.mark.parametrize("loss", [Davidson(0.0), Davidson(0.4), Davidson(2.0), RaoKupper(1.0), RaoKupper(1.7)])
def test_the_closed_derivatives_are_those_of_the_value(loss: PairLoss) -> None:
    generator = torch.Generator().manual_seed(0)
    margins = 4 * torch.randn(200, generator=generator, dtype=torch.float64)
    outcomes = torch.randint(-1, 2, (200,), generator=generator).double()
    weights = torch.rand(200, generator=generator, dtype=torch.float64)
    closed = loss.slope_and_curvature(margins, outcomes, weights)
    differentiated = PairLoss.slope_and_curvature(loss, margins, outcomes, weights)
    torch.testing.assert_close(closed, differentiated, rtol=1e-9, atol=1e-12)
    margin = torch.tensor([1e6, -1e6], dtype=torch.float64)
    slope, curvature = loss.slope_and_curvature(margin, torch.ones(2).double(), torch.ones(2).double())
    assert slope.tolist() == pytest.approx([0.0, -1.0], abs=1e-9)
    assert (curvature >= 0).all(), "convex however far out"


def test_rao_and_kupper_by_hand() -> None:
    """p(i > j) = pi / (pi + theta pj), and the rest are ties; without ties it is Bradley-Terry."""
    theta, margin = 1.8, 0.75
    first = math.exp(margin) / (math.exp(margin) + theta)
    second = 1 / (1 + theta * math.exp(margin))
    value = RaoKupper(theta).value(torch.full((3,), margin).double(), torch.tensor([1.0, -1.0, 0.0]).double())
    tie = -math.log(1 - first - second) + math.log(theta**2 - 1)
    assert value.tolist() == pytest.approx([-math.log(first), -math.log(second), tie], abs=1e-9)
    equal = RaoKupper.of_tie_share(0.25)
    assert 1 - 2 / (1 + equal.threshold) == pytest.approx(0.25)
    strict, margins = torch.tensor([1.0, -1.0]), torch.tensor([0.3, 0.3])
    torch.testing.assert_close(RaoKupper(1.0).value(margins, strict), Davidson(0.0).value(margins, strict))


class Thurstone(PairLoss):
    """-log of the normal distribution (Thurstone 1927); a tie costs what half a comparison each way does."""

    def value(self, margins: Tensor, outcomes: Tensor) -> Tensor:
        won, lost = -torch.special.log_ndtr(margins), -torch.special.log_ndtr(-margins)
        return torch.where(outcomes > 0, won, torch.where(outcomes < 0, lost, (won + lost) / 2))


@pytest.mark.parametrize("loss", [Thurstone(), Davidson(0.5), RaoKupper(1.5)])
def test_a_loss_needs_nothing_but_its_value(loss: PairLoss) -> None:
    """The head is solved with any: the gradient of the whole, by autograd from the value, is zero there."""
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(12, 4, 6, generator=generator, dtype=torch.float64)
    ranks = torch.randint(1, 4, (12, 4), generator=generator)
    pairs = make_pairs(states, ranks, torch.ones(12, 4, dtype=torch.bool))
    rankings, center = PairLikelihood(pairs, loss), torch.zeros(6)
    weights = solve(rankings, torch.full((6,), 0.3), center, center)[0].requires_grad_()
    whole = (pairs.weights * loss.value(pairs.margins(weights), pairs.outcomes)).sum()
    (gradient,) = torch.autograd.grad(whole + 0.15 * weights.square().sum(), weights)
    assert gradient.abs().max() < 1e-6
    assert weights.abs().max() > 0.05


def test_a_ranking_without_a_comparison_costs_nothing() -> None:
    mask = torch.tensor([[True, False], [True, True]])
    losses = ranking_losses(torch.ones(2, 2), torch.ones(2, 2), mask, Davidson(0.0))
    assert losses.tolist() == pytest.approx([0.0, math.log(2)])
