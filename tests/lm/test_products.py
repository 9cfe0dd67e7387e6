"""Products of training equal torch's in both formats, for sizes that are no whole number of panels, too."""

import pytest
import torch

from app.lm.products import Matrix, weight_gradient


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize(("tokens", "inputs", "outputs"), [(1, 3, 5), (37, 70, 130), (300, 64, 128)])
def test_products_forward_and_backward(
    tokens: int, inputs: int, outputs: int, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    weight, states, slopes = (
        torch.randn(*size).to(dtype) for size in ((outputs, inputs), (tokens, inputs), (tokens, outputs))
    )
    matrix = Matrix(weight)
    for actual, expected in (
        (matrix.times(states), states.double() @ weight.double().T),
        (matrix.back(slopes), slopes.double() @ weight.double()),
        (weight_gradient(slopes, states), slopes.double().T @ states.double()),
    ):
        assert actual.dtype == dtype
        assert float((actual.double() - expected).norm()) <= tolerance * float(expected.norm())


def test_in_fp32_a_token_has_the_same_bits_whatever_is_beside_it() -> None:
    """So the first ratio of an update is 1 exactly, however its answers are cut into micro-batches."""
    torch.manual_seed(0)
    matrix, states = Matrix(torch.randn(96, 64)), torch.randn(50, 64)
    whole = matrix.times(states)
    assert all(torch.equal(matrix.times(states[place : place + 7]), whole[place : place + 7]) for place in (0, 13, 43))
