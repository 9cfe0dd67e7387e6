"""How the reward model's losses hang on its penalty: all precisions times a factor, from far too small to too large.

Under a small penalty the score learns its rankings by heart, under a large one nothing; between them lies what foresees
others best (Hastie, Tibshirani & Friedman 2009, "The elements of statistical learning", sections 2.9 and 7.10). The
factor 1 is what was chosen, by evidence alone (head.py).

n differences between answers determine the weights in n directions at most, whatever the factor: there each Newton step
is a small one. Shapes: D columns, E directions of weights and one that stays.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import TypeVar

import torch
from torch import Tensor

from app.training.reward.data import Rankings
from app.training.reward.folds import Fold
from app.training.reward.head import Likelihood, Posterior, Prior, posterior, solve
from app.training.reward.report import PairOutcomes

Found = TypeVar("Found")
LARGER = (10**0.5, 10.0, 100.0, 1_000.0)
FACTORS = (*sorted(1 / factor for factor in LARGER), 1.0, *LARGER)
STEPS = 4  # of Newton from one factor to the next: the losses are then right to a thousandth
FIXED = 1e12  # precision of the direction that stays
MOST_WORK = 3e10  # multiplications over all folds, about a second; one fold is looked at in any case


@dataclass(frozen=True)
class PenaltyPoint:
    """Mean losses over rankings, nats. `error`: standard error of how far the held-out loss is above the lowest one,
    ranking by ranking."""

    factor: float
    train_loss: float
    held_out_loss: float
    error: float
    log_evidence: float


class Directions:
    """Weights = means + E directions that the rankings tell apart, of precision 1 each at the factor 1."""

    def __init__(self, rankings: Likelihood, precisions: Tensor, prior: Prior) -> None:
        scale = prior.spread(precisions).rsqrt()  # [D]
        self.rows, _ = torch.linalg.qr((rankings.directions() * scale).T)  # [D,E]
        self.basis = torch.cat([scale.unsqueeze(1) * self.rows, prior.means.unsqueeze(1)], 1)
        self.seen = rankings.through(self.basis)
        self.center = torch.zeros(self.basis.shape[1], dtype=torch.float64)
        self.center[-1] = 1.0
        self.inverse_scale, self.means = 1 / scale, prior.means

    def place(self, weights: Tensor) -> Tensor:
        """[D] -> [E+1]."""
        return torch.cat([self.rows.T @ ((weights - self.means) * self.inverse_scale), self.center[-1:]])

    def precisions(self, factor: float) -> Tensor:
        return torch.cat([torch.full((len(self.center) - 1,), factor), torch.tensor([FIXED])]).double()

    def weights(self, factor: float, start: Tensor) -> Tensor:
        """[E+1], most probable under this factor."""
        return solve(self.seen, self.precisions(factor), start, self.center, STEPS)[0]

    def posterior(self, factor: float, start: Tensor) -> Posterior:
        """Its evidence differs from factor to factor as the one in all columns does: where the rankings tell nothing,
        prior and posterior are the same."""
        return posterior(self.seen, self.precisions(factor), Prior([1] * len(self.center), self.center), start)


def by_factor(first: Found, following: Callable[[float, Found], Found]) -> dict[float, Found]:
    """What follows for each factor from what its neighbour has; `first` is that of the factor 1."""
    known = {1.0: first}
    for factors in (LARGER, [1 / factor for factor in LARGER]):
        at = first
        for factor in factors:
            at = known[factor] = following(factor, at)
    return known


def losses_by_factor(
    data: Rankings, fold: Fold, chosen: Posterior, prior: Prior
) -> dict[float, tuple[PairOutcomes, PairOutcomes]]:
    """On the fold's own rankings and on those held out; `chosen` was learned from its own."""
    found = Directions(data.likelihood.of(fold.rows), chosen.precisions, prior)
    weights = {
        factor: found.basis @ at if factor != 1.0 else chosen.mean
        for factor, at in by_factor(found.place(chosen.mean), found.weights).items()
    }
    return {each: (data.judged(at, fold.rows), data.judged(at, fold.held_out)) for each, at in weights.items()}


def folds_within(work: float, data: Rankings, folds: Sequence[Fold]) -> int:
    """How many folds are looked at."""
    if not folds:
        return 0
    answers, columns = data.columns.shape[1:]
    rows = max(len(fold.rows) for fold in folds) * (answers - 1)
    size = min(rows, columns)
    steps = STEPS * len(FACTORS) * (rows * size**2 + size**3 / 3)
    return max(1, min(len(folds), int(work / max(1.0, steps))))


def penalty_curve(
    folds: Sequence[dict[float, tuple[PairOutcomes, PairOutcomes]]], data: Rankings, whole: Posterior, prior: Prior
) -> list[PenaltyPoint]:
    """Over the folds that were looked at, and the evidence of all rankings; empty without folds."""
    if not folds:
        return []
    found = Directions(data.likelihood, whole.precisions, prior)
    at_one = found.posterior(1.0, found.place(whole.mean))
    made = by_factor(at_one, lambda factor, neighbour: found.posterior(factor, neighbour.mean))
    evidence = {factor: each.log_evidence for factor, each in made.items()}
    train = {factor: PairOutcomes.joined([fold[factor][0] for fold in folds]) for factor in FACTORS}
    unseen = {factor: PairOutcomes.joined([fold[factor][1] for fold in folds]) for factor in FACTORS}
    lowest = min(FACTORS, key=lambda factor: unseen[factor].loss)
    return [
        PenaltyPoint(
            factor,
            train[factor].loss,
            unseen[factor].loss,
            _error(unseen[factor].losses - unseen[lowest].losses),
            whole.log_evidence + evidence[factor] - evidence[1.0],
        )
        for factor in FACTORS
    ]


def rounded(curve: Sequence[PenaltyPoint]) -> list[list[float]]:
    """For the record: [factor, training loss, held-out loss, its error, log evidence]; empty where one is no number."""
    rows = [[round(value, 5) for value in astuple(point)] for point in curve]
    return rows if all(math.isfinite(value) for row in rows for value in row) else []


def _error(differences: Tensor) -> float:
    return float(differences.std() / math.sqrt(len(differences))) if len(differences) > 1 else 0.0
