"""Products are right, and every sum is the same whatever else is multiplied, and by however many threads."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from app.lm.kernels import team
from app.lm.kernels.packed_linear import PackedLinear

DTYPES = [torch.float32, torch.bfloat16]
SIZES = [(1, 1), (7, 3), (64, 64), (130, 101), (256, 704), (1408, 256), (96, 2051)]  # outputs and inputs
MOST = 64


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def random(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_products_are_right(size: tuple[int, int], dtype: torch.dtype) -> None:
    """Of many tokens, with a bias and without; numbers are rounded once, when they are stored as bf16."""
    matrix, bias, inputs = random(*size), random(size[0]), random(13, size[1], dtype=dtype)
    wanted = inputs.double() @ matrix.to(dtype).double().T
    for given, expected in ((None, wanted), (bias, wanted + bias.double())):
        product = PackedLinear(matrix, dtype, given)(inputs)
        assert product.dtype == torch.float32
        torch.testing.assert_close(product.double(), expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_every_token_gets_the_same_bits(size: tuple[int, int], dtype: torch.dtype) -> None:
    """Alone, and among 1 to 64 in any place, by 1 to 4 threads."""
    weight, inputs = PackedLinear(random(*size), dtype, random(size[0])), random(MOST, size[1], dtype=dtype)
    alone = torch.cat([weight(inputs[place : place + 1]) for place in range(MOST)])
    generator = torch.Generator().manual_seed(5)
    for tokens in range(1, MOST + 1):
        torch.set_num_threads(1 + tokens % 4)
        order = torch.randperm(MOST, generator=generator)[:tokens]
        assert torch.equal(weight(inputs[order]), alone[order]), tokens


def test_a_sum_is_taken_in_the_order_of_its_inputs() -> None:
    """2^24 + 1 is 2^24 in fp32: whoever adds the ones first gets another sum."""
    weight = PackedLinear(torch.ones(1, 5), torch.float32)
    big = float(2**24)
    assert weight(torch.tensor([[big, 1.0, 1.0, 1.0, -big]])).item() == 0
    assert weight(torch.tensor([[1.0, 1.0, 1.0, big, -big]])).item() == 4  # 2^24 + 3 is rounded to even


def test_what_does_not_fit_is_an_error() -> None:
    weight = PackedLinear(random(4, 6), torch.float32)
    for inputs in (random(2, 5), random(2, 6, dtype=torch.bfloat16)):
        with pytest.raises(ValueError, match="not 6 torch"):
            weight(inputs)


def test_without_openmp_one_thread_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, inputs = PackedLinear(random(200, 64), torch.float32), random(9, 64)
    expected = weight(inputs)
    monkeypatch.setattr(team, "starter", lambda: 0)
    monkeypatch.setattr("app.lm.kernels.packed_linear.starter", lambda: 0)
    torch.set_num_threads(2)
    assert team.members() == 1
    assert torch.equal(weight(inputs), expected)
