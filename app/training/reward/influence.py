"""What each ranking did to the loss on rankings that were held out: with it, less without it.

Left out is one ranking at a time, at the same columns, precisions and strength of ties, by one step of Newton's method
from the weights that learned from all of them: the approximate leave-one-out of generalized linear models (Rad & Maleki
2020, "A scalable estimate of the out-of-sample prediction error", section 3; Koh & Liang 2017 and Giordano et al. 2019
take the curvature with the ranking still in it). A ranking of K answers has K - 1 directions, so that its curvature is
taken out by the matrix inversion lemma: no ranking costs a factorization. How near this comes to learning again is in
docs/reward-model.md.

Shapes: R rankings, S rows of one, D columns, L rankings left out, H held out, K answers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from app.preferences import Influence
from app.training.reward.data import Rankings
from app.training.reward.folds import Fold
from app.training.reward.head import Posterior
from app.training.reward.pair_loss import ranking_losses

AT_ONCE = 64  # rankings left out, whose effects on all that are held out are in memory together


@dataclass
class Influences:
    """Of all R rankings, fold by fold: each one counts where it was learned from, on what that fold held out."""

    count: int
    _sums: Tensor = field(init=False)  # [3,R] how many held-out rankings, their changes, and the squares

    def __post_init__(self) -> None:
        self._sums = torch.zeros(3, self.count, dtype=torch.float64)

    def add(self, data: Rankings, fold: Fold, learned: Posterior) -> None:
        """`learned`: from the rows of the fold."""
        judging = data.compared(fold.held_out)
        before = _losses(data, judging, learned.mean.unsqueeze(0))
        for first in range(0, len(fold.rows), AT_ONCE):
            rows = fold.rows[first : first + AT_ONCE]
            changes = before - _losses(data, judging, weights_without(data, rows, learned))
            self._sums[:, rows] += torch.stack([torch.ones_like(changes), changes, changes.square()]).sum(2)

    def each(self) -> list[Influence | None]:
        """By ranking; None where it was learned from in no fold, or too little was held out."""
        return [_influence(*sums) for sums in self._sums.T.tolist()]


def weights_without(data: Rankings, rows: Sequence[int], learned: Posterior) -> Tensor:
    """The weights [L,D] that would have been learned without each of these rankings, alone.

    With the curvature H and the ranking's slope X's and own curvature X'MX at the mode, the step is
    (H - X'MX)^-1 X's = H^-1 X' (1 - MV)^-1 s where V = X H^-1 X'."""
    terms = data.likelihood.terms(learned.mean)
    own, slopes, curvatures = terms.rows[rows], terms.slopes[rows], terms.curvatures[rows]
    solved = learned.curvature.solved(own.flatten(0, 1).T).T.reshape(own.shape)  # [L,S,D]
    spread = own @ solved.transpose(1, 2)  # [L,S,S]
    kept = torch.eye(own.shape[1], dtype=torch.float64) - curvatures @ spread
    steps: Tensor = torch.linalg.solve(kept, slopes.unsqueeze(2))  # [L,S,1]
    return learned.mean + (solved * steps).sum(1)


def _losses(data: Rankings, judging: Sequence[int], weights: Tensor) -> Tensor:
    """[L,D] -> [L,H]: of each held-out ranking, the mean over its comparisons."""
    chosen = list(judging)
    scores = torch.einsum("hkd,ld->lhk", data.columns[chosen], weights)
    ranks, mask = (each[chosen].repeat(len(weights), 1) for each in (data.ranks, data.mask))
    return ranking_losses(scores.flatten(0, 1), ranks, mask, data.loss).view(len(weights), len(chosen))


def _influence(count: float, total: float, squares: float) -> Influence | None:
    if count < 2:
        return None
    variance = max(0.0, squares - total * total / count) / (count - 1)
    return Influence(total / count, math.sqrt(variance / count))
