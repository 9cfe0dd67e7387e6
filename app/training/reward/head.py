"""The reward head alone: a penalized regression on final states under a PairLoss, solved exactly.

With tens of rankings a convex problem beats gradient descent on a network: no learning rate, no random start, one
optimum, and a whole path of penalties in milliseconds. Newton's method in float64. Knows no network and no files.

Shapes: R rankings, K answers of a ranking, P pairs, H hidden size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.training.reward.pair_loss import PairLoss, pair_mask

STEPS = 30
ENOUGH = 1e-9  # of the Newton decrement: the loss cannot fall by more than half of this


@dataclass(frozen=True)
class Pairs:
    """Every pair of every ranking once. float64."""

    differences: Tensor  # [P,H] state of the first answer less the second's
    outcomes: Tensor  # [P] +1 the first is ranked higher, -1 lower, 0 tie
    weights: Tensor  # [P] 1 / pairs of that ranking (InstructGPT section 3.5)
    ranking: Tensor  # [P] int64

    def of(self, rankings: Sequence[int]) -> "Pairs":
        chosen = torch.isin(self.ranking, torch.tensor(list(rankings), dtype=torch.int64))
        return Pairs(self.differences[chosen], self.outcomes[chosen], self.weights[chosen], self.ranking[chosen])


def make_pairs(states: Tensor, ranks: Tensor, mask: Tensor) -> Pairs:
    """states [R,K,H], ranks and mask [R,K]."""
    ranking, first, second = pair_mask(mask).nonzero(as_tuple=True)
    differences = (states[ranking, first] - states[ranking, second]).double()
    outcomes = torch.sign(ranks[ranking, second] - ranks[ranking, first]).double()
    counts = torch.bincount(ranking, minlength=len(mask)).clamp(min=1)
    return Pairs(differences, outcomes, 1.0 / counts[ranking].double(), ranking)


def solve(pairs: Pairs, ridge: float, loss: PairLoss, start: Tensor) -> Tensor:
    """The weights [H] that minimize the summed losses of the rankings + ridge / 2 * |weights|^2, begun at `start`."""
    weights = start.double().clone()
    identity = torch.eye(len(weights), dtype=torch.float64)
    differences = pairs.differences

    def objective(at: Tensor) -> float:
        losses = pairs.weights * loss.value(differences @ at, pairs.outcomes)
        return float(losses.sum() + ridge / 2 * at.square().sum())

    for _ in range(STEPS):
        slope, curvature = loss.slope_and_curvature(differences @ weights, pairs.outcomes, pairs.weights)
        gradient = differences.T @ slope + ridge * weights
        hessian = (differences * curvature.unsqueeze(1)).T @ differences + ridge * identity
        step = torch.linalg.solve(hessian, gradient)
        weights -= _shortened(objective, weights, step, gradient) * step
        if gradient @ step < ENOUGH:
            break
    return weights


def _shortened(objective: Callable[[Tensor], float], weights: Tensor, step: Tensor, gradient: Tensor) -> float:
    """The step's share that lowers the objective enough (Armijo): a whole Newton step may overshoot far from the
    optimum."""
    before, gain, share = objective(weights), float(gradient @ step), 1.0
    while share > 1e-4 and objective(weights - share * step) > before - 1e-4 * share * gain:
        share /= 2
    return share


def penalties(strongest: float, weakest: float, steps: int) -> list[float]:
    """From strong to weak, evenly on a logarithmic scale: from an underfit to an overfit head."""
    ratio = (weakest / strongest) ** (1 / max(1, steps - 1))
    return [strongest * ratio**step for step in range(steps)]
