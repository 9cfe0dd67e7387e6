"""A low-rank addition: what it gives and learns is what W + (alpha / r) B A gives by autograd, in double precision."""

import pytest
import torch
import torch.nn.functional as F

from app.lm.fused import joined_product
from app.lm.linear import Linear, LowRank

SCALE = 1.75
FORMATS = [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 2e-2)]
"""With the share of a norm that may be off."""


def adapted(dtype: torch.dtype, rank: int, *, rows: int) -> Linear:
    generator = torch.Generator().manual_seed(rows)
    layer = Linear(20, rows, bias=False).to(dtype).requires_grad_(False)
    if rank:
        layer.addition = LowRank(layer, rank, SCALE, generator).to(dtype)
        torch.nn.init.normal_(layer.addition.up, generator=generator)
    return layer


def off(actual: torch.Tensor | None, expected: torch.Tensor) -> float:
    assert actual is not None
    return float((actual.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize(("dtype", "tolerance"), FORMATS)
@pytest.mark.parametrize("ranks", [(3, 0, 2), (4,), (0, 5)], ids=str)
def test_it_gives_and_learns_what_the_dense_formula_says(
    ranks: tuple[int, ...], dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    kept = torch.float32 if dtype == torch.bfloat16 else dtype  # weights are fp32 where products are bf16
    layers = [adapted(kept, rank, rows=7 + 4 * number) for number, rank in enumerate(ranks)]
    inputs, slope = torch.randn(30, 20).to(dtype).requires_grad_(), torch.randn(30, sum(map(_rows, layers))).to(dtype)
    out = joined_product(inputs, *layers)
    out.backward(slope)

    dense = inputs.detach().double().requires_grad_()
    factors = [added.double().requires_grad_() for layer in layers for added in _factors(layer)]
    whole, taken = [], iter(factors)
    for layer in layers:
        weight = layer.weight.double()
        whole.append(weight if layer.addition is None else weight + SCALE * _times(next(taken), next(taken)))
    wanted = F.linear(dense, torch.cat(whole))
    gradients = torch.autograd.grad(wanted, [dense, *factors], slope.double())
    assert off(out.detach(), wanted.detach()) <= tolerance
    assert off(inputs.grad, gradients[0]) <= tolerance
    learned = [weight for layer in layers if layer.addition for weight in layer.addition.parameters()]
    for weight, gradient in zip(learned, gradients[1:], strict=True):
        assert off(weight.grad, gradient) <= tolerance
        assert weight.grad is not None
        assert weight.grad.dtype == kept
    assert all(layer.weight.grad is None for layer in layers)
    plain = torch.cat([layer(inputs.detach().to(kept)) for layer in layers], 1)
    assert off(plain.detach(), wanted.detach()) <= tolerance


def _rows(layer: Linear) -> int:
    return layer.out_features


def _factors(layer: Linear) -> list[torch.Tensor]:
    added = layer.addition
    return [] if added is None else [added.down.detach().clone(), added.up.detach().clone()]


def _times(down: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return up @ down


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_is_added_at_first_to_the_bit(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer, inputs = Linear(20, 12, bias=True), torch.randn(30, 20).to(dtype)
    before, weight = joined_product(inputs, layer), layer.weight.detach().clone()
    layer.addition = LowRank(layer, 4, SCALE, torch.Generator().manual_seed(1))
    assert torch.equal(joined_product(inputs, layer), before)
    assert torch.equal(layer.whole, weight)
    assert layer.addition.down.std() > 0.1


def test_alone_it_adds_its_bias() -> None:
    layer, inputs = Linear(3, 2, bias=True), torch.randn(4, 3)
    torch.testing.assert_close(layer(inputs), inputs @ layer.weight.T + layer.bias)
