"""The compiled kernels against torch's own operations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from app.lm.kernels import elementwise
from app.lm.kernels.compiling import Array, inner

DTYPES = [torch.float32, torch.bfloat16]
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}


def array_of(numbers: Tensor) -> Array:
    """The same memory as the kernels take it: fp32, or bf16 as the bits of its numbers."""
    plain = numbers.view(torch.uint16) if numbers.dtype == torch.bfloat16 else numbers
    array: Array = plain.numpy()
    return array


@inner
def _exponentials(numbers: Array, results: Array) -> None:
    for place in range(numbers.size):
        results[place] = elementwise.exponential(numbers[place])


@inner
def _store(numbers: Array, results: Array, again: Array) -> None:
    for place in range(numbers.size):
        results[place] = elementwise.narrow(numbers[place], results[place])
        again[place] = elementwise.widen(results[place])


@inner
def _norm(states: Array, more: Array, normed: Array, epsilon: np.float32) -> None:
    for token in range(len(states)):
        elementwise.add_and_norm(states[token], more[token], normed[token], epsilon)


@inner
def _gate(both: Array, out: Array) -> None:
    width = out.shape[1]
    for token in range(len(out)):
        elementwise.gate(both[token, :width], both[token, width:], out[token])


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
    states, more, normed = random(5, 48), random(48, 5).T.contiguous(), torch.zeros(5, 48, dtype=dtype)
    expected = states + more
    _norm(states.numpy(), more.numpy(), array_of(normed), np.float32(1e-5))
    torch.testing.assert_close(states, expected)
    wanted = F.rms_norm(expected, (48,), eps=1e-5)
    torch.testing.assert_close(normed.float(), wanted, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_gate(dtype: torch.dtype) -> None:
    both, out = 4 * random(5, 96), torch.zeros(5, 48, dtype=dtype)
    both[0, 0], both[0, 1] = 300, -300
    _gate(both.numpy(), array_of(out))
    wanted = F.silu(both[:, :48]) * both[:, 48:]
    torch.testing.assert_close(out.float(), wanted, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
