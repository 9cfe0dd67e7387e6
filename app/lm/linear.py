"""A layer's linear map, which may have a low-rank addition beside its weight: LoRA (Hu et al. 2021, section 4.1).

Shapes: I inputs, O outputs, R rank.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LowRank(nn.Module):
    """What is added to a weight [O,I]: scale * up [O,R] down [R,I], in the paper (alpha / r) B A. `up` is 0 at first,
    so that nothing is added, to the bit; `down` is normal, and keeps the size of what it reads."""

    def __init__(self, linear: nn.Linear, rank: int, scale: float, generator: torch.Generator) -> None:
        super().__init__()
        wide = linear.in_features
        self.scale = scale
        self.down = nn.Parameter(torch.randn(rank, wide, generator=generator) * wide**-0.5)
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))

    @property
    def product(self) -> Tensor:
        """[O,I]."""
        return self.scale * (self.up @ self.down)


class Linear(nn.Linear):
    addition: LowRank | None

    def __init__(self, wide: int, narrow: int, *, bias: bool) -> None:
        super().__init__(wide, narrow, bias=bias)
        self.register_module("addition", None)

    @property
    def whole(self) -> Tensor:
        """[O,I]: the weight with what is added to it."""
        return self.weight if self.addition is None else self.weight + self.addition.product

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs [...,I] -> [...,O]."""
        return F.linear(inputs, self.whole, self.bias)
