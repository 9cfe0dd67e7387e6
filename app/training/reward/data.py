"""Rankings as tensors. Trains nothing.

Shapes: R rankings, K answers of a ranking, N answers, D columns, T packed tokens, H hidden size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.hparams import RewardHparams
from app.training.packing import Packed, batches_by_length
from app.training.reward.head import Likelihood, ListLikelihood, PairLikelihood, make_pairs
from app.training.reward.list_loss import make_stages
from app.training.reward.network import RewardModel
from app.training.reward.pair_loss import Davidson, PairLoss, RaoKupper, pair_mask
from app.training.reward.report import PairOutcomes, outcomes


@dataclass(frozen=True)
class RankedGroup:
    """One ranking. rank 1 is best, equal ranks are ties; the completions are token ids."""

    prompt_id: int
    prompt_tokens: list[int]
    completions: list[list[int]]
    ranks: list[int]


@dataclass(frozen=True)
class Rankings:
    """All rankings as tensors, with the columns that the score is linear in."""

    columns: Tensor  # [R,K,D] float64
    ranks: Tensor  # [R,K]
    mask: Tensor  # [R,K] bool, True where there is an answer
    loss: PairLoss  # that the report tells, whichever one is learned by
    likelihood: Likelihood

    def compared(self, rows: Sequence[int]) -> list[int]:
        """Those of the rankings in which answers are compared at all."""
        return [row for row in rows if int(self.mask[row].sum()) > 1]

    def judged(self, weights: Tensor, rows: Sequence[int]) -> PairOutcomes:
        """By the score with these weights [D]; row by row, since a product may round equal rows apart."""
        chosen = list(rows)
        scores = (self.columns[chosen] * weights).sum(-1).float()
        return outcomes(scores, self.ranks[chosen], self.mask[chosen], self.loss)


def prepare(columns: Tensor, groups: Sequence[RankedGroup], hparams: RewardHparams) -> Rankings:
    """Tensors of all rankings from the columns [N,D] of their answers, one after the other, and the loss by which they
    are learned; its ties are as strong as there are many of them."""
    most = max(len(group.completions) for group in groups)
    ranks = torch.zeros(len(groups), most, dtype=torch.int64)
    for row, group in enumerate(groups):
        ranks[row, : len(group.ranks)] = torch.tensor(group.ranks)
    mask = torch.arange(most) < torch.tensor([[len(group.completions)] for group in groups])
    placed = torch.zeros(len(groups), most, columns.shape[1], dtype=torch.float64)
    placed[mask] = columns
    pairs = pair_mask(mask)
    ties = pairs & (ranks.unsqueeze(1) == ranks.unsqueeze(2))
    share = float(ties.sum() / pairs.sum().clamp(min=1))
    best, told = hparams.comparisons == "best", Davidson.of_tie_share(share)
    if hparams.loss == "plackett-luce":
        return Rankings(placed, ranks, mask, told, ListLikelihood(placed, make_stages(ranks, mask, of_the_best=best)))
    loss = RaoKupper.of_tie_share(share) if hparams.loss == "rao-kupper" else told
    return Rankings(placed, ranks, mask, told, PairLikelihood(make_pairs(placed, ranks, mask, of_the_best=best), loss))


@torch.no_grad()
def below_top(model: RewardModel, packed: Packed) -> Tensor:
    """[R,T,H] states below the top layer."""
    below = torch.zeros(*packed.ids.shape, model.config.hidden_size)
    for rows in batches_by_length((packed.last_index.amax(1) + 1).tolist()):
        part = packed.rows(rows)
        below[rows, : part.ids.shape[1]] = model.lower_states(part)
    return below
