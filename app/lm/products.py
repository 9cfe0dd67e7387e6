"""Products of training, forward and backward: torch's in bf16, our own (kernels/packed_linear.py) in fp32.

In fp32 torch's products run at half the speed of ours on processors that its library does not know as its maker's own
(measured on an AMD EPYC of the Zen 5 kind: 110 and 240 GFLOP/s a core, packing included), and at the same elsewhere.

Shapes: N tokens, I inputs, O outputs.
"""

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from app.lm.kernels.packed_linear import PackedLinear


class Matrix:
    """A weight [O,I], fp32 or bf16, for several products; it must not change in between."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight.detach()

    @cached_property
    def _packed(self) -> PackedLinear:
        return PackedLinear(self.weight, torch.float32)

    @cached_property
    def _packed_back(self) -> PackedLinear:
        return PackedLinear.of_transposed(self.weight)

    def times(self, inputs: Tensor) -> Tensor:
        """inputs [N,I] W^T -> [N,O] in the weight's dtype."""
        return self._packed(inputs) if self.weight.dtype == torch.float32 else F.linear(inputs, self.weight)

    def back(self, slopes: Tensor) -> Tensor:
        """Gradient of the inputs: slopes [N,O] W -> [N,I]."""
        return self._packed_back(slopes) if self.weight.dtype == torch.float32 else slopes @ self.weight


def weight_gradient(slopes: Tensor, inputs: Tensor) -> Tensor:
    """slopes [N,O], inputs [N,I] -> [O,I] in their dtype."""
    if slopes.dtype == torch.float32:
        return PackedLinear.of_transposed(inputs)(slopes.T.contiguous())
    return slopes.T @ inputs
