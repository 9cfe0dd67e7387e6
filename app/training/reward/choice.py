"""Which groups would teach a reward model most, before anybody ranks them.

Of a posterior N(mean, H^-1) a ranking adds its expected curvature X'MX to H, whatever its outcome: for Davidson's
likelihood the curvature of a comparison hangs on the margin alone. The loss on groups like the `usual` ones is to be
low; to second order what is not known of the weights costs tr(F H^-1) / 2 nats a ranking there, where F is the mean of
the usual groups' X'MX. What a ranking is expected to save of that is its gain, by the matrix inversion lemma

    tr((1 + M V)^-1 M X H^-1 F H^-1 X') / 2,  V = X H^-1 X'.

Cohn, Ghahramani & Jordan 1996, "Active learning with statistical models", section 2 (the expected variance of what is
to be predicted, averaged over the inputs); Bickford Smith et al. 2023, "Prediction-oriented Bayesian active learning",
say why not the information on all weights (D-optimal: MacKay 1992; Das et al. 2024 for preferences), which likes what
is odd; docs/reward-model.md has both measured. What was chosen is taken as ranked at once (`take`), so that several
choices between two trainings do not ask the same.

Shapes: G groups, K answers of a group, S = K - 1, P pairs of the usual groups, D columns.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from app.training.reward.head import PairLikelihood, Pairs, make_pairs
from app.training.reward.pair_loss import Davidson

USUAL = 64  # groups as they come, the last ones: enough to know what is usual


class Chooser:
    """Of a posterior: its mean [D], and the lower triangle [D,D] whose product with its transpose is H. `tie_strength`
    is Davidson's; `usual` are the columns [K,D] of groups as they come, at least one with two answers."""

    def __init__(self, mean: Tensor, factor: Tensor, tie_strength: float, usual: Sequence[Tensor]) -> None:
        self._mean, self._loss = mean, Davidson(tie_strength)
        self._covariance = torch.cholesky_inverse(factor)
        self._asked = torch.cat([self._rows_of(group) for group in usual]) / len(usual) ** 0.5

    def gains(self, groups: Sequence[Tensor]) -> list[float]:
        """Nats by which ranking each of the groups [K,D] is expected to lower the loss of a usual one; 0 for fewer than
        two answers."""
        return [self._gain(group) for group in groups]

    def take(self, group: Tensor) -> None:
        """From now on as if this one were ranked."""
        rows, grown, curvature = self._taken(group)
        across = self._covariance @ rows.T
        self._covariance = self._covariance - across @ torch.linalg.solve(grown, curvature @ across.T)

    def _gain(self, group: Tensor) -> float:
        rows, grown, curvature = self._taken(group)
        told = (rows @ self._covariance) @ self._asked.T  # [S,P]
        return float(torch.linalg.solve(grown, curvature @ (told @ told.T)).trace()) / 2

    def _taken(self, group: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """X [S,D], 1 + MV and M [S,S]."""
        terms = PairLikelihood(_pairs(group), self._loss).terms(self._mean)
        rows, curvature = terms.rows[0], terms.curvatures[0]
        grown = torch.eye(len(rows), dtype=torch.float64) + curvature @ (rows @ self._covariance @ rows.T)
        return rows, grown, curvature

    def _rows_of(self, group: Tensor) -> Tensor:
        """[P,D] whose squares sum up to X'MX: the pairs' differences by the root of their curvature."""
        pairs = _pairs(group)
        _, curvature = self._loss.slope_and_curvature(pairs.margins(self._mean), pairs.outcomes, pairs.weights)
        return (group[pairs.first] - group[pairs.second]).double() * curvature.sqrt().unsqueeze(1)


def _pairs(group: Tensor) -> Pairs:
    """As if all were tied: curvatures hang on no outcome."""
    ranks = torch.ones(1, len(group), dtype=torch.int64)
    return make_pairs(group.unsqueeze(0), ranks, torch.ones_like(ranks, dtype=torch.bool))
