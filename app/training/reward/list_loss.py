"""What a whole ranking costs, as a function of its answers' scores: Plackett-Luce with ties, stage by stage.

Turner, van Etten, Firth & Kosmidis 2020, "Modelling rankings in R: the PlackettLuce package" (Computational Statistics
35), the model with ties: from the answers that are left, the next rank takes a set C with probability f(C) / sum of
f(S) over all sets S of the left ones, up to the size of the largest tie, where f(S) = delta_|S| (product of
strengths)^(1/|S|), strength = e^score, delta_1 = 1. With two answers it is Davidson's model, without ties that of
Plackett (1975) and Luce (1959). Convex in the scores, as each stage is a multinomial logit over sets with the mean
score of their answers.

Shapes: R rankings, K answers of a ranking, Q stages of all rankings, S sets of answers up to the largest tie's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

ROUNDS = 100  # of fitting the sizes of ties
LEAST = 1e-12
UNSEEN = 0.5  # of an order, where all are ties: no strength of ties would be large enough


@dataclass(frozen=True)
class Stages:
    """Every choice of a next rank, the last ones apart, which are none."""

    ranking: Tensor  # [Q] int64
    possible: Tensor  # [Q,S] bool
    chosen: Tensor  # [Q] int64, of the sets
    members: Tensor  # [S,K] float64: 1 / |S| where an answer is in the set
    log_ties: Tensor  # [S] log delta of the set's size

    def of(self, rankings: Sequence[int]) -> "Stages":
        kept = torch.isin(self.ranking, torch.tensor(list(rankings), dtype=torch.int64))
        return Stages(self.ranking[kept], self.possible[kept], self.chosen[kept], self.members, self.log_ties)

    def losses(self, scores: Tensor) -> Tensor:
        """[R,K] -> [Q]: -log p of each choice."""
        logits = self._logits(scores)
        return logits.logsumexp(1) - logits.gather(1, self.chosen.unsqueeze(1))[:, 0]

    def slope_and_curvature(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """[R,K] -> first and second derivatives of the summed losses by the scores, [R,K] and [R,K,K]."""
        shares = self._logits(scores).softmax(1)  # [Q,S]
        mean = shares @ self.members  # [Q,K]
        seconds = torch.einsum("qs,si,sj->qij", shares, self.members, self.members)
        seconds = seconds - mean.unsqueeze(2) * mean.unsqueeze(1)
        slope, curvature = torch.zeros_like(scores), scores.new_zeros(*scores.shape, scores.shape[1])
        slope.index_add_(0, self.ranking, mean - self.members[self.chosen])
        return slope, curvature.index_add_(0, self.ranking, seconds)

    def _logits(self, scores: Tensor) -> Tensor:
        worth = scores @ self.members.T + self.log_ties  # [R,S]
        return worth[self.ranking].masked_fill(~self.possible, -torch.inf)


def make_stages(ranks: Tensor, mask: Tensor, *, of_the_best: bool = False) -> Stages:
    """ranks and mask [R,K], rank 1 best. The strengths of ties are those under which as many ties of each size are
    expected among equal answers as there are. `of_the_best`: only the first stage, as where people chose the best."""
    most, stages = ranks.shape[1], list[tuple[int, int, int]]()  # ranking, the answers left, the chosen ones, as bits
    for row in range(len(ranks)):
        own = [(int(ranks[row, k]), 1 << k) for k in range(most) if bool(mask[row, k])]
        left = sum(bit for _, bit in own)
        for rank in sorted({rank for rank, _ in own})[: 1 if of_the_best else None]:
            chosen = sum(bit for each, bit in own if each == rank)
            if left.bit_count() > 1:
                stages.append((row, left, chosen))
            left -= chosen
    largest = max((chosen.bit_count() for _, _, chosen in stages), default=1)
    sets = [sum(1 << k for k in each) for size in range(1, largest + 1) for each in combinations(range(most), size)]
    place = {bits: number for number, bits in enumerate(sets)}
    numbers = torch.tensor(sets)
    inside = (numbers.unsqueeze(1) >> torch.arange(most)) & 1  # [S,K]
    sizes = inside.sum(1)
    left_over = torch.tensor([left for _, left, _ in stages], dtype=torch.int64)
    possible = (numbers & ~left_over.unsqueeze(1)) == 0
    picked = torch.tensor([place[chosen] for _, _, chosen in stages], dtype=torch.int64)
    ranking = torch.tensor([row for row, _, _ in stages], dtype=torch.int64)
    log_ties = _tie_strengths(possible, picked, sizes).log()[sizes - 1]
    return Stages(ranking, possible, picked, inside.double() / sizes.unsqueeze(1), log_ties)


def _tie_strengths(possible: Tensor, chosen: Tensor, sizes: Tensor) -> Tensor:
    """[largest tie] delta of each size: iterative scaling to the counts of chosen sizes, at equal scores; delta_1 stays
    1. Sizes that never occur get the least there is."""
    largest = int(sizes.max())
    counts = torch.bincount(sizes[chosen] - 1, minlength=largest).double()
    counts[0] = counts[0].clamp(min=UNSEEN)
    offered = torch.zeros(len(possible), largest, dtype=torch.float64).index_add_(1, sizes - 1, possible.double())
    strengths = torch.ones(largest, dtype=torch.float64)
    for _ in range(ROUNDS):
        worth = offered * strengths
        expected = (worth / worth.sum(1, keepdim=True)).sum(0)
        strengths = strengths * counts / expected.clamp(min=LEAST)
        strengths = (strengths / strengths[0]).clamp(min=LEAST)
    return strengths
