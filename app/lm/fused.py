"""The operations of a layer on tokens without padding, each one node for autograd and one pass over memory.

What is between products is computed by the kernels (app/lm/kernels) in fp32, products (products.py) in the dtype of
their inputs. Gradients reach weights in fp32. Tested against the same in plain torch (tests/lm/test_fused.py).

Shapes: N tokens, H hidden size, I inner size, Q query heads, K key-value heads, D head size, R rank.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from app.lm.kernels import training_elementwise as elementwise
from app.lm.kernels.attention_task import Heads, Rows
from app.lm.kernels.packed_attention import attend
from app.lm.kernels.packed_attention_backward import attend_backward
from app.lm.linear import Linear
from app.lm.products import Matrix, weight_gradient


class _AddAndNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, more: Tensor, weights: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        grown, normed, scales = elementwise.add_and_norm(states, more, weights, epsilon)
        ctx.save_for_backward(grown, scales, weights)
        return grown, normed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        grown, scales, weights = ctx.saved_tensors
        of_grown, of_normed = (gradient.contiguous() for gradient in gradients)
        return *elementwise.add_and_norm_backward(grown, scales, weights, of_grown, of_normed), None


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, both: Tensor) -> Tensor:
        ctx.save_for_backward(both)
        return elementwise.gate(both)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (both,) = ctx.saved_tensors
        return elementwise.gate_backward(both, gradients[0].contiguous())


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, heads: Tensor, rows: Rows, how: Heads) -> Tensor:
        mixed, logsums = attend(heads, rows, how)
        ctx.save_for_backward(heads, logsums)
        ctx.rows, ctx.how = rows, how
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        heads, logsums = ctx.saved_tensors
        of_mixed = gradients[0].contiguous()
        return attend_backward(heads, ctx.rows, ctx.how, logsums, of_mixed), None, None


class _JoinedProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, bias: Tensor | None, *weights: Tensor) -> Tensor:
        if len(weights) == 1 and weights[0].dtype == inputs.dtype:
            joined = weights[0]
        else:  # joined and rounded in one pass
            joined = torch.cat(weights, out=inputs.new_empty(sum(map(len, weights)), inputs.shape[1]))
        trained = any(ctx.needs_input_grad[2:])
        ctx.save_for_backward(inputs if trained else None, joined)  # a frozen weight's gradient is not asked for
        ctx.sizes = [len(weight) for weight in weights]
        out = Matrix(joined).times(inputs)
        return out if bias is None else out.add_(bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, joined = ctx.saved_tensors
        slope = gradients[0]
        of_inputs = Matrix(joined).back(slope) if ctx.needs_input_grad[0] else None
        of_bias = slope.float().sum(0) if ctx.needs_input_grad[1] else None
        of_weights: tuple[Tensor | None, ...] = (None,) * len(ctx.sizes)
        if any(ctx.needs_input_grad[2:]):
            of_weights = weight_gradient(slope, inputs).float().split(ctx.sizes)
        return of_inputs, of_bias, *of_weights


@dataclass(frozen=True)
class _Block:
    """Where a part's addition lies: its outputs, and its ranks among those of all parts."""

    outputs: slice
    ranks: slice
    scale: float


class _AddLowRank(torch.autograd.Function):
    """Parts one behind the other are one product: all of `down` one below the other, `up` block by block."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, outputs: Tensor, blocks: tuple[_Block, ...], *factors: Tensor) -> Tensor:
        downs, ups = factors[::2], factors[1::2]
        down = torch.cat(downs).to(inputs.dtype)  # [R,in]
        up = outputs.new_zeros(outputs.shape[1], len(down))  # [out,R]
        for block, part in zip(blocks, ups, strict=True):
            up[block.outputs, block.ranks] = block.scale * part
        narrow = F.linear(inputs, down)
        ctx.save_for_backward(inputs, narrow, down, up)
        ctx.blocks, ctx.dtype = blocks, downs[0].dtype
        return torch.addmm(outputs, narrow, up.T)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, narrow, down, up = ctx.saved_tensors
        slope = gradients[0]
        of_narrow = slope @ up
        of_inputs = of_narrow @ down if ctx.needs_input_grad[0] else None
        of_down = (of_narrow.T @ inputs).to(ctx.dtype)
        of_up = (slope.T @ narrow).to(ctx.dtype)
        of_factors = [
            gradient
            for block in ctx.blocks
            for gradient in (of_down[block.ranks], block.scale * of_up[block.outputs, block.ranks])
        ]
        return of_inputs, slope, None, *of_factors


def add_and_norm(states: Tensor, more: Tensor, weights: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """states [N,H] fp32 + more [N,H] fp32 or bf16 -> their sum, fp32, and that by RMSNorm in the dtype of `more`."""
    grown, normed = _AddAndNorm.apply(states, more, weights, epsilon)  # type: ignore[no-untyped-call]
    return grown, normed


def gated(both: Tensor) -> Tensor:
    """SwiGLU (Shazeer 2020): [N,2I], gates before values -> [N,I]."""
    out: Tensor = _Gate.apply(both)  # type: ignore[no-untyped-call]
    return out


def attended(heads: Tensor, rows: Rows, how: Heads) -> Tensor:
    """Joined queries, keys and values [N,(Q+2K)D] -> mixed values [N,QD]: which token looks at which is in `rows`."""
    mixed: Tensor = _Attend.apply(heads, rows, how)  # type: ignore[no-untyped-call]
    return mixed


def joined_product(inputs: Tensor, *parts: Linear) -> Tensor:
    """What the parts give of inputs [N,in], one behind the other in the last dimension, in the inputs' dtype. What is
    added to their weights is computed by its factors (LoRA, Hu et al. 2021, section 4.1)."""
    bias = None if parts[0].bias is None else torch.cat(tuple(part.bias for part in parts))
    out: Tensor = _JoinedProduct.apply(inputs, bias, *(part.weight for part in parts))  # type: ignore[no-untyped-call]
    blocks, factors, row, rank = list[_Block](), list[Tensor](), 0, 0
    for part in parts:
        added, rows = part.addition, part.out_features
        if added is not None:
            ranks = len(added.down)
            blocks.append(_Block(slice(row, row + rows), slice(rank, rank + ranks), added.scale))
            factors += (added.down, added.up)
            rank += ranks
        row += rows
    if blocks:
        out = _AddLowRank.apply(inputs, out, tuple(blocks), *factors)  # type: ignore[no-untyped-call]
    return out
