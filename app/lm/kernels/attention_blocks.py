"""Parts of attention's kernels: products of small blocks in fp32, and heads turned by their positions.

Shapes: D head size; E is D rounded up to whole panels (tiles.py).
"""

from typing import Any

from app.lm.kernels.attention_task import COSINES, PLACES, POSITIONS, SINES, SIZE, TOKENS
from app.lm.kernels.compiling import Array, inner
from app.lm.kernels.elementwise import ZERO, narrow, widen
from app.lm.kernels.tasks import floats, words
from app.lm.kernels.tiles import FP32, PANEL, STEP_BYTES, tile

_tile, _TILE = tile(FP32), FP32.tokens


@inner
def multiply(
    rows: int, inputs: Array, panels: Array, panel_steps: int, steps: int, out: Array, columns: int, grow: bool
) -> None:
    """out [rows,columns] = (or grows by) inputs [rows,steps] times the first steps of panels, which are
    [columns/PANEL][panel_steps][PANEL], one behind the other."""
    source, wide = inputs.ctypes.data, inputs.shape[1] * STEP_BYTES
    place, out_bytes = out.ctypes.data, out.shape[1] * STEP_BYTES
    if not grow:
        for row in range(rows):
            line = out[row, :columns]
            for i in range(columns):
                line[i] = ZERO
    for column in range(0, columns, PANEL):
        panel = panels.ctypes.data + column * panel_steps * STEP_BYTES
        row = 0
        while row < rows:
            count = min(_TILE, rows - row)
            target = place + row * out_bytes + column * STEP_BYTES
            _tile(count, source + row * wide, wide, panel, steps, target, out_bytes, target, out_bytes)
            row += count


@inner
def panels_of(rows: Array, count: int, columns: int, panels: Array) -> None:
    """rows [count,columns] -> [columns/PANEL][count][PANEL]."""
    place = 0
    for column in range(0, columns, PANEL):
        for row in range(count):
            line, out = rows[row, column : column + PANEL], panels[place : place + PANEL]
            for i in range(PANEL):
                out[i] = line[i]
            place += PANEL


@inner
def turned_panels(rows: Array, count: int, size: int, panels: Array) -> None:
    """rows [count,size] -> their transpose [size,count] as [count/PANEL][size][PANEL], zeros behind `count`."""
    for first in range(0, count, PANEL):
        part = panels[first * size : (first + PANEL) * size]
        present = min(PANEL, count - first)
        for i in range(size):
            line = part[i * PANEL : (i + 1) * PANEL]
            for row in range(present):
                line[row] = rows[first + row, i]
            for row in range(present, PANEL):
                line[row] = ZERO


@inner
def angles_of(task: Any) -> Any:
    """Positions [N], and cosines and sines of all positions, [positions,D] each."""
    shape = (task[PLACES], task[SIZE])
    return words(task[POSITIONS], task[TOKENS]), floats(task[COSINES], shape), floats(task[SINES], shape)


@inner
def turn(head: Array, cosine: Array, sine: Array, rotated: bool, scale: Any, out: Array) -> None:
    """A head [D] turned by its position's angles [D] (app.lm.rotary.rotate), or not, times `scale` -> out [E]."""
    size = head.size
    half = size // 2
    if rotated:
        left, right, first, second = head[:half], head[half:], out[:half], out[half:size]
        cosine1, cosine2, sine1, sine2 = cosine[:half], cosine[half:], sine[:half], sine[half:]
        for i in range(half):
            a, b = widen(left[i]), widen(right[i])
            first[i] = (a * cosine1[i] - b * sine1[i]) * scale
            second[i] = (b * cosine2[i] + a * sine2[i]) * scale
    else:
        for i in range(size):
            out[i] = widen(head[i]) * scale
    for i in range(size, out.size):
        out[i] = ZERO


@inner
def turn_back(of_out: Array, cosine: Array, sine: Array, rotated: bool, scale: Any, of_head: Array) -> None:
    """The gradient of `turn`: of_out [E] -> of_head [D]."""
    size = of_head.size
    half = size // 2
    if rotated:
        left, right, first, second = of_head[:half], of_head[half:], of_out[:half], of_out[half:size]
        cosine1, cosine2, sine1, sine2 = cosine[:half], cosine[half:], sine[:half], sine[half:]
        for i in range(half):
            left[i] = narrow((first[i] * cosine1[i] + second[i] * sine2[i]) * scale, left[i])
            right[i] = narrow((second[i] * cosine2[i] - first[i] * sine1[i]) * scale, right[i])
    else:
        for i in range(size):
            of_head[i] = narrow(of_out[i] * scale, of_head[i])


@inner
def copy_wide(numbers: Array, wide: Array) -> None:
    for i in range(numbers.size):
        wide[i] = widen(numbers[i])
    for i in range(numbers.size, wide.size):
        wide[i] = ZERO
