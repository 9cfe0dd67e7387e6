"""Products in 8 bits are those of a slow reference that does the same arithmetic number by number, to the bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.lm.kernels.byte_tiles import BLOCK
from app.lm.kernels.packed_linear import PackedLinear
from app.lm.kernels.tiles import FEATURES
from tests.lm.kernels.test_byte_rows import Numbers, rounded_rows

Wide = NDArray[np.longdouble]


def rounded_weights(matrix: Numbers) -> tuple[NDArray[np.int64], Numbers]:
    """[O,B,BLOCK] whole numbers, and scales [O,B]: as rows of inputs, but divided by the scale."""
    blocks = np.zeros((len(matrix), -(-matrix.shape[1] // BLOCK) * BLOCK), np.float32)
    blocks[:, : matrix.shape[1]] = matrix
    blocks = blocks.reshape(len(matrix), -1, BLOCK)
    scales = np.abs(blocks).max(-1) / np.float32(127)
    whole = np.rint(blocks / np.maximum(scales, np.finfo(np.float32).tiny)[..., None])
    return whole.astype(np.int64), scales


def reference(matrix: Numbers, bias: Numbers, inputs: Numbers) -> Numbers:
    """[M,O]: from the bias on, block by block, one fused multiply-add each (in wide numbers, rounded once)."""
    (weights, weight_scales), (rows, row_scales) = rounded_weights(matrix), rounded_rows(inputs)
    out = np.tile(bias, (len(inputs), 1))
    for block in range(weights.shape[1]):
        whole: Wide = np.einsum("oi,mi->mo", weights[:, block], rows[:, block]).astype(np.longdouble)
        both = weight_scales[None, :, block] * row_scales[:, None, block]
        product = whole * both
        if "fma" not in FEATURES:
            product = product.astype(np.float32).astype(np.longdouble)
        out = (product + out).astype(np.float32)
    return out


@given(
    tokens=st.integers(1, 14),
    inputs=st.integers(1, 3 * BLOCK + 1),
    outputs=st.integers(1, 140),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_any_shape_gives_the_reference_to_the_bit(tokens: int, inputs: int, outputs: int, seed: int) -> None:
    """With scales that differ from block to block, and from output to output."""
    random = np.random.default_rng(seed)

    def numbers(*shape: int) -> Numbers:
        return (random.normal(size=shape) * 10.0 ** random.uniform(-3, 3, shape[:1] + (1,) * (len(shape) - 1))).astype(
            np.float32
        )

    matrix, bias, rows = numbers(outputs, inputs), numbers(outputs), numbers(tokens, inputs)
    product = PackedLinear(torch.from_numpy(matrix), torch.int8, torch.from_numpy(bias))(torch.from_numpy(rows))
    assert np.array_equal(product.numpy(), reference(matrix, bias, rows))


@pytest.mark.parametrize("extreme", [127.0, -127.0])
def test_the_largest_sums_fit(extreme: float) -> None:
    """Sums of a block of the largest whole numbers of both signs, in which an instruction that saturates would differ:
    one row for each sign of weights and of inputs."""
    matrix = torch.stack([torch.full((2 * BLOCK,), extreme), torch.full((2 * BLOCK,), -extreme)])
    rows = torch.full((2, 2 * BLOCK), 127.0)
    rows[1] = -127
    product = PackedLinear(matrix, torch.int8)(rows)
    assert torch.equal(product, rows @ matrix.T)


def test_a_long_row_is_read_in_parts() -> None:
    """Longer than what is kept in the second-level cache: the parts go on from one another."""
    random = np.random.default_rng(3)
    matrix, rows = (random.normal(size=(count, 70 * BLOCK + 5)).astype(np.float32) for count in (65, 7))
    bias = random.normal(size=65).astype(np.float32)
    product = PackedLinear(torch.from_numpy(matrix), torch.int8, torch.from_numpy(bias))(torch.from_numpy(rows))
    assert np.array_equal(product.numpy(), reference(matrix, bias, rows))
