"""Weights in 8 bits are near what they were, and the same where they were on a coarser grid before."""

import pytest
import torch
from torch import Tensor

from app.lm.kernels.byte_tiles import BLOCK, PANEL_BYTES
from app.lm.kernels.byte_weights import byte_panels, rows_of
from app.lm.kernels.tiles import PANEL

ALL = torch.arange(3 * PANEL + 5)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("inputs", [1, BLOCK, 3 * BLOCK + 7])
def test_a_weight_is_at_most_half_a_step_away(inputs: int) -> None:
    """Of its block's range; a block of equal weights is kept as it is, and other outputs change nothing."""
    matrix = normal(len(ALL), inputs)
    matrix[7], matrix[-1] = -0.25, 100 * matrix[-1]
    panels = byte_panels(matrix)
    assert panels.shape == (4, -(-inputs // BLOCK), PANEL_BYTES)
    near = rows_of(panels, ALL)[:, :inputs]
    for first in range(0, inputs, BLOCK):
        block = matrix[:, first : first + BLOCK]
        reach = (block.amax(1) - block.amin(1)) / 255
        away = (near[:, first : first + BLOCK] - block).abs()
        assert (away <= 0.501 * reach[:, None] + 1e-6 * block.abs()).all()
    assert torch.equal(near[7], matrix[7])
    assert torch.equal(rows_of(byte_panels(matrix[5:15]), torch.arange(10)), rows_of(panels, ALL)[5:15])
    order = torch.tensor([2 * PANEL + 3, 0, PANEL])
    assert torch.equal(rows_of(panels, order)[:, :inputs], near[order])


@pytest.mark.parametrize("levels", [3, 15])
def test_weights_of_fewer_bits_stay_the_same(levels: int) -> None:
    """As Q4_1 and its like keep them: a scale and a least weight for each block of BLOCK, all levels in use."""
    shape = (len(ALL), 4 * BLOCK)
    whole = torch.randint(0, levels + 1, shape, generator=torch.Generator().manual_seed(2)).float()
    whole[:, ::BLOCK], whole[:, 1::BLOCK] = 0, levels
    scales, leasts = (normal(len(ALL), 4 + more).half().float()[:, :4].repeat_interleave(BLOCK, 1) for more in (0, 1))
    matrix = whole * scales.abs() + leasts
    torch.testing.assert_close(rows_of(byte_panels(matrix), ALL), matrix, rtol=0, atol=4e-6)
