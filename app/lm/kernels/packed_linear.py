"""Matrix products of inference: a token's result has the same bits whatever else is in the batch.

Libraries choose a product's kernel, and with it the order of its sums, by the number of rows, the processor and its
caches. Here each sum is taken in one order by construction (tiles.py), whatever the number of tokens, their places and
the number of threads, who take panels of outputs one by one and compute them for all tokens.

Weights are laid out once in panels, so that they are read one behind the other; in fp32, bf16, or 8 bits with a scale
for each block of inputs (byte_tiles.py), where inputs are rounded to 16 bits (rounded_rows.py).

Shapes: M tokens, I inputs, O outputs.
"""

import functools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numba import carray  # type: ignore[attr-defined]
from torch import Tensor

from app.lm.kernels.byte_tiles import BLOCK_STEPS, PANEL_BYTES, ROW_BYTES, byte_tile
from app.lm.kernels.byte_tiles import TOKENS as _INT8_TOKENS
from app.lm.kernels.byte_weights import byte_panels, rows_of
from app.lm.kernels.compiling import Array, exact, inner, pointed_to
from app.lm.kernels.rounded_rows import round_row
from app.lm.kernels.team import members, starter, take_next, work
from app.lm.kernels.tiles import BF16, FP32, PANEL, STEP_BYTES, rounded_up, tile

_STEPS_AT_ONCE = 1_024  # so that a part of a panel stays in the second-level cache while all tokens pass
_OUT_BYTES = 4  # of a sum

_fp32, _FP32_TOKENS = tile(FP32), FP32.tokens
_bf16, _BF16_TOKENS = tile(BF16), BF16.tokens

_PANELS_AT_ONCE = 16  # while they are laid out
_BLOCKS_AT_ONCE = _STEPS_AT_ONCE // BLOCK_STEPS

AS_FP32, AS_BF16, AS_INT8 = range(3)
FORMS = {torch.float32: AS_FP32, torch.bfloat16: AS_BF16, torch.int8: AS_INT8}
"""What weights are kept in, as kernels are told it."""

# A task is an array of int64: addresses and sizes.
_INPUTS, _PANELS, _BIAS, _OUT, _TOKENS, _STEPS, _COLUMNS, _FORM = range(8)
_COUNTER, _SIZE = 16, 24  # of panels that were taken, on a cache line of its own


@inner
def row_bytes(steps: int, form: int) -> int:
    """Of a token's inputs."""
    return steps * (ROW_BYTES if form == AS_INT8 else STEP_BYTES)


@inner
def panel_bytes(steps: int, form: int) -> int:
    return steps * (PANEL_BYTES if form == AS_INT8 else PANEL * STEP_BYTES)


@inner
def multiply_panel(
    tokens: int, inputs: int, steps: int, panel: int, bias: int, out: int, out_bytes: int, form: int
) -> None:
    """Tokens [M,K], one behind the other, times a whole panel of `steps` -> out [M,PANEL] fp32, `out_bytes` from one
    token to the next. All but the number of tokens are addresses and sizes; in 8 bits a step is a block."""
    most, at_once = _BF16_TOKENS, _STEPS_AT_ONCE
    if form == AS_FP32:
        most = _FP32_TOKENS
    elif form == AS_INT8:
        most, at_once = _INT8_TOKENS, _BLOCKS_AT_ONCE
    tiles = (tokens + most - 1) // most
    input_bytes = row_bytes(steps, form)
    for step in range(0, steps, at_once):
        part = min(at_once, steps - step)
        weights = panel + panel_bytes(step, form)
        for place in range(tiles):
            first = tokens * place // tiles
            count = tokens * (place + 1) // tiles - first
            source = inputs + first * input_bytes + row_bytes(step, form)
            target = out + first * out_bytes
            begin, begin_bytes = target, out_bytes
            if step == 0:
                begin, begin_bytes = bias, 0
            if form == AS_FP32:
                _fp32(count, source, input_bytes, weights, part, begin, begin_bytes, target, out_bytes)
            elif form == AS_BF16:
                _bf16(count, source, input_bytes, weights, part, begin, begin_bytes, target, out_bytes)
            else:
                byte_tile(count, source, input_bytes, weights, part, begin, begin_bytes, target, out_bytes)


def _take_panels(pointer: Any) -> None:
    task = carray(pointer, _SIZE)
    counter = task.ctypes.data + 8 * _COUNTER
    form, whole = task[_FORM], panel_bytes(task[_STEPS], task[_FORM])
    number = take_next(counter)
    while number * PANEL < task[_COLUMNS]:
        panel, place = task[_PANELS] + number * whole, number * PANEL * _OUT_BYTES
        bias, out, out_bytes = task[_BIAS] + place, task[_OUT] + place, task[_COLUMNS] * _OUT_BYTES
        multiply_panel(task[_TOKENS], task[_INPUTS], task[_STEPS], panel, bias, out, out_bytes, form)
        number = take_next(counter)


@functools.cache
def _member() -> int:
    return pointed_to(_take_panels)


@exact
def _multiply(
    inputs: int, panels: int, bias: int, out: int, tokens: int, steps: int, columns: int, form: int,
    member: int, start: int, members: int,
) -> None:  # fmt: skip
    task = np.zeros(_SIZE, np.int64)
    task[_INPUTS], task[_PANELS], task[_BIAS], task[_OUT] = inputs, panels, bias, out
    task[_TOKENS], task[_STEPS], task[_COLUMNS], task[_FORM] = tokens, steps, columns, form
    work(member, task.ctypes.data, start, members)


@exact
def _round_rows(numbers: Array, out: int, row: int) -> None:
    for token in range(len(numbers)):
        round_row(numbers[token], out + token * row)


class PackedLinear:
    """One matrix [O,I] with a bias [O] or none, in fp32, bf16 or 8 bits; sums are fp32. `scale` [I] fp32, but for 8
    bits: what each input is multiplied by, in the weights."""

    def __init__(
        self, matrix: Tensor, dtype: torch.dtype, bias: Tensor | None = None, *, scale: Tensor | None = None
    ) -> None:
        self._outputs, self._inputs = matrix.shape
        self.dtype, columns = dtype, rounded_up(self._outputs, PANEL)
        self._panels = byte_panels(matrix) if dtype == torch.int8 else _panels(matrix, dtype, scale)
        self._bias = torch.zeros(columns)
        if bias is not None:
            self._bias[: self._outputs] = bias.detach()

    @classmethod
    def of_transposed(cls, matrix: Tensor) -> "PackedLinear":
        """Of the transpose of a matrix [I,O] in fp32: its rows are panels' rows already."""
        self = cls.__new__(cls)
        self._inputs, self._outputs = matrix.shape
        self.dtype, columns = torch.float32, rounded_up(self._outputs, PANEL)
        full = matrix.detach() if columns == self._outputs else F.pad(matrix.detach(), (0, columns - self._outputs))
        parts = full.reshape(self._inputs, -1, PANEL)
        self._panels = parts.transpose(0, 1).contiguous().unsqueeze(-1)  # [O/PANEL, I, PANEL, 1]
        self._bias = torch.zeros(columns)
        return self

    @property
    def steps(self) -> int:
        """Of a panel; blocks in 8 bits."""
        return self._panels.shape[1]

    @property
    def row_words(self) -> int:
        """What a token's inputs take, zeros behind the last included, in words of 4 bytes."""
        return self.steps * (ROW_BYTES if self.dtype == torch.int8 else STEP_BYTES) // 4

    @property
    def reads(self) -> torch.dtype:
        """What `__call__` takes; with weights in 8 bits fp32, which is rounded then."""
        return torch.float32 if self.dtype == torch.int8 else self.dtype

    @property
    def columns(self) -> int:
        """Outputs, rounded up to whole panels."""
        return len(self._bias)

    @property
    def addresses(self) -> tuple[int, int]:
        """Of the panels and of the bias, for as long as this is there."""
        return self._panels.data_ptr(), self._bias.data_ptr()

    def __call__(self, inputs: Tensor) -> Tensor:
        """inputs W^T + b: [M,I] -> [M,O] in fp32."""
        if inputs.dtype != self.reads or inputs.shape[1] != self._inputs:
            raise ValueError(f"inputs are {inputs.shape[1]} {inputs.dtype}, not {self._inputs} {self.reads}")
        rows, out = self._rows(inputs), torch.empty(len(inputs), self.columns)
        _multiply(
            rows.data_ptr(), self._panels.data_ptr(), self._bias.data_ptr(), out.data_ptr(),
            len(inputs), self.steps, self.columns, FORMS[self.dtype],
            _member(), starter(), members() if self.columns > PANEL else 1,
        )  # fmt: skip
        return out[:, : self._outputs].contiguous()

    def weights_of(self, outputs: Tensor) -> Tensor:
        """Of weights in 8 bits those of these outputs [M], [M,I] fp32."""
        return rows_of(self._panels, outputs)[:, : self._inputs]

    def _rows(self, inputs: Tensor) -> Tensor:
        """As the kernel reads them."""
        if self.dtype == torch.int8:
            rows = torch.empty(len(inputs), self.row_words)
            _round_rows(inputs.detach().contiguous().numpy(), rows.data_ptr(), 4 * self.row_words)
            return rows
        missing = self.row_words * 4 // self.dtype.itemsize - self._inputs
        return (F.pad(inputs, (0, missing)) if missing else inputs).contiguous()


def _panels(matrix: Tensor, dtype: torch.dtype, scale: Tensor | None) -> Tensor:
    """[O/PANEL, I/numbers, PANEL, numbers], so many numbers in a step. A few panels after the other: the matrix may be
    most of a model's memory, and another copy of it as much."""
    numbers, (outputs, inputs) = STEP_BYTES // dtype.itemsize, matrix.shape
    padded = rounded_up(inputs, numbers)
    made = torch.empty(rounded_up(outputs, PANEL) // PANEL, padded // numbers, PANEL, numbers, dtype=dtype)
    for first in range(0, len(made), _PANELS_AT_ONCE):
        part = matrix[first * PANEL : (first + _PANELS_AT_ONCE) * PANEL].detach()
        part = (part if scale is None else part * scale).to(dtype)
        full = F.pad(part, (0, padded - inputs, 0, rounded_up(len(part), PANEL) - len(part)))
        made[first : first + _PANELS_AT_ONCE] = full.view(-1, PANEL, padded // numbers, numbers).transpose(1, 2)
    return made
