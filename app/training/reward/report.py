"""What a reward model's scores say about rankings: accuracy, loss, calibration, verdict. Knows no model.

Shapes: B rankings, K answers of a ranking, P pairs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from app.training.reward.pair_loss import PairLoss, pair_mask, ranking_losses

RELIABILITY_BINS = 10
LARGEST_LOG = 3.0  # of a temperature
UNDERFIT_BELOW = 0.70  # training accuracy: it did not learn even what it saw
OVERFIT_GAP = 0.15  # training accuracy above held-out accuracy by more than this


@dataclass(frozen=True)
class PairOutcomes:
    """Every pair once. `margin` is the score of the answer ranked higher less the other's; 0-d losses are averaged."""

    margin: Tensor  # [P] strict pairs
    losses: Tensor  # [P'] one per ranking, ties included
    num_ties: int
    correct_by_ranking: Tensor  # [B] share of correct strict pairs, NaN where a ranking has none

    @staticmethod
    def joined(parts: Sequence["PairOutcomes"]) -> "PairOutcomes":
        if not parts:
            return PairOutcomes(torch.zeros(0), torch.zeros(0), 0, torch.zeros(0))
        return PairOutcomes(
            torch.cat([part.margin for part in parts]),
            torch.cat([part.losses for part in parts]),
            sum(part.num_ties for part in parts),
            torch.cat([part.correct_by_ranking for part in parts]),
        )

    @property
    def num_comparisons(self) -> int:
        return len(self.margin)

    @property
    def loss(self) -> float:
        return float(self.losses.mean()) if len(self.losses) else math.nan

    @property
    def accuracy(self) -> float:
        """Share of strictly ordered pairs scored in the ranking's order; equal scores count half. Ties are left out.
        NaN where there is no such pair, or none with two different scores: then nothing was told apart."""
        return float(_correct(self.margin).mean()) if self.margin.any() else math.nan

    @property
    def accuracy_error(self) -> float:
        """Standard error of the accuracy, over rankings: the pairs of one ranking are not independent."""
        shares = self.correct_by_ranking[~self.correct_by_ranking.isnan()]
        return float(shares.std() / math.sqrt(len(shares))) if len(shares) > 1 and self.margin.any() else math.nan

    def reliability(self) -> list[tuple[float, float, int]]:
        """Per bin of stated probability (of the answer scored higher): mean stated, share correct, comparisons."""
        if not self.margin.any():
            return []
        stated = torch.sigmoid(self.margin.abs())
        bins = ((stated - 0.5) * 2 * RELIABILITY_BINS).long().clamp(max=RELIABILITY_BINS - 1)
        points = []
        for number in range(RELIABILITY_BINS):
            inside = bins == number
            if inside.any():
                correct = _correct(self.margin[inside]).mean()
                points.append((float(stated[inside].mean()), float(correct), int(inside.sum())))
        return points

    def at_temperature(self, value: float) -> "PairOutcomes":
        """The same with the margins divided; the losses stay."""
        return replace(self, margin=self.margin / value)

    @property
    def ece(self) -> float:
        """Expected calibration error (Guo et al. 2017, eq. 3)."""
        rows = self.reliability()
        total = sum(count for _, _, count in rows)
        return sum(abs(stated - right) * count for stated, right, count in rows) / total if total else math.nan


def outcomes(scores: Tensor, ranks: Tensor, mask: Tensor, loss: PairLoss) -> PairOutcomes:
    """scores, ranks, mask [B,K] -> the pairs' outcomes."""
    pairs = pair_mask(mask)  # [B,K,K]
    sign = torch.sign(ranks.unsqueeze(1) - ranks.unsqueeze(2))  # +1: row ranked above column
    margins = (scores.unsqueeze(2) - scores.unsqueeze(1)) * sign
    strict = pairs & (sign != 0)
    counted = pairs.any((1, 2))
    losses = ranking_losses(scores, ranks, mask, loss)
    correct = torch.where(strict, _correct(margins), 0.0).sum((1, 2)) / strict.sum((1, 2))  # 0 / 0 = NaN is meant
    return PairOutcomes(margins[strict], losses[counted], int((pairs & (sign == 0)).sum()), correct)


def temperature(margins: Tensor) -> float:
    """By which to divide margins [P] of strict pairs so that sigmoid(margin) is as probable as can be (Guo et al. 2017,
    section 4.2), from e^-3 to e^3; 1 where there is nothing to tell. Golden-section search: convex in 1 / T."""
    if not margins.any():
        return 1.0

    def loss(log_inverse: float) -> float:
        return float(torch.nn.functional.softplus(-margins.double() * math.exp(log_inverse)).mean())

    low, high, share = -LARGEST_LOG, LARGEST_LOG, (math.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        left, right = high - share * (high - low), low + share * (high - low)
        low, high = (low, right) if loss(left) <= loss(right) else (left, high)
    return math.exp(-(low + high) / 2)


def summarize(train: PairOutcomes, held_out: PairOutcomes) -> dict[str, float]:
    """Figures for the version's record; those that could not be measured are left out."""
    figures = {
        "held_out_accuracy": held_out.accuracy,
        "held_out_accuracy_error": held_out.accuracy_error,
        "held_out_loss": held_out.loss,
        "train_accuracy": train.accuracy,
        "train_loss": train.loss,
        "ece": held_out.ece,
    }
    return {name: value for name, value in figures.items() if not math.isnan(value)}


def verdict(metrics: dict[str, float]) -> str:
    """underfit: training accuracy under 0.70; overfit: more than 0.15 above held-out; else good fit."""
    train, held_out = metrics.get("train_accuracy"), metrics.get("held_out_accuracy")
    if train is None or held_out is None or math.isnan(train):
        return "unknown"
    if train < UNDERFIT_BELOW:
        return "underfit"
    return "overfit" if train - held_out > OVERFIT_GAP else "good fit"


def _correct(margins: Tensor) -> Tensor:
    return (margins > 0).float() + 0.5 * (margins == 0).float()
