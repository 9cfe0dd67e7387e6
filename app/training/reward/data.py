"""Rankings as tensors, and what one training run on a part of them keeps. Reads the network, trains nothing.

Shapes: R rankings, K answers of a ranking, T packed tokens, H hidden size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from app.lm.text.end_tokens import EndTokens
from app.saving import TrainingError
from app.training.packing import Packed, batches_by_length, pack
from app.training.reward.head import Pairs, make_pairs
from app.training.reward.network import RewardModel, states_of
from app.training.reward.pair_loss import PairLoss, pair_mask
from app.training.reward.pooling_layer import can_be_set, collect_statistics, install
from app.training.reward.report import PairOutcomes, outcomes
from app.training.reward.scoring import Answered
from app.translation import _


@dataclass(frozen=True)
class RankedGroup:
    """One ranking. rank 1 is best, equal ranks are ties; the completions are token ids."""

    prompt_id: int
    prompt_tokens: list[int]
    completions: list[list[int]]
    ranks: list[int]


@dataclass(frozen=True)
class Rankings:
    """All rankings as tensors, with the states that the head reads."""

    states: Tensor  # [R,K,H]
    ranks: Tensor  # [R,K]
    mask: Tensor  # [R,K] bool, True where there is an answer
    loss: PairLoss
    pairs: Pairs

    def judged(self, scores: Tensor, rows: Sequence[int]) -> PairOutcomes:
        chosen = list(rows)
        return outcomes(scores, self.ranks[chosen], self.mask[chosen], self.loss)


@dataclass
class Fit:
    """A training on some rankings, judged on others (none where `held_out` is empty); one entry per step."""

    rows: list[int]
    held_out: list[int]
    train: list[PairOutcomes] = field(default_factory=list)
    unseen: list[PairOutcomes] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)  # the head's, one per penalty


def set_up_pooling(model: RewardModel, samples: Sequence[Answered], ends: EndTokens, pad_id: int) -> None:
    """Set the top layer from what the lower ones say on samples of the SFT model; no ranking is looked at. Where it
    cannot be set, the SFT model's own stays."""
    if not can_be_set(model.config):
        return
    packed = pack([prompt for prompt, _ in samples], [[ends.as_written(answer)] for _, answer in samples], pad_id)
    below = below_top(model, packed)
    if not bool(below.isfinite().all()):
        raise TrainingError(_("The SFT model's states are not numbers. Its weights are damaged: restore them."))
    install(model.backbone, collect_statistics(below, packed))


def prepare(
    model: RewardModel, groups: Sequence[RankedGroup], ends: EndTokens, loss_of_tie_share: Callable[[float], PairLoss]
) -> Rankings:
    """Tensors of all rankings; the layers are run once for every distinct answer. The loss comes from the share of
    pairs that are ties."""
    most = max(len(group.completions) for group in groups)
    ranks = torch.zeros(len(groups), most, dtype=torch.int64)
    for row, group in enumerate(groups):
        ranks[row, : len(group.ranks)] = torch.tensor(group.ranks)
    mask = torch.arange(most) < torch.tensor([[len(group.completions)] for group in groups])
    states = torch.zeros(len(groups), most, model.config.hidden_size)
    answers = [(group.prompt_tokens, answer) for group in groups for answer in group.completions]
    states[mask] = states_of(model, answers, ends)
    pairs = pair_mask(mask)
    ties = pairs & (ranks.unsqueeze(1) == ranks.unsqueeze(2))
    loss = loss_of_tie_share(float(ties.sum() / pairs.sum().clamp(min=1)))
    return Rankings(states, ranks, mask, loss, make_pairs(states, ranks, mask))


@torch.no_grad()
def below_top(model: RewardModel, packed: Packed) -> Tensor:
    """[R,T,H] states below the top layer."""
    below = torch.zeros(*packed.ids.shape, model.config.hidden_size)
    for rows in batches_by_length((packed.last_index.amax(1) + 1).tolist()):
        part = packed.rows(rows)
        below[rows, : part.ids.shape[1]] = model.lower_states(part)
    return below
