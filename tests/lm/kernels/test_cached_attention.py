"""Attention to a cache against torch's own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.inference.kv_cache import KVCache
from app.lm.kernels import phase_fields as of
from app.lm.kernels.packed_linear import FORMS
from app.lm.kernels.phases import Program, run
from app.lm.kernels.tasks import field
from app.lm.rotary import rotate

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
POSITIONS = 96


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def angles(size: int) -> tuple[Tensor, Tensor]:
    phases = torch.outer(torch.arange(float(POSITIONS)), 10_000 ** (-torch.arange(0, size, 2) / size)).repeat(1, 2)
    return phases.cos(), phases.sin()


def attended(
    heads: Tensor, lengths: list[int], share: int, *, rotated: bool, norms: Tensor, dtype: torch.dtype
) -> Tensor:
    """By the kernel, all rows in one call: heads [tokens,(N+2K),D] of rows of these lengths, one behind the other."""
    size, narrow = heads.shape[-1], heads.shape[1] // (share + 2)
    rows = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    positions = torch.cat([torch.arange(length) for length in lengths])
    config = ModelConfig(
        vocab_size=8, hidden_size=narrow * share * size, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=narrow * share, num_key_value_heads=narrow, max_position_embeddings=POSITIONS,
    )  # fmt: skip
    cache = KVCache(config, dtype, len(lengths), max(lengths) + 3)
    cache.numbers.fill_(torch.nan)
    given, mixed = heads.flatten(1).clone(), torch.zeros(len(heads), narrow * share * size, dtype=dtype)
    cosines, sines = angles(size)
    shared = [given.data_ptr(), given.shape[1], mixed.data_ptr(), mixed.shape[1], narrow * share, narrow, field(1e-5)]
    how = [size, int(rotated), norms.data_ptr(), norms.shape[1], 0, cosines.data_ptr(), sines.data_ptr()]
    table = np.zeros((2, of.SIZE), np.int64)
    for place, kind in enumerate((of.TURN, of.ATTEND)):
        table[place, : 1 + len(shared) + len(how)] = [kind, *shared, *how]
    run(Program(table, FORMS[dtype], 0), 0, 2, rows.numpy(), positions.numpy(), cache.numbers, 0)
    return mixed


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("rotated", "normed"), [(True, False), (False, False), (True, True)])
@pytest.mark.parametrize(("narrow", "share", "size"), [(2, 2, 64), (1, 3, 20), (2, 1, 8), (1, 7, 72), (2, 4, 128)])
def test_attend(dtype: torch.dtype, rotated: bool, normed: bool, narrow: int, share: int, size: int) -> None:
    """Row by row; what lies behind a row's end (here NaN) is never looked at. A block of slots, a tile of blocks and
    what is beside it; more queries to a key than a tile has; heads of whole vectors and others."""
    lengths, queries = [1, 7, 90, 16, 65], narrow * share
    heads = random(sum(lengths), queries + 2 * narrow, size)
    norms = 1 + random(queries + narrow, size) if normed else torch.zeros(queries + narrow, 0)
    results = attended(heads, lengths, share, rotated=rotated, norms=norms, dtype=dtype)
    turning = heads[:, : queries + narrow]
    if normed:
        turning = F.rms_norm(turning, (size,), eps=1e-5) * norms
    for row, end in zip(lengths, np.cumsum(lengths), strict=True):
        part = turning[end - row : end].transpose(0, 1)  # [N+K,tokens,D]
        if rotated:
            part = rotate(part, *(angle[:row] for angle in angles(size)))
        values = heads[end - row : end, queries + narrow :].transpose(0, 1).to(dtype).float()
        keys = part[None, queries:].to(dtype).float()
        wanted = F.scaled_dot_product_attention(
            part[None, :queries], keys, values[None], is_causal=True, enable_gqa=True
        )
        torch.testing.assert_close(
            results[end - row : end].float(), wanted[0].transpose(0, 1).flatten(1),
            atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype],
        )  # fmt: skip
