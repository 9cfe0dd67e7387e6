"""Weights as whole numbers from 0 to LEVELS, block by block, in the order in which byte_tiles.py reads them.

Shapes: O outputs, I inputs, B blocks, P is PANEL.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from app.lm.kernels.byte_tiles import BLOCK, BLOCK_STEPS, FOUR, LEVELS, PANEL_BYTES
from app.lm.kernels.tiles import PANEL, rounded_up

_PANELS_AT_ONCE = 16  # while they are rounded: in fp32 they take three times as much


def byte_panels(matrix: Tensor) -> Tensor:
    """[O,I] -> [O/P, B, PANEL_BYTES] uint8."""
    outputs, inputs = matrix.shape
    padded = rounded_up(inputs, BLOCK)
    made = torch.empty(rounded_up(outputs, PANEL) // PANEL, padded // BLOCK, PANEL_BYTES, dtype=torch.uint8)
    for first in range(0, len(made), _PANELS_AT_ONCE):
        part = matrix[first * PANEL : (first + _PANELS_AT_ONCE) * PANEL].detach().float()
        # What is behind the last input is no further weight: as the last one, it changes no block's range.
        full = F.pad(part[None], (0, padded - inputs), mode="replicate")[0]
        full = F.pad(full, (0, 0, 0, rounded_up(len(part), PANEL) - len(part)))
        levels, scales, leasts = _rounded(full.view(-1, PANEL, padded // BLOCK, BLOCK).transpose(1, 2))
        target = _parts(made[first : first + _PANELS_AT_ONCE])
        target[0].copy_(levels.unflatten(-1, (BLOCK_STEPS, FOUR)).transpose(2, 3))
        target[1].copy_(scales)
        target[2].copy_(leasts)
    return made


def _rounded(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """[...,BLOCK] -> levels of the same shape, scales and least weights [...]."""
    leasts, most = blocks.aminmax(dim=-1)
    scales = (most - leasts) / LEVELS
    known = scales.clamp_min(torch.finfo(torch.float32).tiny)
    return ((blocks - leasts[..., None]) / known[..., None]).round().clamp(0, LEVELS), scales, leasts


def _parts(panels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Views of panels: levels [panels,B,BLOCK/4,P,4], scales and least weights [panels,B,P]."""
    levels = panels[..., : BLOCK * PANEL].unflatten(-1, (BLOCK_STEPS, PANEL, FOUR))
    scales, leasts = panels[..., BLOCK * PANEL :].view(torch.float32).unflatten(-1, (2, PANEL)).unbind(-2)
    return levels, scales, leasts


def rows_of(panels: Tensor, rows: Tensor) -> Tensor:
    """The weights of these outputs [M], [M,B*BLOCK] fp32."""
    levels, scales, leasts = _parts(panels)
    panel, place = rows // PANEL, rows % PANEL
    chosen = levels[panel, :, :, place].flatten(2).float()  # [M,B,BLOCK]
    return (chosen * scales[panel, :, place][..., None] + leasts[panel, :, place][..., None]).flatten(1)
