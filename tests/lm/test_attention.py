"""The training attention equals torch's own, forwards and backwards, up to bf16."""

import pytest
import torch
import torch.nn.functional as F

from app.lm import attention
from app.lm.attention import causal_attention


def _inputs(tokens: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(tokens)
    query, key, value = (torch.randn(2, 3, tokens, 16, generator=generator).requires_grad_() for _ in range(3))
    return query, key, value


def _close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert (found.float() - wanted).norm() < 0.01 * wanted.norm()


@pytest.mark.parametrize("tokens", [1, 7, 64])
def test_it_equals_plain_attention(tokens: int) -> None:
    ours, theirs = _inputs(tokens), _inputs(tokens)
    mixed, wanted = causal_attention(*ours), F.scaled_dot_product_attention(*theirs, is_causal=True)
    _close(mixed, wanted)
    weights = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(1))
    (mixed.float() * weights).sum().backward()
    (wanted * weights).sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        assert one.grad is not None
        assert other.grad is not None
        if tokens > 1 or one is ours[2]:
            _close(one.grad, other.grad)


def test_blocks_of_heads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [part.detach() for part in _inputs(32)]
    whole = causal_attention(*inputs)
    monkeypatch.setattr(attention, "SCORES_AT_ONCE", 4 * 32 * 32)  # 4 of 6 heads, then the rest
    assert torch.equal(causal_attention(*inputs), whole)


def test_no_token_sees_what_comes_after_it() -> None:
    query, key, value = (part.detach() for part in _inputs(16))
    before = causal_attention(query, key, value)
    key[:, :, 9:], value[:, :, 9:] = 5.0, -5.0
    assert torch.equal(causal_attention(query, key, value)[:, :, :9], before[:, :, :9])


def test_it_is_a_well_formed_operator() -> None:
    flat = [part.detach().to(torch.bfloat16).flatten(0, 1).requires_grad_() for part in _inputs(8)]
    torch.library.opcheck(attention._attend, tuple(flat), test_utils=("test_schema", "test_faketensor"))
