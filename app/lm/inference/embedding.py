"""The rows of an embedding matrix, as they are or in 8 bits with a scale for each block.

Shapes: V vocabulary, H hidden size, B blocks, M tokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from app.lm.kernels.byte_rows import MOST
from app.lm.kernels.byte_tiles import BLOCK
from app.lm.kernels.tiles import rounded_up

_ROWS_AT_ONCE = 4_096  # while they are rounded


class Embedding:
    """Of a matrix [V,H]; `small`: in 8 bits."""

    def __init__(self, matrix: Tensor, *, small: bool) -> None:
        self._rows, self._hidden = matrix.detach(), matrix.shape[1]
        self._scales: Tensor | None = None  # [V,B]
        if small:
            vocabulary, padded = len(matrix), rounded_up(self._hidden, BLOCK)
            whole = torch.empty(vocabulary, padded, dtype=torch.int8)
            self._scales = torch.empty(vocabulary, padded // BLOCK)
            for first in range(0, vocabulary, _ROWS_AT_ONCE):
                part = F.pad(self._rows[first : first + _ROWS_AT_ONCE].float(), (0, padded - self._hidden))
                blocks = part.unflatten(1, (-1, BLOCK))
                scales = blocks.abs().amax(-1) / float(MOST)
                known = scales.clamp_min(torch.finfo(torch.float32).tiny).unsqueeze(-1)
                whole[first : first + _ROWS_AT_ONCE] = (blocks / known).round().to(torch.int8).flatten(1)
                self._scales[first : first + _ROWS_AT_ONCE] = scales
            self._rows = whole

    def __call__(self, ids: Tensor) -> Tensor:
        """ids [M] -> [M,H] of any float type."""
        rows: Tensor = F.embedding(ids, self._rows)
        if self._scales is None:
            return rows
        blocks = rows.float().unflatten(1, (-1, BLOCK)) * self._scales[ids].unsqueeze(-1)
        return blocks.flatten(1)[:, : self._hidden]
