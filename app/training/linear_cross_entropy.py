"""Cross-entropy of a linear layer's logits without keeping the logits: loss and gradients in one pass over blocks.

The idea of Cut Cross-Entropy (Wijmans et al. 2024) and Liger's fused loss, for a processor: a block of logits is made,
its loss and its gradient are taken while it is in the cache, and only gradients of the states and the weight remain.
For 8,192 targets and 4,096 words that spares some 400 MB of memory traffic a step.

A tail penalty L adds L times the probability of the tail: of all words that are less than TAIL_BELOW times as likely as
the likeliest, but for the target. Where a tail word has the share q of the data, the loss is least at q / (1 + L): what
is said once in a while stays as it is, what a small model could not exclude becomes rarer. (Unlikelihood training,
Welleck et al. 2020, pushes down words that were said before; here it is those that nearly never are.)

Shapes: N targets, H hidden size, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor

from app.lm.kernels.training_elementwise import softmax_at
from app.lm.products import Matrix, weight_gradient

ROWS_AT_ONCE = 256
TAIL_BELOW = 0.03


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, tail_penalty: float
    ) -> Tensor:
        low_states, matrix = states.to(dtype), Matrix(weight.to(dtype))
        of_states = torch.empty_like(states)
        of_weight = torch.zeros_like(weight)
        total = states.new_zeros((), dtype=torch.float32)
        count = len(targets)
        for start in range(0, count, ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            wanted, block = targets[part], matrix.times(low_states[part])  # [n,V]
            total -= softmax_at(block, wanted, 1.0)[0].sum()
            if tail_penalty:
                total += tail_penalty * _add_tail(block, wanted, tail_penalty)
            gradient = block.scatter_add_(1, wanted[:, None], block.new_full((len(block), 1), -1.0))
            torch.mul(matrix.back(gradient), 1.0 / count, out=of_states[part])
            of_weight += weight_gradient(gradient, low_states[part])
        ctx.save_for_backward(of_states, of_weight.mul_(1.0 / count))
        return total / count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        of_states, of_weight = ctx.saved_tensors
        return of_states * gradients[0], of_weight * gradients[0], None, None, None


def _add_tail(chances: Tensor, wanted: Tensor, penalty: float) -> Tensor:
    """chances [n,V]: adds the gradient of penalty times each row's tail by the logits, p (1[tail] - sum of the tail);
    returns the sum of all tails."""
    tail = torch.where(chances < TAIL_BELOW * chances.amax(1, keepdim=True), chances, 0.0)
    tail.scatter_(1, wanted[:, None], 0.0)
    sums = tail.sum(1, keepdim=True)
    chances.addcmul_(chances, sums, value=-penalty).add_(tail, alpha=penalty)
    return sums.sum(dtype=torch.float32)


def linear_cross_entropy(
    states: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, tail_penalty: float = 0.0
) -> Tensor:
    """Mean over N of -log softmax(states weight^T)[target], fp32. states [N,H], weight [V,H], targets [N] int64 (each a
    real word: no "ignored" value); products in `dtype`, fp32 or bf16, softmax in fp32. Under no_grad only the loss is
    computed, without a penalty."""
    if not torch.is_grad_enabled():
        blocks = zip(torch.split(states, ROWS_AT_ONCE), torch.split(targets, ROWS_AT_ONCE), strict=True)
        matrix = Matrix(weight.to(dtype))
        sums = [softmax_at(matrix.times(s.to(dtype)), t, 1.0)[0].sum() for s, t in blocks]
        return -torch.stack(sums).sum() / len(targets)
    loss: Tensor = _LinearCrossEntropy.apply(states, weight, targets, dtype, tail_penalty)  # type: ignore[no-untyped-call]
    return loss
