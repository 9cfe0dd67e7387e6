"""Products with weights that are laid out once for this processor: what inference spends its time on.

oneDNN lays out a weight matrix in blocks before it multiplies; torch's linear lets it do so anew in every call, which
for a few rows takes longer than the product itself. Here it is done once, by the operators that torch's own compiler
uses (`torch.ops.mkldnn`, as of the pinned torch version); elsewhere the plain product is used. See bench/sampling.py.

Shapes: [..., I] inputs, [O, I] weights, [..., O] results.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def lays_out_weights() -> bool:
    available: bool = torch._C._has_mkldnn
    return available and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class Weight:
    """One matrix [O,I] with a bias [O] or none, in `dtype`."""

    def __init__(self, matrix: Tensor, dtype: torch.dtype, bias: Tensor | None = None) -> None:
        plain = matrix.detach().to(dtype).contiguous()
        self._bias = None if bias is None else bias.detach().to(dtype)
        self._laid_out = lays_out_weights()
        self._matrix: Tensor = torch.ops.mkldnn._reorder_linear_weight(plain, None) if self._laid_out else plain

    def __call__(self, inputs: Tensor) -> Tensor:
        """inputs W^T + b."""
        if self._laid_out:
            result: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self._matrix, self._bias, "none", [], "")
            return result
        return F.linear(inputs, self._matrix, self._bias)
