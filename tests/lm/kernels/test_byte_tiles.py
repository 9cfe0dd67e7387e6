"""Products with weights in 8 bits are those of a slow reference that does the same arithmetic, to the bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.lm.kernels.byte_tiles import BLOCK
from app.lm.kernels.packed_linear import PackedLinear
from app.lm.kernels.tiles import FEATURES
from tests.lm.kernels.test_rounded_rows import Numbers, rounded_rows

Wide = NDArray[np.longdouble]


def rounded_weights(matrix: Numbers) -> tuple[NDArray[np.int64], Numbers, Numbers]:
    """[O,B,BLOCK] whole numbers; scales and least weights [O,B]. The last block's missing weights are its last one."""
    blocks = np.pad(matrix, ((0, 0), (0, -matrix.shape[1] % BLOCK)), mode="edge").reshape(len(matrix), -1, BLOCK)
    leasts = blocks.min(-1)
    scales = (blocks.max(-1) - leasts) / np.float32(255)
    whole = np.rint((blocks - leasts[..., None]) / np.maximum(scales, np.finfo(np.float32).tiny)[..., None])
    return whole.clip(0, 255).astype(np.int64), scales, leasts


def added(number: Numbers, factor: Wide, out: Numbers) -> Numbers:
    """out + number * factor, rounded once where the processor does (in wide numbers, which nearly never round)."""
    product = number.astype(np.longdouble) * factor
    if "fma" not in FEATURES:
        product = product.astype(np.float32).astype(np.longdouble)
    return (product + out).astype(np.float32)


def reference(matrix: Numbers, bias: Numbers, inputs: Numbers) -> Numbers:
    """[M,O]: from the bias on, block by block."""
    (weights, weight_scales, leasts), (rows, row_scales) = rounded_weights(matrix), rounded_rows(inputs)
    out = np.tile(bias, (len(inputs), 1))
    for block in range(weights.shape[1]):
        sums = row_scales[:, block] * rows[:, block].sum(-1).astype(np.float32)
        out = added(leasts[None, :, block], sums[:, None].astype(np.longdouble), out)
        whole: Wide = (rows[:, block] @ weights[:, block].T).astype(np.float32).astype(np.longdouble)
        out = added(weight_scales[None, :, block] * row_scales[:, None, block], whole, out)
    return out


@given(
    tokens=st.integers(1, 14),
    inputs=st.integers(1, 5 * BLOCK + 1),
    outputs=st.integers(1, 140),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_any_shape_gives_the_reference_to_the_bit(tokens: int, inputs: int, outputs: int, seed: int) -> None:
    """With scales that differ from block to block, and from output to output."""
    random = np.random.default_rng(seed)

    def numbers(*shape: int) -> Numbers:
        scales = 10.0 ** random.uniform(-3, 3, shape[:1] + (1,) * (len(shape) - 1))
        return (random.normal(size=shape) * scales).astype(np.float32)

    matrix, bias, rows = numbers(outputs, inputs), numbers(outputs), numbers(tokens, inputs)
    product = PackedLinear(torch.from_numpy(matrix), torch.int8, torch.from_numpy(bias))(torch.from_numpy(rows))
    assert np.array_equal(product.numpy(), reference(matrix, bias, rows))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_largest_sums_fit(sign: float) -> None:
    """A block of the largest whole numbers, in which what saturates would differ: all weights but the first at the top
    of their range, all inputs at the end of theirs."""
    matrix, rows = torch.full((2, 2 * BLOCK), 255.0), torch.full((2, 2 * BLOCK), 32_767.0 * sign)
    matrix[:, ::BLOCK] = 0
    product = PackedLinear(matrix, torch.int8)(rows)
    torch.testing.assert_close(product.double(), rows.double() @ matrix.double().T, rtol=1e-6, atol=0)


def test_a_long_row_is_read_in_parts() -> None:
    """Longer than what is kept in the second-level cache: the parts go on from one another."""
    random = np.random.default_rng(3)
    matrix, rows = (random.normal(size=(count, 140 * BLOCK + 5)).astype(np.float32) for count in (65, 7))
    bias = random.normal(size=65).astype(np.float32)
    product = PackedLinear(torch.from_numpy(matrix), torch.int8, torch.from_numpy(bias))(torch.from_numpy(rows))
    assert np.array_equal(product.numpy(), reference(matrix, bias, rows))
