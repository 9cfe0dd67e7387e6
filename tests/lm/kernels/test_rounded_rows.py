"""Inputs become the nearest whole numbers of their block's scale; what is no number stays none."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from app.lm.kernels.byte_tiles import BLOCK, ROW_BYTES, SCALE
from app.lm.kernels.compiling import exact
from app.lm.kernels.rounded_rows import round_row

Numbers = NDArray[np.float32]
MOST = np.float32(32_767)
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@exact
def rounded(numbers: Numbers, row: int) -> None:
    round_row(numbers, row)


def kept(numbers: Numbers) -> tuple[NDArray[np.int64], Numbers, Numbers]:
    """A row's whole numbers [B,BLOCK] in the order of the inputs, scales [B] and sums [B]; memory is dirty before."""
    count = -(-len(numbers) // BLOCK)
    row = np.full((count, ROW_BYTES), 0xAB, np.uint8)
    rounded(numbers, row.ctypes.data)
    fours = row[:, :SCALE].copy().view(np.int16).reshape(count, -1, 4)
    ends = row[:, SCALE:].copy().view(np.float32)
    return fours[:, :, [0, 2, 1, 3]].reshape(count, BLOCK).astype(np.int64), ends[:, 0], ends[:, 1]


def rounded_rows(inputs: Numbers) -> tuple[NDArray[np.int64], Numbers]:
    """The reference: whole numbers [M,B,BLOCK] and scales [M,B] of inputs [M,I]."""
    blocks = np.pad(inputs, ((0, 0), (0, -inputs.shape[1] % BLOCK))).reshape(len(inputs), -1, BLOCK)
    most = np.abs(blocks).max(-1)
    seen = most > np.float32(1e-30)
    inverse = np.where(seen, MOST / np.where(seen, most, np.float32(1)), np.float32(0)).astype(np.float32)
    scales = np.where(seen, most * (np.float32(1) / MOST), np.float32(0)).astype(np.float32)
    return np.rint(blocks * inverse[..., None]).astype(np.int64), scales


@given(arrays.arrays(np.float32, st.integers(1, 5 * BLOCK), elements=FINITE))
@example(np.full(BLOCK, 1.7e37, np.float32))  # whose sum is past the largest number
@settings(deadline=None)  # the first one is compiled
def test_any_row_is_rounded_as_the_reference(numbers: Numbers) -> None:
    whole, scales, sums = kept(numbers)
    wanted, wanted_scales = rounded_rows(numbers[None])
    assert np.array_equal(whole, wanted[0])
    assert np.array_equal(scales, wanted_scales[0])
    with np.errstate(over="ignore"):
        wanted_sums = wanted_scales[0] * wanted[0].sum(-1).astype(np.float32)
    assert np.array_equal(sums, wanted_sums)
    assert np.abs(whole).max() <= MOST


@given(arrays.arrays(np.float32, st.integers(1, 3 * BLOCK), elements=st.floats(-1e6, 1e6, width=32)))
@settings(deadline=None)
def test_a_number_is_at_most_half_a_step_away(numbers: Numbers) -> None:
    whole, scales, _ = kept(numbers)
    away = np.abs((whole * scales[:, None].astype(np.float64)).ravel()[: len(numbers)] - numbers)
    assert (away <= 0.51 * np.repeat(scales, BLOCK)[: len(numbers)] + 1e-30).all()


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, BLOCK + 3, 2 * BLOCK])
def test_what_is_no_number_makes_its_block_none(broken: float, place: int) -> None:
    numbers = np.ones(2 * BLOCK + 1, np.float32)
    numbers[place] = broken
    whole, scales, _ = kept(numbers)
    assert [bool(np.isfinite(each)) for each in scales] == [block != place // BLOCK for block in range(3)]
    assert np.abs(whole).max() <= MOST
