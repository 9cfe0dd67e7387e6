"""What one comparison of two answers costs, as a function of the margin between their scores.

A further loss is one class with a `value`: the head is solved and the report is made with any `PairLoss`. Pure
functions; knows no model and no rankings' rows.

Shapes: B rankings, K answers of a ranking, P pairs.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad
from torch.nn.functional import softplus

MOST_EXPONENT = 30.0  # beyond it a slope is flat to the last bit of what matters, and nothing overflows


class PairLoss(ABC):
    """A convex function of the margin d = s_i - s_j, elementwise; outcomes are +1 (i was ranked higher), -1 (lower) or
    0 (a tie)."""

    @abstractmethod
    def value(self, margins: Tensor, outcomes: Tensor) -> Tensor:
        """The pairs' losses, of the shape of both."""

    def slope_and_curvature(self, margins: Tensor, outcomes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """First and second derivatives of weights * value by each margin; all [P]. From the value alone: a pair's loss
        hangs on no other pair's margin, so that gradients of sums are derivatives."""

        def total(at: Tensor) -> Tensor:
            return (weights * self.value(at, outcomes)).sum()

        slope = grad(total)
        return slope(margins), grad(lambda at: slope(at).sum())(margins)


@dataclass(frozen=True)
class Davidson(PairLoss):
    """-log p of a comparison with ties (Davidson 1970, JASA 65, eq. 2.1).

    With u = d / 2:  p(i > j) = e^u / Z,  p(tie) = nu / Z,  Z = e^u + e^-u + nu, where nu is the `tie_strength`. At 0 it
    is Bradley-Terry, -log sigmoid(d), as in InstructGPT eq. 1. The constant -log nu of a tie is left out: it has no
    gradient, and without it a tie's loss is finite for every nu (a tie then has the loss log Z >= log 2).
    """

    tie_strength: float

    @classmethod
    def of_tie_share(cls, share: float) -> "Davidson":
        """The one under which two equally good answers tie with this probability (0 to 1)."""
        bounded = min(max(share, 0.0), 0.9)
        return cls(2.0 * bounded / (1.0 - bounded))

    def value(self, margins: Tensor, outcomes: Tensor) -> Tensor:
        half = margins / 2
        log_z = torch.logaddexp(half, -half)
        if self.tie_strength > 0:
            log_z = torch.logaddexp(log_z, torch.full_like(log_z, self.tie_strength).log())
        return log_z - outcomes * half

    def slope_and_curvature(self, margins: Tensor, outcomes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """As above, with e^u e^-u = 1 put in by hand: differentiating the value cancels where margins are large, and
        its last bits led Newton's method to another float32 head in 21 of 360 trials."""
        half = (margins / 2).clamp(-MOST_EXPONENT, MOST_EXPONENT)
        up, down = half.exp(), (-half).exp()
        z = up + down + self.tie_strength
        slope = weights * ((up - down) / z - outcomes)
        curvature = weights * (4 + self.tie_strength * (up + down)) / z.square()
        return slope / 2, curvature / 4


@dataclass(frozen=True)
class RaoKupper(PairLoss):
    """-log p of a comparison with ties (Rao & Kupper 1967, JASA 62, eq. 2.3): an answer wins where its strength is
    `threshold` (at least 1) times the other's, p(i > j) = 1 / (1 + threshold e^-d), and the rest are ties. At 1 it is
    Bradley-Terry. The constant -log(threshold^2 - 1) of a tie is left out, as it has no gradient."""

    threshold: float

    @classmethod
    def of_tie_share(cls, share: float) -> "RaoKupper":
        """The one under which two equally good answers tie with this probability (0 to 1)."""
        bounded = min(max(share, 0.0), 0.9)
        return cls((1.0 + bounded) / (1.0 - bounded))

    def value(self, margins: Tensor, outcomes: Tensor) -> Tensor:
        wide = math.log(self.threshold)
        first, second = softplus(wide - margins), softplus(wide + margins)  # -log p of the first's win, the second's
        return torch.where(outcomes > 0, first, torch.where(outcomes < 0, second, first + second))

    def slope_and_curvature(self, margins: Tensor, outcomes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        wide = math.log(self.threshold)
        first, second = torch.sigmoid(wide - margins), torch.sigmoid(wide + margins)
        counted = (outcomes >= 0).to(margins.dtype), (outcomes <= 0).to(margins.dtype)
        slope = counted[1] * second - counted[0] * first
        return weights * slope, weights * (counted[0] * first * (1 - first) + counted[1] * second * (1 - second))


def pair_mask(mask: Tensor) -> Tensor:
    """[B,K] real answers -> [B,K,K] with each pair of real answers once (i < j)."""
    both = mask.unsqueeze(1) & mask.unsqueeze(2)
    return both.triu(diagonal=1)


def ranking_losses(scores: Tensor, ranks: Tensor, mask: Tensor, loss: PairLoss) -> Tensor:
    """The mean over each ranking's comparisons, ties among them (InstructGPT section 3.5): scores, ranks, mask [B,K] ->
    [B]; 0 where there is none.

    A ranking is one element of a batch, so its K(K-1)/2 comparisons weigh 1 together whatever K is.
    """
    pairs = pair_mask(mask)
    real = torch.where(mask, scores, 0.0)  # before the pairs: a NaN there would reach real scores' gradients
    margins = real.unsqueeze(2) - real.unsqueeze(1)  # [B,K,K], answer i in rows, j in columns
    better = torch.sign(ranks.unsqueeze(1) - ranks.unsqueeze(2)).to(margins.dtype)  # +1: i ranked above j; 0: tie
    total = torch.where(pairs, loss.value(margins, better), 0.0).sum((1, 2))
    return total / pairs.sum((1, 2)).clamp(min=1)
