"""The student: a plain network that says nearly what the scorer says, so that transformers opens a reward version.

Its pooling layer is set without any ranking (pooling_layer.py), its head by least squares with a ridge on the scorer's
scores of the SFT model's answers and of all ranked ones: knowledge distillation (Hinton et al. 2015) in closed form.
How far it agrees is measured on answers that it was not fitted to, and stored with the version.

Shapes: N answers, H hidden size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.training.packing import Packed, batches_by_length, pack
from app.training.reward.data import below_top
from app.training.reward.network import RewardModel, normalize
from app.training.reward.pooling_layer import can_be_set, collect_statistics, install
from app.training.reward.scoring import Answered

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # shares of the states' mean variance
FOLDS = 5


def teach(
    sft: Llama, num_layers: int, samples: Sequence[Answered], scores: Tensor, *, ends: EndTokens, pad_id: int
) -> tuple[RewardModel, float]:
    """The network, and the correlation of its scores with the given ones [N] on answers left out of the fit; NaN where
    there are too few to leave any out, or they have one score."""
    model = RewardModel.from_sft(sft, num_layers, seed=0)
    packed = pack([prompt for prompt, _ in samples], [[ends.as_written(answer)] for _, answer in samples], pad_id)
    below = below_top(model, packed)
    if can_be_set(model.config):
        install(model.backbone, collect_statistics(below, packed))
    states, wanted = _final_states(model, packed, below).double(), scores.double()
    weights, agreement = _regression(states, wanted)
    with torch.no_grad():
        model.head.weight.copy_(weights.float().unsqueeze(0))
    normalize(model, states)
    return model.eval(), agreement


@torch.no_grad()
def _final_states(model: RewardModel, packed: Packed, below: Tensor) -> Tensor:
    """[N,H] what the head reads, many answers at once: to the bit they need not be what `states_of` gives."""
    states = torch.zeros(len(packed.ids), below.shape[-1])
    for rows in batches_by_length((packed.last_index.amax(1) + 1).tolist()):
        part = packed.rows(rows)
        states[rows] = model.final_states(part, below[rows, : part.ids.shape[1]])[:, 0]
    return states


def _regression(states: Tensor, wanted: Tensor) -> tuple[Tensor, float]:
    """[N,H] and [N] -> weights [H] of the ridge that foresees best, and its correlation on what was left out."""
    fold = torch.arange(len(states)) % FOLDS
    foreseen = torch.zeros(len(RIDGES), len(states), dtype=torch.float64)
    for number in range(FOLDS):
        inside = fold != number
        if bool(inside.any()) and not bool(inside.all()):
            for place, ridge in enumerate(RIDGES):
                weights, shift = _ridge(states[inside], wanted[inside], ridge)
                foreseen[place, ~inside] = states[~inside] @ weights + shift
    best = int((foreseen - wanted).square().mean(1).argmin())
    both = torch.stack([foreseen[best], wanted])
    told = len(states) > FOLDS and bool((both.std(1) > 0).all())
    return _ridge(states, wanted, RIDGES[best])[0], float(torch.corrcoef(both)[0, 1]) if told else float("nan")


def _ridge(states: Tensor, wanted: Tensor, ridge: float) -> tuple[Tensor, float]:
    center, middle = states.mean(0), wanted.mean()
    inputs = states - center
    size = ridge * inputs.square().sum() / max(1, inputs.shape[1]) + 1e-9
    moment = inputs.T @ inputs + size * torch.eye(inputs.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(moment, inputs.T @ (wanted - middle))
    return weights, float(middle - center @ weights)
