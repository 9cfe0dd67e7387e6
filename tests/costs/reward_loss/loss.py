"""A pair's loss where a tie is half a win for each of both, as Elo's ratings count a draw.

Shapes: P pairs.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from app.training.reward.pair_loss import PairLoss


@dataclass(frozen=True)
class HalfWins(PairLoss):
    """-log p by Bradley & Terry (1952), sigmoid(d), weighted with the share of the point that each answer gets: 1, 0,
    or a half (Elo 1978, "The rating of chessplayers", section 1.3)."""

    def value(self, margins: Tensor, outcomes: Tensor) -> Tensor:
        won = (1 + outcomes) / 2
        return won * softplus(-margins) + (1 - won) * softplus(margins)
