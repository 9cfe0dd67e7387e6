"""A token's inputs rounded to 8 bits, block by block, as byte_tiles.py multiplies them.

Each number is one product, rounded to the nearest, ties to even; nothing hangs on the order in which a block is looked
at, so that the same numbers give the same bytes on any processor.
"""

from typing import Any

import numpy as np

from app.lm.kernels.byte_tiles import BLOCK, OFFSET, ROW_BYTES
from app.lm.kernels.compiling import Array, exactly
from app.lm.kernels.elementwise import ONE, ZERO
from app.lm.kernels.tasks import floats, signed_bytes, whole_numbers

MOST = np.float32(127)
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
def keep_bytes(numbers: Array, row: int) -> None:
    """numbers [I] fp32 -> blocks at the address `row`, zeros behind the last number. A block with a number that is not
    finite gets a scale that is not, so that all which comes of it is not."""
    for first in range(0, numbers.size, BLOCK):
        part, place = numbers[first : first + BLOCK], row + first // BLOCK * ROW_BYTES
        bits, held = _largest(part), signed_bytes(place, BLOCK)
        most, total, inverse = np.int32(bits).view(np.float32), np.int32(0), ZERO
        if most > _LEAST and bits < _INFINITE:
            inverse = MOST / most
            for i in range(part.size):
                number = np.int32(np.rint(part[i] * inverse))
                held[i] = np.int8(number)
                total += number
        else:
            for i in range(part.size):
                held[i] = np.int8(0)
        for i in range(part.size, BLOCK):
            held[i] = np.int8(0)
        scale = most * (ONE / MOST) if inverse != ZERO or bits >= _INFINITE else ZERO
        floats(place + BLOCK, 1)[0] = scale
        whole_numbers(place + BLOCK + 4, 1)[0] = np.int32(-OFFSET) * total
