"""The loss with which a training may begin, by hand."""

import math

import pytest
import torch

from app.training.policy.imitation import MOST_WEIGHT, imitation_loss, imitation_weights


def test_weights_are_exponential_in_the_score_bounded_and_one_on_the_mean() -> None:
    weights = imitation_weights(torch.tensor([0.0, math.log(2.0), math.log(3.0)]))
    assert weights.tolist() == pytest.approx([0.5, 1.0, 1.5])
    bounded = imitation_weights(torch.tensor([0.0, 50.0, 90.0]))
    assert (bounded / bounded[0]).tolist() == pytest.approx([1.0, MOST_WEIGHT, MOST_WEIGHT])


def test_the_loss_is_the_weighted_likelihood_of_real_tokens() -> None:
    logprobs = torch.tensor([[-1.0, -2.0, math.nan], [-3.0, 0.0, math.nan]], requires_grad=True)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    loss = imitation_loss(logprobs, torch.tensor([0.5, 1.5]), mask, 3)
    assert loss.item() == pytest.approx((0.5 * 3.0 + 1.5 * 3.0) / 3)
    (slopes,) = torch.autograd.grad(loss, logprobs)
    assert slopes[:, :2].tolist() == [pytest.approx([-0.5 / 3, -0.5 / 3]), pytest.approx([-0.5, 0.0])]
