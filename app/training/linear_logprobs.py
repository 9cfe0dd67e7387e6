"""Log-probabilities of chosen tokens under a linear layer's logits, without keeping the logits, forward or backward.

As linear_cross_entropy.py, where each row has a weight of its own that is known only later. The gradient of
log softmax(z / t)[target] for the states is (weight[target] - softmax(z / t) weight) / t, known in the forward pass but
for that factor; the gradient of the weight, where it is wanted, makes each block of logits again.

Shapes: N targets, H hidden size, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor

from app.lm.kernels.training_elementwise import softmax_at
from app.lm.products import Matrix, weight_gradient
from app.training.linear_cross_entropy import ROWS_AT_ONCE


class _LinearLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, temperature: float
    ) -> tuple[Tensor, Tensor]:
        low_states, low_weight = states.to(dtype), weight.to(dtype)
        matrix = Matrix(low_weight)
        logprobs, entropies = torch.empty(len(targets)), torch.empty(len(targets))
        of_states = torch.empty(states.shape) if ctx.needs_input_grad[0] else None
        for start in range(0, len(targets), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            probabilities = matrix.times(low_states[part])  # [n,V], logits as yet
            logprobs[part], entropies[part] = softmax_at(probabilities, targets[part], temperature)
            if of_states is not None:
                torch.sub(low_weight[targets[part]], matrix.back(probabilities), out=of_states[part])
        if of_states is not None:
            ctx.save_for_backward(of_states, low_states, low_weight, targets)
        ctx.formats, ctx.temperature = (states.dtype, weight.dtype), temperature
        ctx.mark_non_differentiable(entropies)
        return logprobs, entropies

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None, None]:
        of_states, low_states, low_weight, targets = ctx.saved_tensors
        factors = gradients[0].unsqueeze(1) / ctx.temperature
        of_states = (of_states * factors).to(ctx.formats[0])
        if not ctx.needs_input_grad[1]:
            return of_states, None, None, None, None
        of_weight, matrix = torch.zeros(low_weight.shape, dtype=ctx.formats[1]), Matrix(low_weight)
        for start in range(0, len(targets), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            slope = matrix.times(low_states[part])
            softmax_at(slope, targets[part], ctx.temperature)
            # one-hot less softmax, each row times its factor
            slope.neg_().scatter_add_(1, targets[part, None], slope.new_ones(len(slope), 1))
            of_weight += weight_gradient(slope.mul_(factors[part]), low_states[part])
        return of_states, of_weight, None, None, None


def linear_logprobs(
    states: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """[N] log softmax(states weight^T / temperature)[target], and [N] the entropy of that distribution in nats, which
    has no gradient; both fp32. states [N,H], weight [V,H], targets [N] int64; products in `dtype`, softmax in fp32."""
    logprobs, entropies = _LinearLogprobs.apply(states, weight, targets, dtype, temperature)  # type: ignore[no-untyped-call]
    return logprobs, entropies
