"""Log-probabilities of chosen tokens under a linear layer's logits, without keeping the logits, forward or backward.

As linear_cross_entropy.py, where each row has a weight of its own that is known only later: the backward pass makes
each block of logits again, from the row's log-sum that was kept.

Shapes: N targets, H hidden size, V vocabulary.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from app.training.linear_cross_entropy import ROWS_AT_ONCE


class _LinearLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
        low_states, low_weight = states.to(dtype), weight.to(dtype)
        scales, logprobs = torch.empty(len(targets)), torch.empty(len(targets))
        for start in range(0, len(targets), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            logits = F.linear(low_states[part], low_weight).float()  # [n,V]
            scales[part] = logits.logsumexp(dim=-1)
            logprobs[part] = logits.gather(1, targets[part, None]).squeeze(1) - scales[part]
        ctx.save_for_backward(low_states, low_weight, targets, scales)
        ctx.formats = states.dtype, weight.dtype
        return logprobs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        low_states, low_weight, targets, scales = ctx.saved_tensors
        of_states = torch.empty(low_states.shape, dtype=ctx.formats[0])
        of_weight = torch.zeros(low_weight.shape, dtype=ctx.formats[1]) if ctx.needs_input_grad[1] else None
        for start in range(0, len(targets), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            wanted = targets[part, None]
            slope = F.linear(low_states[part], low_weight).float().sub_(scales[part, None]).exp_().neg_()
            slope.scatter_add_(1, wanted, torch.ones(wanted.shape))  # of log softmax: one-hot less softmax
            low = slope.mul_(gradients[0][part, None]).to(low_weight.dtype)
            of_states[part] = (low @ low_weight).to(of_states.dtype)
            if of_weight is not None:
                of_weight += low.T @ low_states[part]
        return of_states, of_weight, None, None


def linear_logprobs(states: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
    """[N] log softmax(states weight^T)[target], fp32. states [N,H], weight [V,H], targets [N] int64; products in
    `dtype`, softmax in fp32."""
    logprobs: Tensor = _LinearLogprobs.apply(states, weight, targets, dtype)  # type: ignore[no-untyped-call]
    return logprobs
