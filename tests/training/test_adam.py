"""It does what torch's own does, to the bit. That trainers do not load the compiler is seen by tests/killing."""

from typing import Any

import torch
from torch import Tensor

from app.training.adam import Adam

STEPS = 3


def steps(kind: type[torch.optim.AdamW]) -> tuple[list[Tensor], dict[str, Any]]:
    """Weights and state after steps, before each of which the optimizer is made anew and takes its state up again."""
    torch.manual_seed(0)
    matrix, vector = torch.randn(5, 3, requires_grad=True), torch.randn(3, requires_grad=True)
    groups = [{"params": [matrix], "weight_decay": 0.1}, {"params": [vector], "weight_decay": 0.0}]
    state: dict[str, Any] | None = None
    for _ in range(STEPS):
        optimizer = kind(groups, lr=0.01, betas=(0.9, 0.95), fused=True)
        if state is not None:
            optimizer.load_state_dict(state)
        optimizer.zero_grad(set_to_none=True)
        (matrix.square().sum() + vector.pow(4).sum()).backward()
        optimizer.step()
        state = optimizer.state_dict()
    assert state is not None
    return [matrix, vector], state


def test_it_steps_as_torchs_own_does() -> None:
    (ours, state), (torchs, wanted) = steps(Adam), steps(torch.optim.AdamW)
    assert all(torch.equal(one, other) for one, other in zip(ours, torchs, strict=True))
    assert repr(state) == repr(wanted)
    assert state["state"][0]["step"] == STEPS
