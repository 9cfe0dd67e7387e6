"""The compiled kernels against torch's own operations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from app.lm.kernels import elementwise
from app.lm.kernels.cached_attention import attend
from app.lm.kernels.compiling import Array, array_of, inner
from app.lm.rotary import rotate

DTYPES = [torch.float32, torch.bfloat16]
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}


@inner
def _exponentials(numbers: Array, results: Array) -> None:
    for place in range(numbers.size):
        results[place] = elementwise.exponential(numbers[place])


@inner
def _store(numbers: Array, results: Array, again: Array) -> None:
    for place in range(numbers.size):
        results[place] = elementwise.narrow(numbers[place], results[place])
        again[place] = elementwise.widen(results[place])


def random(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).to(dtype)


def test_exponential() -> None:
    numbers = np.linspace(-87, 87, 100_001, dtype=np.float32)
    results = np.empty_like(numbers)
    _exponentials(numbers, results)
    np.testing.assert_allclose(results, np.exp(numbers.astype(np.float64)), rtol=5e-7)
    beyond = np.array([-1e30, -100, 100, 1e30], dtype=np.float32)
    _exponentials(beyond, results[:4])
    assert results[0] == results[1] < 1e-37
    assert 1e37 < results[2] == results[3] < np.inf


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_bf16_is_rounded_as_torch_rounds_it(numbers: list[float]) -> None:
    given_, stored = torch.tensor(numbers), torch.zeros(len(numbers), dtype=torch.bfloat16)
    again = np.empty(len(numbers), np.float32)
    _store(given_.numpy(), array_of(stored), again)
    assert torch.equal(stored, given_.bfloat16())
    assert torch.equal(torch.from_numpy(again), stored.float())


@pytest.mark.parametrize("ties", [0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001])
def test_ties_go_to_even(ties: int) -> None:
    number = np.array([ties], dtype=np.uint32).view(np.float32)
    stored = torch.zeros(1, dtype=torch.bfloat16)
    _store(number, array_of(stored), np.empty(1, np.float32))
    assert torch.equal(stored, torch.from_numpy(number).bfloat16())


@pytest.mark.parametrize("dtype", DTYPES)
def test_add_and_norm(dtype: torch.dtype) -> None:
    states, more, normed = random(5, 48), random(5, 48, dtype=dtype), torch.zeros(5, 48, dtype=dtype)
    expected = states + more.float()
    elementwise.add_and_norm(states.numpy(), array_of(more), array_of(normed), np.float32(1e-5))
    torch.testing.assert_close(states, expected)
    wanted = F.rms_norm(expected, (48,), eps=1e-5)
    torch.testing.assert_close(normed.float(), wanted, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_gate(dtype: torch.dtype) -> None:
    both, out = 4 * random(5, 96, dtype=dtype), torch.zeros(5, 48, dtype=dtype)
    both[0, 0], both[0, 1] = 300, -300
    elementwise.gate(array_of(both), array_of(out))
    wanted = F.silu(both[:, :48].float()) * both[:, 48:].float()
    torch.testing.assert_close(out.float(), wanted, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


def attended(heads: Tensor, lengths: list[int], share: int, *, rotated: bool, norms: Tensor) -> Tensor:
    """By the kernel, all rows in one call: heads [tokens,(N+2K),D] of rows of these lengths, one behind the other."""
    size, narrow = heads.shape[-1], heads.shape[1] // (share + 2)
    rows = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    positions = torch.cat([torch.arange(length) for length in lengths])
    keys = torch.full((len(lengths) * narrow, max(lengths) + 3, size), torch.nan, dtype=heads.dtype)
    values, mixed = keys.clone(), torch.zeros(len(heads), narrow * share * size, dtype=heads.dtype)
    cosines, sines = angles(size)
    attend(
        array_of(heads.flatten(1)), rows.numpy(), positions.numpy(), cosines.numpy(), sines.numpy(), rotated,
        norms.numpy(), np.float32(1e-5), array_of(keys), array_of(values), array_of(mixed),
    )  # fmt: skip
    return mixed


def angles(size: int) -> tuple[Tensor, Tensor]:
    phases = torch.outer(torch.arange(64.0), 10_000 ** (-torch.arange(0, size, 2) / size)).repeat(1, 2)
    return phases.cos(), phases.sin()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rotated", "normed"), [(True, False), (False, False), (True, True)])
@pytest.mark.parametrize(("narrow", "share", "size"), [(2, 2, 64), (1, 3, 20), (2, 1, 8)])
def test_attend(dtype: torch.dtype, rotated: bool, normed: bool, narrow: int, share: int, size: int) -> None:
    """Against torch's attention, row by row; what lies behind a row's end (here NaN) is never looked at."""
    lengths, queries = [1, 7, 22, 4], narrow * share
    heads = random(sum(lengths), queries + 2 * narrow, size, dtype=dtype)
    norms = 1 + random(queries + narrow, size) if normed else torch.zeros(queries + narrow, 0)
    results = attended(heads, lengths, share, rotated=rotated, norms=norms)
    turning = heads[:, : queries + narrow].float()
    if normed:
        turning = F.rms_norm(turning, (size,), eps=1e-5) * norms
    for row, end in zip(lengths, np.cumsum(lengths), strict=True):
        part = turning[end - row : end].transpose(0, 1)  # [N+K,tokens,D]
        if rotated:
            part = rotate(part, *(angle[:row] for angle in angles(size)))
        values = heads[end - row : end, queries + narrow :].float().transpose(0, 1)
        wanted = F.scaled_dot_product_attention(
            part[None, :queries], part[None, queries:], values[None], is_causal=True, enable_gqa=True
        )
        torch.testing.assert_close(
            results[end - row : end].float(), wanted[0].transpose(0, 1).flatten(1),
            atol=2 * TOLERANCE[dtype], rtol=TOLERANCE[dtype],
        )  # fmt: skip
