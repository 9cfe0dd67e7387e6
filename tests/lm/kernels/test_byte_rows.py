"""Inputs become the nearest whole numbers of their block's scale; what is no number stays none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from app.lm.kernels.byte_rows import keep_bytes
from app.lm.kernels.byte_tiles import BLOCK, ROW_BYTES
from app.lm.kernels.compiling import exact

Numbers = NDArray[np.float32]


@exact
def keep(numbers: Numbers, row: int) -> None:
    keep_bytes(numbers, row)


def kept(numbers: Numbers) -> tuple[NDArray[np.int64], Numbers, NDArray[np.int64]]:
    """A row's whole numbers [B,BLOCK], scales [B] and beginnings [B]; memory is dirty before."""
    count = -(-len(numbers) // BLOCK)
    row = np.full((count, ROW_BYTES), 0xAB, np.uint8)
    keep(numbers, row.ctypes.data)
    whole, scales = row[:, :BLOCK].view(np.int8).astype(np.int64), row[:, BLOCK : BLOCK + 4].copy().view(np.float32)
    return whole, scales[:, 0], row[:, BLOCK + 4 :].copy().view(np.int32)[:, 0].astype(np.int64)


def rounded_rows(inputs: Numbers) -> tuple[NDArray[np.int64], Numbers]:
    """The reference: whole numbers [M,B,BLOCK] and scales [M,B] of inputs [M,I]."""
    count = -(-inputs.shape[1] // BLOCK)
    blocks = np.zeros((len(inputs), count * BLOCK), np.float32)
    blocks[:, : inputs.shape[1]] = inputs
    blocks = blocks.reshape(len(inputs), count, BLOCK)
    most = np.abs(blocks).max(-1)
    seen = most > np.float32(1e-30)
    inverse = np.where(seen, np.float32(127) / np.where(seen, most, np.float32(1)), np.float32(0)).astype(np.float32)
    scales = np.where(seen, most * (np.float32(1) / np.float32(127)), np.float32(0)).astype(np.float32)
    return np.rint(blocks * inverse[..., None]).astype(np.int64), scales


@given(
    arrays.arrays(
        np.float32, st.integers(1, 3 * BLOCK), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
    )
)
def test_any_row_is_rounded_as_the_reference(numbers: Numbers) -> None:
    whole, scales, begins = kept(numbers)
    wanted, wanted_scales = rounded_rows(numbers[None])
    assert np.array_equal(whole, wanted[0])
    assert np.array_equal(scales, wanted_scales[0])
    assert np.array_equal(begins, -128 * whole.sum(-1))
    assert np.abs(whole).max() <= 127


@given(arrays.arrays(np.float32, st.integers(1, 2 * BLOCK), elements=st.floats(-1e6, 1e6, width=32)))
def test_a_number_is_at_most_half_a_step_away(numbers: Numbers) -> None:
    whole, scales, _ = kept(numbers)
    away = np.abs((whole * scales[:, None].astype(np.float64)).ravel()[: len(numbers)] - numbers)
    assert (away <= 0.5001 * np.repeat(scales, BLOCK)[: len(numbers)] + 1e-30).all()


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, BLOCK + 3, 2 * BLOCK])
def test_what_is_no_number_makes_its_block_none(broken: float, place: int) -> None:
    numbers = np.ones(2 * BLOCK + 1, np.float32)
    numbers[place] = broken
    whole, scales, _ = kept(numbers)
    assert [bool(np.isfinite(each)) for each in scales] == [block != place // BLOCK for block in range(3)]
    assert np.abs(whole).max() <= 127
