"""Cross-entropy of a linear layer's logits without keeping the logits: loss and gradients in one pass over blocks.

The idea of Cut Cross-Entropy (Wijmans et al. 2024) and Liger's fused loss, for a processor: a block of logits is made,
its loss and its gradient are taken while it is in the cache, and only gradients of the states and the weight remain.
For 8,192 targets and 4,096 words that spares some 400 MB of memory traffic a step.

Penalties add, for each target, a cost for every word times its probability: where a word with the cost L has the share
q of the data, the loss is least at q / (1 + L). What is said once in a while stays as it is, what a small model could
not exclude becomes rarer. (Unlikelihood training, Welleck et al. 2020, pushes down words that were said before.)
`tail` is the cost of all words that are less than TAIL_BELOW times as likely as the likeliest, `unheard` of those that
never go on so (unheard.py). The target itself costs nothing.

Shapes: N targets, H hidden size, V vocabulary.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from app.lm.kernels.training_elementwise import softmax_at
from app.lm.products import Matrix, weight_gradient
from app.training.unheard import Unheard

ROWS_AT_ONCE = 256
TAIL_BELOW = 0.03


@dataclass(frozen=True)
class Penalties:
    """The costs, and where words that never go on so are asked for: of each target its number [N] in `heard`."""

    tail: float = 0.0
    unheard: float = 0.0
    heard: Unheard | None = None
    numbers: Tensor | None = None

    def costs(self, chances: Tensor, wanted: Tensor, part: slice) -> Tensor | None:
        """Of the part's targets: chances [n,V], wanted [n] -> [n,V] of a word's cost; None if none has one."""
        if not self.tail and not self.unheard:
            return None
        unlikely = chances < TAIL_BELOW * chances.amax(1, keepdim=True)
        costs = torch.where(unlikely, self.tail, 0.0) if self.tail else torch.zeros_like(chances)
        if self.unheard and self.heard is not None and self.numbers is not None:
            costs.masked_fill_(self.heard.never(self.numbers[part]), self.unheard)
        return costs.scatter_(1, wanted[:, None], 0.0)


NO_PENALTIES = Penalties()


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, penalties: Penalties
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
            if (costs := penalties.costs(block, wanted, part)) is not None:
                total += _add_costs(block, costs)
            gradient = block.scatter_add_(1, wanted[:, None], block.new_full((len(block), 1), -1.0))
            torch.mul(matrix.back(gradient), 1.0 / count, out=of_states[part])
            of_weight += weight_gradient(gradient, low_states[part])
        ctx.save_for_backward(of_states, of_weight.mul_(1.0 / count))
        return total / count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        of_states, of_weight = ctx.saved_tensors
        return of_states * gradients[0], of_weight * gradients[0], None, None, None


def _add_costs(chances: Tensor, costs: Tensor) -> Tensor:
    """Both [n,V]: adds the gradient of what each row is expected to cost by the logits, p (cost - what is expected);
    returns the sum of what is expected."""
    expected = (chances * costs).sum(1, keepdim=True)
    chances.mul_(costs.sub_(expected).add_(1.0))
    return expected.sum(dtype=torch.float32)


def linear_cross_entropy(
    states: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, penalties: Penalties = NO_PENALTIES
) -> Tensor:
    """Mean over N of -log softmax(states weight^T)[target], fp32. states [N,H], weight [V,H], targets [N] int64 (each a
    real word: no "ignored" value); products in `dtype`, fp32 or bf16, softmax in fp32. Under no_grad only the loss is
    computed, without penalties."""
    if not torch.is_grad_enabled():
        blocks = zip(torch.split(states, ROWS_AT_ONCE), torch.split(targets, ROWS_AT_ONCE), strict=True)
        matrix = Matrix(weight.to(dtype))
        sums = [softmax_at(matrix.times(s.to(dtype)), t, 1.0)[0].sum() for s, t in blocks]
        return -torch.stack(sums).sum() / len(targets)
    loss: Tensor = _LinearCrossEntropy.apply(states, weight, targets, dtype, penalties)  # type: ignore[no-untyped-call]
    return loss
