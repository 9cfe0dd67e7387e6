"""Embeddings in 8 bits are near the matrix's rows, in a quarter of their memory."""

import pytest
import torch

from app.lm.inference.embedding import Embedding


@pytest.mark.parametrize("hidden", [1, 64, 100])
def test_rows_are_within_half_a_step(hidden: int) -> None:
    matrix = torch.randn(5_000, hidden, generator=torch.Generator().manual_seed(1))
    matrix[7], matrix[4_999] = 0.0, 100 * matrix[4_999]
    ids = torch.tensor([4_999, 7, 0, 4_096, 4_095])
    assert torch.equal(Embedding(matrix, small=False)(ids), matrix[ids])
    near = Embedding(matrix, small=True)(ids)
    assert near.shape == (5, hidden)
    most = matrix[ids].abs().amax(1, keepdim=True)
    assert ((near - matrix[ids]).abs() <= 0.501 * most / 127).all()
    assert torch.equal(near[1], torch.zeros(hidden))
