"""The reward head alone: a penalized Bradley-Terry-Davidson regression on final states, solved exactly.

With tens of rankings a convex problem beats gradient descent on a network: no learning rate, no random start, one
optimum, and a whole path of penalties in milliseconds. Newton's method in float64. Knows no network and no files.

Shapes: R rankings, K answers of a ranking, P pairs, H hidden size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.training.losses import pair_mask

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


def solve(pairs: Pairs, ridge: float, nu: float, start: Tensor) -> Tensor:
    """The weights [H] that minimize the summed losses of the rankings + ridge / 2 * |weights|^2.

    The loss of a pair is Davidson's (see losses.pair_losses): log(e^u + e^-u + nu) - outcome * u with u =
    difference / 2, convex with second derivative (4 + nu (e^u + e^-u)) / Z^2.
    """
    weights = start.double().clone()
    identity = torch.eye(len(weights), dtype=torch.float64)
    half = pairs.differences / 2
    for _ in range(STEPS):
        u = (half @ weights).clamp(-30, 30)
        up, down = u.exp(), (-u).exp()
        z = up + down + nu
        slope = pairs.weights * ((up - down) / z - pairs.outcomes)
        curvature = pairs.weights * (4 + nu * (up + down)) / z.square()
        gradient = half.T @ slope + ridge * weights
        hessian = (half * curvature.unsqueeze(1)).T @ half + ridge * identity
        step = torch.linalg.solve(hessian, gradient)
        weights -= _shortened(pairs, half, weights, step, gradient, ridge, nu) * step
        if gradient @ step < ENOUGH:
            break
    return weights


def _loss(pairs: Pairs, half: Tensor, weights: Tensor, ridge: float, nu: float) -> float:
    u = half @ weights
    log_z = torch.logaddexp(u, -u)
    if nu > 0:
        log_z = torch.logaddexp(log_z, torch.full_like(u, nu).log())
    return float((pairs.weights * (log_z - pairs.outcomes * u)).sum() + ridge / 2 * weights.square().sum())


def _shortened(
    pairs: Pairs, half: Tensor, weights: Tensor, step: Tensor, gradient: Tensor, ridge: float, nu: float
) -> float:
    """The step's share that lowers the loss enough (Armijo): a whole Newton step may overshoot far from the optimum."""
    before, gain, share = _loss(pairs, half, weights, ridge, nu), float(gradient @ step), 1.0
    while share > 1e-4 and _loss(pairs, half, weights - share * step, ridge, nu) > before - 1e-4 * share * gain:
        share /= 2
    return share


def penalties(strongest: float, weakest: float, steps: int) -> list[float]:
    """From strong to weak, evenly on a logarithmic scale: from an underfit to an overfit head."""
    ratio = (weakest / strongest) ** (1 / max(1, steps - 1))
    return [strongest * ratio**step for step in range(steps)]
