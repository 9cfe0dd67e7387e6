"""Cross-validation by prompt: how well unseen rankings are foreseen, how sure to be, and what more rankings bring.

Shapes: D columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.preferences import Influence
from app.training.reward.data import Rankings
from app.training.reward.folds import Fold
from app.training.reward.head import Posterior, Prior, learn
from app.training.reward.influence import Influences
from app.training.reward.penalty import MOST_WORK, folds_within, losses_by_factor
from app.training.reward.report import PairOutcomes, temperature

ROUNDS = 4  # of the precisions, begun where those of all rankings ended
CURVE = (0.25, 0.5)  # shares of a fold's rankings


@dataclass
class CrossValidation:
    """All folds together; without folds nothing is known."""

    train: list[PairOutcomes] = field(default_factory=list)
    unseen: list[PairOutcomes] = field(default_factory=list)
    fewer: dict[float, list[PairOutcomes]] = field(default_factory=dict)  # unseen, by the share learned from
    counts: dict[float, list[int]] = field(default_factory=dict)
    by_penalty: list[dict[float, tuple[PairOutcomes, PairOutcomes]]] = field(default_factory=list)
    """Of the first folds: under the precisions times a factor, on their own rankings and on those held out."""
    influences: list[Influence | None] = field(default_factory=list)  # by ranking
    surprises: list[float | None] = field(default_factory=list)  # by ranking: its loss before it was learned from

    @property
    def on_train(self) -> PairOutcomes:
        return PairOutcomes.joined(self.train)

    @property
    def on_unseen(self) -> PairOutcomes:
        return PairOutcomes.joined(self.unseen)

    @property
    def temperature(self) -> float:
        return temperature(self.on_unseen.margin)

    def learning_curve(self) -> list[tuple[int, float]]:
        """Rankings learned from (the mean over the folds), and the held-out accuracy; what could not be measured is
        left out."""
        points = []
        for share in sorted(self.fewer):
            accuracy = PairOutcomes.joined(self.fewer[share]).accuracy
            if accuracy == accuracy:  # not NaN
                points.append((round(sum(self.counts[share]) / len(self.counts[share])), accuracy))
        return points


def cross_validate(data: Rankings, folds: Sequence[Fold], prior: Prior, whole: Posterior) -> Iterator[CrossValidation]:
    """What is known after each fold."""
    so_far, looked_at = CrossValidation(surprises=[None] * len(data.ranks)), folds_within(MOST_WORK, data, folds)
    influences = Influences(len(data.ranks))
    for number, fold in enumerate(folds):
        for share in (*CURVE, 1.0):
            rows = fold.rows[: max(1, round(share * len(fold.rows)))]
            learned = learn(data.likelihood.of(rows), prior, whole, ROUNDS if share == 1.0 else 1)
            unseen = data.judged(learned.mean, fold.held_out)
            so_far.fewer.setdefault(share, []).append(unseen)
            so_far.counts.setdefault(share, []).append(len(rows))
        so_far.train.append(data.judged(learned.mean, fold.rows))
        so_far.unseen.append(unseen)
        if number < looked_at:
            so_far.by_penalty.append(losses_by_factor(data, fold, learned, prior))
        for row, loss in zip(data.compared(fold.held_out), unseen.losses.tolist(), strict=True):
            so_far.surprises[row] = loss
        influences.add(data, fold, learned)
        so_far.influences = influences.each()
        yield so_far
