"""Second derivatives: the same by rows as by columns, whichever are fewer, and as a dense reference has them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.training.reward.curvature import Curvature, inverse_triangle, weighted_moment


def some(rankings: int, columns: int, seed: int = 0, *, masked: bool = True) -> Curvature:
    """Of rankings of four answers; of some fewer, whose rows are 0."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(rankings, 3, columns, generator=generator).double()
    mixing = torch.randn(rankings, 3, 2, generator=generator).double()
    mask = torch.rand(rankings, 3, generator=generator) > 0.3 if masked else torch.ones(rankings, 3, dtype=torch.bool)
    precisions = 10.0 ** (6 * torch.rand(columns, generator=generator).double() - 3)
    mixing = (mixing @ mixing.mT) * mask.unsqueeze(1) * mask.unsqueeze(2)  # of rank 2: not to be inverted
    return Curvature(rows * mask.unsqueeze(2), mixing, mask if masked else None, precisions)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 30), st.integers(1, 60), st.integers(0, 99), st.booleans())
def test_by_rows_as_by_columns(rankings: int, columns: int, seed: int, masked: bool) -> None:
    """Also where mixing has no inverse, precisions differ by a million, and there is no ranking at all."""
    made = some(rankings, columns, seed, masked=masked)
    whole = torch.einsum("rkd,rkl,rle->de", made.rows, made.mixing, made.rows) + torch.diag(made.precisions)
    right = torch.randn(columns, 2, generator=torch.Generator().manual_seed(seed)).double()
    torch.testing.assert_close(whole @ made.solved(right), right, rtol=1e-6, atol=1e-6)
    wanted = 1.0 - made.precisions * torch.linalg.inv(whole).diagonal()
    torch.testing.assert_close(made.determined(), wanted, rtol=1e-5, atol=1e-6)
    assert made.log_determinant() == pytest.approx(float(torch.linalg.slogdet(whole)[1]), rel=1e-9, abs=1e-9)
    torch.testing.assert_close(made.factor @ made.factor.T, whole)


def test_few_rows_cost_no_table_of_columns() -> None:
    """A whole factor of 600 columns is made for what asks for it, and for nothing else."""
    few, many = some(40, 600), some(200, 600)
    assert few.few
    assert not many.few
    for made in (few, many):
        made.solved(torch.ones(600, 1).double())
        made.determined()
        made.log_determinant()
    assert "factor" not in vars(few)
    assert "factor" in vars(many)


def test_a_triangle_is_inverted_by_halves_and_a_moment_by_strips() -> None:
    generator = torch.Generator().manual_seed(0)
    rows, mask = torch.randn(70, 3, 301, generator=generator).double(), torch.rand(70, 3, generator=generator) > 0.3
    rows = rows * mask.unsqueeze(2)
    mixing = torch.randn(70, 3, 3, generator=generator).double()
    mixing = mixing @ mixing.mT
    moment = weighted_moment(rows, mixing, mask)
    torch.testing.assert_close(moment, torch.einsum("rkd,rkl,rle->de", rows, mixing, rows))
    factor = torch.linalg.cholesky(moment + 300 * torch.eye(301, dtype=torch.float64))
    torch.testing.assert_close(inverse_triangle(factor), torch.linalg.inv(factor))
