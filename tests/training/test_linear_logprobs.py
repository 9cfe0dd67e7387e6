"""Log-probabilities by blocks: the values and gradients of log softmax, whatever weight a row has."""

import math

import pytest
import torch

from app.training.linear_cross_entropy import ROWS_AT_ONCE
from app.training.linear_logprobs import linear_logprobs


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_values_and_gradients_are_those_of_log_softmax(temperature: float) -> None:
    torch.manual_seed(0)
    count, hidden, words = ROWS_AT_ONCE + 37, 16, 50
    states, weight = torch.randn(count, hidden, requires_grad=True), torch.randn(words, hidden, requires_grad=True)
    targets, weights = torch.randint(0, words, (count,)), torch.randn(count)
    whole = torch.log_softmax((states.double() @ weight.double().T) / temperature, -1)
    expected = whole[torch.arange(count), targets]
    wanted = torch.autograd.grad((weights.double() * expected).sum(), (states, weight))
    actual, entropies = linear_logprobs(states, weight, targets, torch.float32, temperature)
    torch.testing.assert_close(actual, expected.float(), rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(entropies, -(whole.exp() * whole).sum(-1).float(), rtol=1e-5, atol=1e-5)
    assert not entropies.requires_grad
    gradients = torch.autograd.grad((weights * actual).sum(), (states, weight))
    for one, other in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(one, other.float(), rtol=1e-5, atol=1e-5)


def test_a_weight_that_is_frozen_gets_no_gradient() -> None:
    states, weight = torch.randn(3, 4, requires_grad=True), torch.randn(5, 4)
    linear_logprobs(states, weight, torch.tensor([0, 4, 2]), torch.float32)[0].sum().backward()
    assert states.grad is not None
    assert weight.grad is None


def test_bf16_gradients_are_near_those_of_fp32() -> None:
    torch.manual_seed(0)
    states, weight = torch.randn(300, 64, requires_grad=True), torch.randn(500, 64)
    targets, weights = torch.randint(0, 500, (300,)), torch.randn(300)
    gradients = []
    for dtype in (torch.float32, torch.bfloat16):
        loss = (weights * linear_logprobs(states, weight, targets, dtype)[0]).sum()
        gradients.append(torch.autograd.grad(loss, states)[0])
    assert float((gradients[1] - gradients[0]).norm() / gradients[0].norm()) < 0.01


@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_entropy_is_between_zero_and_log_v(temperature: float) -> None:
    states, targets = 30 * torch.randn(60, 11), torch.zeros(60, dtype=torch.int64)
    _, entropies = linear_logprobs(states, torch.eye(11), targets, torch.float32, temperature)
    assert (entropies >= 0).all()
    assert (entropies <= math.log(11) + 1e-5).all()
    _, even = linear_logprobs(torch.zeros(1, 11), torch.eye(11), targets[:1], torch.float32, temperature)
    assert even.item() == pytest.approx(math.log(11), rel=1e-5)
