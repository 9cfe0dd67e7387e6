"""The fused operations equal plain torch, forward and backward, for any head size and both formats."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.lm.fused import add_and_norm, attended, gated, joined_product
from app.lm.kernels.attention_task import Heads, Rows
from app.lm.linear import Linear
from app.lm.rotary import rotate
from tests.lm.inference.company import SHAPES, lively
from tests.lm.inference.processors import run_as
from tests.lm.rows_company import differing, farthest

FORMATS = [(torch.float32, 2e-5), (torch.bfloat16, 2e-2)]
"""With the share of a gradient's norm that may be off: bf16 has 8 bits."""


def close(actual: Tensor | None, expected: Tensor | None, tolerance: float) -> None:
    assert actual is not None
    assert expected is not None
    assert float((actual.detach().float() - expected).detach().norm()) <= tolerance * float(expected.detach().norm())


def leaves(*tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().float().clone().requires_grad_() for tensor in tensors]


def rows_of(sizes: list[list[int]]) -> Rows:
    """Token counts of each row's prompt and answers."""
    spans, bounds, positions, end = list[list[int]](), [0], list[int](), 0
    for row in sizes:
        begin = end
        for number, size in enumerate(row):
            spans.append([begin, begin + (row[0] if number else 0), end, end + size, begin])
            first = row[0] if number else 0
            positions += range(first, first + size)
            end += size
        bounds.append(len(spans))
    return Rows(torch.tensor(spans), torch.tensor(bounds), torch.tensor(positions))


def heads_of(queries: int, narrow: int, size: int, *, rotated: bool) -> Heads:
    angles = torch.outer(torch.arange(400.0), 1e4 ** (-torch.arange(0, size, 2) / size))
    angles = torch.cat((angles, angles), -1)
    return Heads(queries, narrow, size, rotated, 1.1 * angles.cos(), 1.1 * angles.sin())


def plain_attention(joined: Tensor, rows: Rows, how: Heads) -> Tensor:
    count = len(joined)
    heads = joined.view(count, -1, how.size).transpose(0, 1)
    query, key, value = heads.split((how.queries, how.narrow, how.narrow))
    if how.rotated:
        cosines, sines = how.cosines[rows.positions], how.sines[rows.positions]
        query, key = rotate(query[None], cosines, sines)[0], rotate(key[None], cosines, sines)[0]
    seen = torch.zeros(count, count, dtype=torch.bool)
    for looked_from, looked_to, start, stop, _ in rows.spans.tolist():
        seen[start:stop, looked_from:looked_to] = True
        seen[start:stop, start:stop] = torch.ones(stop - start, stop - start).tril().bool()
    share = how.queries // how.narrow
    key, value = key.repeat_interleave(share, 0), value.repeat_interleave(share, 0)
    mixed = F.scaled_dot_product_attention(query[None], key[None], value[None], attn_mask=seen)[0]
    return mixed.transpose(0, 1).flatten(1)


SIZES = [[5, 7, 3], [3], [4, 100, 70, 1], [150]]


@pytest.mark.parametrize(("dtype", "tolerance"), FORMATS)
@pytest.mark.parametrize(
    "how",
    [
        heads_of(4, 2, 64, rotated=True),
        heads_of(2, 1, 8, rotated=False),
        heads_of(3, 3, 24, rotated=True),
        heads_of(2, 1, 96, rotated=True),
    ],
    ids=["grouped", "one key, no positions", "no groups", "wide"],
)
def test_attention_of_rows(how: Heads, dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    rows = rows_of(SIZES)
    given = torch.randn(len(rows.positions), (how.queries + 2 * how.narrow) * how.size).to(dtype)
    ours, (theirs,) = given.clone().requires_grad_(), leaves(given)
    mixed, wanted = attended(ours, rows, how), plain_attention(theirs, rows, how)
    close(mixed, wanted, tolerance)
    slope = torch.randn_like(wanted)
    mixed.backward(slope.to(dtype))
    wanted.backward(slope)
    close(ours.grad, theirs.grad, tolerance)


def test_attention_has_the_same_bits_beside_other_rows_and_with_any_number_of_threads() -> None:
    torch.manual_seed(0)
    how, threads = heads_of(4, 2, 64, rotated=True), torch.get_num_threads()
    rows, alone = rows_of([*SIZES, [9, 9]]), rows_of([[9, 9]])
    joined = torch.randn(len(rows.positions), 512).bfloat16()
    results = []
    try:
        for count, chosen, part in ((1, rows, joined), (2, rows, joined), (3, alone, joined[-18:].clone())):
            torch.set_num_threads(count)
            given = part.clone().requires_grad_()
            mixed = attended(given, chosen, how)
            mixed.backward(torch.ones_like(mixed))
            assert given.grad is not None
            results.append((mixed.detach()[-18:], given.grad[-18:]))
    finally:
        torch.set_num_threads(threads)
    for mixed, gradient in results[1:]:
        assert torch.equal(mixed, results[0][0])
        assert torch.equal(gradient, results[0][1])


def test_a_row_has_the_same_bits_alone_and_in_company_through_a_whole_model() -> None:
    model = lively(SHAPES["odd"])
    assert differing(model) == []
    assert farthest(model) < 1e-3


@pytest.mark.nightly  # compiling for it takes most of a minute; make test has AVX2 in kernels/test_linking.py
def test_a_row_has_the_same_bits_on_an_older_processor() -> None:
    """One whose registers are half as wide: of what AVX-512 has beyond its beginnings these kernels use nothing."""
    run_as("AVX2", "tests.lm.rows_company", "shipped")


@pytest.mark.parametrize("part", [slice(128), slice(128, 192), slice(192, 256)], ids=["query", "key", "value"])
def test_what_is_no_number_reaches_all_that_look_at_it_and_nothing_else(part: slice) -> None:
    """Else a damaged weight would go on unseen: `exponential` holds its numbers between bounds."""
    torch.manual_seed(0)
    how, rows = heads_of(2, 1, 64, rotated=True), rows_of([[5, 7, 3], [9, 9]])
    given = torch.randn(len(rows.positions), 256)
    given[6, part] = torch.nan  # in the first answer
    given.requires_grad_()
    mixed = attended(given, rows, how)
    said = mixed.isnan().any(1).nonzero().flatten().tolist()
    assert {6} <= set(said) <= set(range(5, 12))
    mixed.sum().backward()
    assert given.grad is not None
    assert given.grad[:12].isnan().any()
    assert not given.grad[12:].isnan().any()


@pytest.mark.parametrize(("dtype", "tolerance"), FORMATS)
@pytest.mark.parametrize("count", [1, 70])
def test_sum_and_norm(count: int, dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    states, more, weights = torch.randn(count, 48), torch.randn(count, 48).to(dtype), torch.rand(48)
    ours = [states.requires_grad_(), more.requires_grad_(), weights.requires_grad_()]
    theirs = leaves(*ours)
    grown, normed = add_and_norm(states, more, weights, 1e-5)
    expected = theirs[0] + theirs[1]
    wanted = F.rms_norm(expected, (48,), theirs[2], 1e-5)
    close(grown, expected, 1e-6)
    close(normed, wanted, tolerance)
    of_grown, of_normed = torch.randn(count, 48), torch.randn(count, 48).to(dtype)
    torch.autograd.backward((grown, normed), (of_grown, of_normed))
    torch.autograd.backward((expected, wanted), (of_grown, of_normed.float()))
    for one, other in zip(ours, theirs, strict=True):
        close(one.grad, other.grad, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), FORMATS)
def test_gate(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    both = (4 * torch.randn(70, 2 * 44)).to(dtype).requires_grad_()
    (theirs,) = leaves(both)
    out, (gates, values) = gated(both), theirs.chunk(2, dim=1)
    wanted, slope = F.silu(gates) * values, torch.randn(70, 44).to(dtype)
    close(out, wanted, tolerance)
    out.backward(slope)
    wanted.backward(slope.float())
    close(both.grad, theirs.grad, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), FORMATS)
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("parts", [1, 3])
def test_joined_product(parts: int, biased: bool, dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    layers = [Linear(20, 8 + 4 * part, bias=biased) for part in range(parts)]
    inputs = torch.randn(30, 20).to(dtype).requires_grad_()
    (theirs,) = leaves(inputs)
    out, wanted = joined_product(inputs, *layers), torch.cat([layer(theirs) for layer in layers], 1)
    close(out, wanted, tolerance)
    slope = torch.randn_like(wanted).to(dtype)
    expected = torch.autograd.grad(wanted, [theirs, *nn.ModuleList(layers).parameters()], slope.float())
    out.backward(slope)
    close(inputs.grad, expected[0], tolerance)
    for weight, gradient in zip(nn.ModuleList(layers).parameters(), expected[1:], strict=True):
        assert weight.grad is not None
        assert weight.grad.dtype == torch.float32
        close(weight.grad, gradient, tolerance)


def test_frozen_weights_get_no_gradient() -> None:
    layer = Linear(6, 5, bias=False).requires_grad_(False)
    inputs = torch.randn(3, 6, requires_grad=True)
    joined_product(inputs, layer).sum().backward()
    assert inputs.grad is not None
    assert layer.weight.grad is None
