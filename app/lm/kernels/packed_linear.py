"""Matrix products of inference: a token's result has the same bits whatever else is in the batch.

Libraries choose a product's kernel, and with it the order of its sums, by the number of rows, the processor and its
caches. Here each sum is taken in one order by construction (tiles.py), whatever the number of tokens, their places and
the number of threads, who take panels of outputs one by one and compute them for all tokens.

Weights are laid out once in panels, so that they are read one behind the other.

Shapes: M tokens, I inputs, O outputs.
"""

import functools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numba import carray  # type: ignore[attr-defined]
from torch import Tensor

from app.lm.kernels.compiling import exact, inner, pointed_to
from app.lm.kernels.team import members, starter, take_next, work
from app.lm.kernels.tiles import BF16, FP32, PANEL, STEP_BYTES, rounded_up, tile

_STEPS_AT_ONCE = 1_024  # so that a part of a panel stays in the second-level cache while all tokens pass
_OUT_BYTES = 4  # of a sum

_fp32, _FP32_TOKENS = tile(FP32), FP32.tokens
_bf16, _BF16_TOKENS = tile(BF16), BF16.tokens

# A task is an array of int64: addresses and sizes.
_INPUTS, _PANELS, _BIAS, _OUT, _TOKENS, _STEPS, _COLUMNS, _IS_FP32 = range(8)
_COUNTER, _SIZE = 16, 24  # of panels that were taken, on a cache line of its own


@inner
def multiply_panel(
    tokens: int, inputs: int, steps: int, panel: int, bias: int, out: int, out_bytes: int, is_fp32: bool
) -> None:
    """Tokens [M,K], one behind the other, times a whole panel of `steps` -> out [M,PANEL] fp32, `out_bytes` from one
    token to the next. All but the number of tokens are addresses and sizes."""
    most = _FP32_TOKENS if is_fp32 else _BF16_TOKENS
    tiles = (tokens + most - 1) // most
    input_bytes = steps * STEP_BYTES
    for step in range(0, steps, _STEPS_AT_ONCE):
        part = min(_STEPS_AT_ONCE, steps - step)
        weights = panel + step * PANEL * STEP_BYTES
        for place in range(tiles):
            first = tokens * place // tiles
            count = tokens * (place + 1) // tiles - first
            source = inputs + first * input_bytes + step * STEP_BYTES
            target = out + first * out_bytes
            begin, begin_bytes = target, out_bytes
            if step == 0:
                begin, begin_bytes = bias, 0
            if is_fp32:
                _fp32(count, source, input_bytes, weights, part, begin, begin_bytes, target, out_bytes)
            else:
                _bf16(count, source, input_bytes, weights, part, begin, begin_bytes, target, out_bytes)


def _take_panels(pointer: Any) -> None:
    task = carray(pointer, _SIZE)
    counter = task.ctypes.data + 8 * _COUNTER
    column = PANEL * take_next(counter)
    while column < task[_COLUMNS]:
        panel, bias = task[_PANELS] + column * task[_STEPS] * STEP_BYTES, task[_BIAS] + column * _OUT_BYTES
        out, out_bytes = task[_OUT] + column * _OUT_BYTES, task[_COLUMNS] * _OUT_BYTES
        is_fp32 = task[_IS_FP32] != 0
        multiply_panel(task[_TOKENS], task[_INPUTS], task[_STEPS], panel, bias, out, out_bytes, is_fp32)
        column = PANEL * take_next(counter)


@functools.cache
def _member() -> int:
    return pointed_to(_take_panels)


@exact
def _multiply(
    inputs: int, panels: int, bias: int, out: int, tokens: int, steps: int, columns: int, is_fp32: bool,
    member: int, start: int, members: int,
) -> None:  # fmt: skip
    task = np.zeros(_SIZE, np.int64)
    task[_INPUTS], task[_PANELS], task[_BIAS], task[_OUT] = inputs, panels, bias, out
    task[_TOKENS], task[_STEPS], task[_COLUMNS], task[_IS_FP32] = tokens, steps, columns, is_fp32
    work(member, task.ctypes.data, start, members)


class PackedLinear:
    """One matrix [O,I] with a bias [O] or none, in fp32 or bf16; sums are fp32."""

    def __init__(self, matrix: Tensor, dtype: torch.dtype, bias: Tensor | None = None) -> None:
        self._outputs, self._inputs = matrix.shape
        self._numbers = STEP_BYTES // dtype.itemsize  # of a step
        columns, padded = rounded_up(self._outputs, PANEL), rounded_up(self._inputs, self._numbers)
        full = matrix.detach().to(dtype).contiguous()
        if (columns, padded) != tuple(matrix.shape):  # F.pad copies always, and this may be most of a model's memory
            full = F.pad(full, (0, padded - self._inputs, 0, columns - self._outputs))
        parts = full.view(-1, PANEL, padded // self._numbers, self._numbers)
        self._panels = parts.transpose(1, 2).contiguous()  # [O/PANEL, I/numbers, PANEL, numbers]
        self._bias = torch.zeros(columns)
        if bias is not None:
            self._bias[: self._outputs] = bias.detach()

    @classmethod
    def of_transposed(cls, matrix: Tensor) -> "PackedLinear":
        """Of the transpose of a matrix [I,O] in fp32: its rows are panels' rows already."""
        self = cls.__new__(cls)
        self._inputs, self._outputs = matrix.shape
        self._numbers, columns = 1, rounded_up(self._outputs, PANEL)
        full = matrix.detach() if columns == self._outputs else F.pad(matrix.detach(), (0, columns - self._outputs))
        parts = full.reshape(self._inputs, -1, PANEL)
        self._panels = parts.transpose(0, 1).contiguous().unsqueeze(-1)  # [O/PANEL, I, PANEL, 1]
        self._bias = torch.zeros(columns)
        return self

    @property
    def steps(self) -> int:
        """Of a panel: a token's inputs take STEP_BYTES of each, zeros behind the last."""
        return self._panels.shape[1]

    @property
    def columns(self) -> int:
        """Outputs, rounded up to whole panels."""
        return len(self._bias)

    @property
    def addresses(self) -> tuple[int, int]:
        """Of the panels and of the bias, for as long as this is there."""
        return self._panels.data_ptr(), self._bias.data_ptr()

    def __call__(self, inputs: Tensor) -> Tensor:
        """inputs W^T + b: [M,I] in the weight's dtype -> [M,O] in fp32."""
        wanted, columns, steps = self._panels.dtype, self.columns, self.steps
        if inputs.dtype != wanted or inputs.shape[1] != self._inputs:
            raise ValueError(f"inputs are {inputs.shape[1]} {inputs.dtype}, not {self._inputs} {wanted}")
        missing = steps * self._numbers - self._inputs
        full = (F.pad(inputs, (0, missing)) if missing else inputs).contiguous()
        out = torch.empty(len(inputs), columns)
        _multiply(
            full.data_ptr(), self._panels.data_ptr(), self._bias.data_ptr(), out.data_ptr(),
            len(inputs), steps, columns, self._numbers == 1,
            _member(), starter(), members() if columns > PANEL else 1,
        )  # fmt: skip
        return out[:, : self._outputs].contiguous()
