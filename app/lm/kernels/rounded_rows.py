"""A token's inputs rounded to whole numbers of 16 bits, block by block, as byte_tiles.py multiplies them.

Each number is one product, rounded to the nearest, ties to even; nothing hangs on the order in which a block is looked
at, so that the same numbers give the same whole numbers on any processor.
"""

from typing import Any

import numpy as np

from app.lm.kernels.byte_tiles import BLOCK, FOUR, ROW_BYTES, SCALE
from app.lm.kernels.compiling import Array, exactly
from app.lm.kernels.elementwise import ONE, ZERO
from app.lm.kernels.tasks import floats, shorts

_MOST = np.float32(32_767)
_LEAST = np.float32(1e-30)  # a block of less is zeros: one over it would be too large for fp32
_SIGNLESS, _INFINITE = np.int32(0x7FFFFFFF), np.int32(0x7F800000)


@exactly
def _largest(part: Array) -> Any:
    """The largest of the numbers without their signs, as the bits of fp32, which are in the order of the numbers."""
    most = np.int32(0)
    for i in range(part.size):
        most = max(most, np.int32(np.float32(part[i]).view(np.int32) & _SIGNLESS))
    return most


@exactly
def _round_block(part: Array, inverse: Any, held: Array) -> Any:
    """The numbers times `inverse` as whole numbers, zeros behind them; returns their sum."""
    total = np.int32(0)
    for i in range(part.size):
        whole = np.int32(np.rint(part[i] * inverse))
        held[i] = np.int16(whole)
        total += whole
    for i in range(part.size, BLOCK):
        held[i] = np.int16(0)
    return total


@exactly
def round_row(numbers: Array, row: int) -> None:
    """numbers [I] fp32 -> blocks at the address `row`. A block with a number that is not finite gets a scale that is
    not, so that all which comes of it is not."""
    for first in range(0, numbers.size, BLOCK):
        part, place = numbers[first : first + BLOCK], row + first // BLOCK * ROW_BYTES
        bits, held, ends = _largest(part), shorts(place, BLOCK), floats(place + SCALE, 2)
        most, total, scale = np.int32(bits).view(np.float32), np.int32(0), ZERO
        if most > _LEAST and bits < _INFINITE:
            total, scale = _round_block(part, _MOST / most, held), most * (ONE / _MOST)
        else:
            _round_block(part[:0], ZERO, held)
            if bits >= _INFINITE:
                scale = most
        for i in range(1, BLOCK, FOUR):  # inputs 0, 2, 1, 3 of each four
            held[i], held[i + 1] = held[i + 1], held[i]
        ends[0], ends[1] = scale, scale * np.float32(total)
