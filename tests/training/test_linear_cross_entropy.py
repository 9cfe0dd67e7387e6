"""The fused loss equals linear layer and cross-entropy one after the other."""

from types import SimpleNamespace
from typing import cast

import pytest
import torch
import torch.nn.functional as F

from app.training import linear_cross_entropy as module
from app.training.linear_cross_entropy import Penalties, linear_cross_entropy
from app.training.unheard import Unheard


def _case(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(count)
    states = torch.randn(count, 12, generator=generator, dtype=torch.float32)
    weight = torch.randn(40, 12, generator=generator, dtype=torch.float32)
    return states, weight, torch.randint(40, (count,), generator=generator)


@pytest.mark.parametrize("count", [1, 255, 256, 600])
def test_loss_and_gradients_are_those_of_the_two_layers(count: int) -> None:
    states, weight, targets = _case(count)
    ours = states.clone().requires_grad_(), weight.clone().requires_grad_()
    theirs = states.clone().requires_grad_(), weight.clone().requires_grad_()
    loss = linear_cross_entropy(*ours, targets, torch.float32)
    wanted = F.cross_entropy(F.linear(*theirs), targets)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    (loss * 3).backward()
    (wanted * 3).backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)


def test_without_gradients_the_loss_is_the_same() -> None:
    states, weight, targets = _case(600)
    with torch.no_grad():
        alone = linear_cross_entropy(states, weight, targets, torch.float32)
    assert alone.item() == pytest.approx(F.cross_entropy(F.linear(states, weight), targets).item(), rel=1e-5)


def test_block_size_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    states, weight, targets = _case(100)
    whole = linear_cross_entropy(states.requires_grad_(), weight, targets, torch.float32)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    assert linear_cross_entropy(states, weight, targets, torch.float32).item() == pytest.approx(whole.item(), rel=1e-5)


def test_penalties_add_the_chance_of_what_never_comes() -> None:
    """Against torch's own gradient of the same written out: of words that nearly never come, and of those that never
    go on so, which cost their own price alone. The target costs nothing."""
    states, weight, targets = _case(300)
    ours = (states * 2).requires_grad_(), weight.clone().requires_grad_()
    theirs = (states * 2).requires_grad_(), weight.clone().requires_grad_()
    never = torch.rand(4, 40, generator=torch.Generator().manual_seed(1)) < 0.3
    numbers = torch.arange(300) % 3
    penalties = Penalties(5.0, 20.0, cast(Unheard, SimpleNamespace(never=lambda which: never[which])), numbers)
    loss = linear_cross_entropy(*ours, targets, torch.float32, penalties)
    logits = F.linear(*theirs)
    chances = logits.softmax(1)
    unlikely = chances < module.TAIL_BELOW * chances.amax(1, keepdim=True)
    costs = torch.where(never[numbers], 20.0, unlikely * 5.0).scatter(1, targets[:, None], 0.0)
    wanted = F.cross_entropy(logits, targets) + (chances * costs).sum(1).mean()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    loss.backward()
    wanted.backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)
