"""A pair's loss where answers tie that are nearly equally good (Rao & Kupper 1967), and the losses there are, by name.

Shapes: P pairs.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from app.training.reward.pair_loss import Davidson, PairLoss


@dataclass(frozen=True)
class RaoKupper(PairLoss):
    """-log p of a comparison with ties (Rao & Kupper 1967, JASA 62, eq. 2.2 to 2.4), with t the `threshold`, log theta:

    p(i > j) = 1 / (1 + e^(t - d));  p(tie) = (e^2t - 1) / ((1 + e^(t - d)) (1 + e^(t + d))). At 0 it is Bradley-Terry.
    A tie's constant -log(e^2t - 1) is left out, as in Davidson's.
    """

    threshold: float

    @classmethod
    def of_tie_share(cls, share: float) -> "RaoKupper":
        """The one under which two equally good answers tie with this probability (0 to 1)."""
        bounded = min(max(share, 0.0), 0.9)
        return cls(math.log((1 + bounded) / (1 - bounded)))

    def value(self, margins: Tensor, outcomes: Tensor) -> Tensor:
        first_is_worse, second_is_worse = F.softplus(self.threshold - margins), F.softplus(self.threshold + margins)
        return torch.where(outcomes >= 0, first_is_worse, 0.0) + torch.where(outcomes <= 0, second_is_worse, 0.0)


LOSSES: Mapping[str, Callable[[float], PairLoss]] = {
    "davidson": Davidson.of_tie_share,
    "rao_kupper": RaoKupper.of_tie_share,
}
