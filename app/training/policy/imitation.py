"""Imitation of a batch's answers, each the more the higher it scored: how a training may begin.

The policy that maximizes reward less KL is the sampling policy tilted by exp(score / beta); fitting it to its own
samples with these weights is a step towards it: Peng et al. (2019), "Advantage-weighted regression", section 3.1 and
eq. 7, with the weights bounded as in their section 3.2; Abdolmaleki et al. (2018), MPO, section 4.2. It is maximum
likelihood: it pushes nothing down, and its gradient has no sign that chance can turn round.

Shapes: R answers, A tokens of the longest.
"""

from torch import Tensor

from app.training.policy.losses import masked_sum

TEMPERATURE = 1.0
"""Of the weights, in deviations of the SFT model's answers to a prompt."""
MOST_WEIGHT = 20.0
"""Before they are scaled to a mean of 1."""


def imitation_weights(scores: Tensor) -> Tensor:
    """[R] scores, counted from the SFT model's own answers to the prompt -> [R] with mean 1."""
    weights = (scores / TEMPERATURE).exp().clamp(max=MOST_WEIGHT)
    return weights / weights.mean()


def imitation_loss(logprobs: Tensor, weights: Tensor, mask: Tensor, num_tokens: int) -> Tensor:
    """Of [R,A] log-probabilities and weights [R]: a sum / num_tokens."""
    return -masked_sum(logprobs * weights.unsqueeze(1), mask) / num_tokens
