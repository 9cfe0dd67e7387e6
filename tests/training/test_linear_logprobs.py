"""Log-probabilities by blocks: the values and gradients of log softmax, whatever weight a row has."""

import torch

from app.training.linear_cross_entropy import ROWS_AT_ONCE
from app.training.linear_logprobs import linear_logprobs


def test_values_and_gradients_are_those_of_log_softmax() -> None:
    torch.manual_seed(0)
    count, hidden, words = ROWS_AT_ONCE + 37, 16, 50
    states, weight = torch.randn(count, hidden, requires_grad=True), torch.randn(words, hidden, requires_grad=True)
    targets, weights = torch.randint(0, words, (count,)), torch.randn(count)
    expected = torch.log_softmax((states.double() @ weight.double().T), -1)[torch.arange(count), targets]
    wanted = torch.autograd.grad((weights.double() * expected).sum(), (states, weight))
    actual = linear_logprobs(states, weight, targets, torch.float32)
    torch.testing.assert_close(actual, expected.float(), rtol=1e-6, atol=1e-5)
    gradients = torch.autograd.grad((weights * actual).sum(), (states, weight))
    for one, other in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(one, other.float(), rtol=1e-5, atol=1e-5)


def test_a_weight_that_is_frozen_gets_no_gradient() -> None:
    states, weight = torch.randn(3, 4, requires_grad=True), torch.randn(5, 4)
    linear_logprobs(states, weight, torch.tensor([0, 4, 2]), torch.float32).sum().backward()
    assert states.grad is not None
    assert weight.grad is None
