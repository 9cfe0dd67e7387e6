"""DPO's loss and figures as pure functions of how much likelier each ranked answer has become. Knows no model.

Rafailov et al. (2023), "Direct preference optimization", eq. 7: -log sigmoid(beta (log ratio of the better answer - log
ratio of the worse one)). Ties by Davidson's model of paired comparisons (1970), as Chen et al. (2024), "On extending
direct preference optimization to accommodate ties", do. Label smoothing as cDPO (Mitchell 2023).

Shapes: B rankings, K answers of a ranking.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from app.kinds.train_dpo import DPOHparams
from app.training.reward.pair_loss import Davidson, pair_mask


@dataclass(frozen=True)
class Counts:
    """Of all pairs of some rankings."""

    pairs: float
    """Untied ones."""
    ties: float

    @property
    def tie_strength(self) -> float:
        return Davidson.of_tie_share(self.ties / max(1.0, self.pairs + self.ties)).tie_strength


@dataclass(frozen=True)
class Preferences:
    """[B,K] each; `changes` are log-ratios to the reference in nats, `rewards` beta times them (by length, where asked
    for)."""

    changes: Tensor
    rewards: Tensor
    ranks: Tensor
    mask: Tensor

    @property
    def outcomes(self) -> Tensor:
        """[B,K,K]: +1 where answer i (rows) is ranked above j, -1 below, 0 a tie."""
        return torch.sign(self.ranks.unsqueeze(1) - self.ranks.unsqueeze(2))

    def counts(self) -> Counts:
        pairs, outcomes = pair_mask(self.mask), self.outcomes
        return Counts(float((pairs & (outcomes != 0)).sum()), float((pairs & (outcomes == 0)).sum()))


def preference_loss(preferences: Preferences, hparams: DPOHparams, tie_strength: float) -> Tensor:
    """[B]: the mean over each ranking's pairs; 0 for a ranking without one that counts."""
    pairs, outcomes = pair_mask(preferences.mask), preferences.outcomes
    if hparams.ties == "left_out":
        pairs = pairs & (outcomes != 0)
    rewards = torch.where(preferences.mask, preferences.rewards, 0.0)  # a NaN in the padding must reach no gradient
    margins, davidson = rewards.unsqueeze(2) - rewards.unsqueeze(1), Davidson(tie_strength)
    losses = davidson.value(margins, outcomes.to(margins.dtype))
    if hparams.label_smoothing:
        turned = davidson.value(margins, -outcomes.to(margins.dtype))
        losses = (1 - hparams.label_smoothing) * losses + hparams.label_smoothing * turned
    return torch.where(pairs, losses, 0.0).sum((1, 2)) / pairs.sum((1, 2)).clamp(min=1)


def preference_metrics(preferences: Preferences, hparams: DPOHparams, tie_strength: float) -> dict[str, float]:
    """Sums, and what they are to be divided by: over rankings of the loss, over untied pairs of the rest."""
    changes, rewards = preferences.changes.detach(), preferences.rewards.detach()
    better = (preferences.outcomes > 0) & preferences.mask.unsqueeze(1) & preferences.mask.unsqueeze(2)  # i above j
    margins = (rewards.unsqueeze(2) - rewards.unsqueeze(1))[better]
    chosen, rejected = (side.expand(better.shape)[better] for side in (changes.unsqueeze(2), changes.unsqueeze(1)))
    return {
        "dpo/loss": preference_loss(preferences, hparams, tie_strength).detach().sum().item(),
        "dpo/accuracy": ((margins > 0).float() + 0.5 * (margins == 0).float()).sum().item(),
        "dpo/margin": margins.sum().item(),
        "dpo/chosen": chosen.sum().item(),
        "dpo/rejected": rejected.sum().item(),
        "rankings": float(len(changes)),
        "pairs": float(len(margins)),
    }
