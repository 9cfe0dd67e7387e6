"""The linear score under Gaussian priors: its most probable weights, their spread, and how probable the rankings are.

Gaussian-process preference learning in its weight-space form (Chu & Ghahramani 2005; Rasmussen & Williams 2006,
sections 2.1.2 and 3.4): the kernel is a sum of the blocks' linear kernels, each with a prior precision of its own, and
Laplace's approximation gives the posterior. The precisions are those under which the rankings are most probable (MacKay
1992, "Bayesian interpolation", section 4): with tens of rankings nobody could choose a dozen on held-out prompts.
Convex for given precisions: one optimum, by Newton's method in float64. Knows no network and no files.

Shapes: R rankings, K answers of a ranking, P pairs, D columns, B blocks, N answers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from app.training.reward.curvature import Curvature
from app.training.reward.list_loss import Stages
from app.training.reward.pair_loss import PairLoss, pair_mask

STEPS = 30
STEPS_BETWEEN = 2  # Newton steps before the precisions are looked at again
ENOUGH = 1e-9  # of the Newton decrement: the loss cannot fall by more than half of this
ROUNDS = 20
STILL = 0.03  # in logs: the precisions have settled
LEAST, MOST = 1e-3, 1e6  # precisions beyond this range change nothing that can be seen
SHAPE, RATE = 1.0, 0.1  # of the precisions' Gamma prior, which holds them where few rankings say little


@dataclass(frozen=True)
class Pairs:
    """Every pair of every ranking once, float64 and int64. Only differences count, so an answer's columns are those
    less the first answer's, and the first answer is left out: pairs of K answers differ in K - 1 directions."""

    apart: Tensor  # [R,K-1,D] 0 where there is no answer
    mask: Tensor  # [R,K-1] bool
    outcomes: Tensor  # [P] +1 the first is ranked higher, -1 lower, 0 tie
    weights: Tensor  # [P] what each counts
    ranking: Tensor  # [P]
    first: Tensor  # [P] its place in the ranking
    second: Tensor  # [P]

    def of(self, rankings: Sequence[int]) -> "Pairs":
        rows = torch.tensor(list(rankings), dtype=torch.int64)
        places = torch.full((len(self.apart),), -1).index_copy_(0, rows, torch.arange(len(rows)))
        chosen = places[self.ranking] >= 0
        each = (each[chosen] for each in (self.outcomes, self.weights, places[self.ranking], self.first, self.second))
        return Pairs(self.apart[rows], self.mask[rows], *each)

    def margins(self, weights: Tensor) -> Tensor:
        """[D] -> [P] scores of the first answers less those of the second."""
        scores = F.pad(self.apart @ weights, (1, 0))
        return scores[self.ranking, self.first] - scores[self.ranking, self.second]

    def slopes(self, each: Tensor) -> Tensor:
        """Of a loss with these slopes [P] by margin, by the rows of `apart`, [R,K-1]."""
        slopes = torch.zeros(len(self.apart), self.apart.shape[1] + 1, dtype=torch.float64)
        slopes.index_put_((self.ranking, self.first), each, accumulate=True)
        slopes.index_put_((self.ranking, self.second), -each, accumulate=True)
        return slopes[:, 1:]

    def curvatures(self, each: Tensor) -> Tensor:
        """Of a loss with these curvatures [P] by margin, by the rows of `apart`, [R,K-1,K-1]."""
        answers = self.apart.shape[1] + 1
        mixing = torch.zeros(len(self.apart), answers, answers, dtype=torch.float64)
        for one, other, sign in (
            (self.first, self.first, 1),
            (self.second, self.second, 1),
            (self.first, self.second, -1),
            (self.second, self.first, -1),
        ):
            mixing.index_put_((self.ranking, one, other), sign * each, accumulate=True)
        return mixing[:, 1:, 1:]


def make_pairs(columns: Tensor, ranks: Tensor, mask: Tensor, *, of_the_best: bool = False) -> Pairs:
    """columns [R,K,D], ranks and mask [R,K], whose first answers are there. The pairs of K answers say no more than
    K - 1 of them: so much they count together. `of_the_best`: only pairs of which one was ranked first, as where people
    chose the best of K."""
    chosen = pair_mask(mask)
    if of_the_best:
        first_rank = ranks == 1
        chosen = chosen & (first_rank.unsqueeze(1) | first_rank.unsqueeze(2))
    ranking, first, second = chosen.nonzero(as_tuple=True)
    outcomes = torch.sign(ranks[ranking, second] - ranks[ranking, first]).double()
    counts = torch.bincount(ranking, minlength=len(mask)).clamp(min=1)
    weights = (mask.sum(1) - 1).double() / counts
    apart = (columns[:, 1:] - columns[:, :1]).double() * mask[:, 1:].unsqueeze(2)
    return Pairs(apart, mask[:, 1:], outcomes, weights[ranking], ranking, first, second)


@dataclass(frozen=True)
class Terms:
    """Of a loss that is a sum over rankings: what each adds to its slope and curvature, by the products of its rows
    with the weights."""

    rows: Tensor  # [R,S,D]
    mask: Tensor | None  # [R,S] bool, which rows are there; None: all
    slopes: Tensor  # [R,S]
    curvatures: Tensor  # [R,S,S]

    def slope(self) -> Tensor:
        """Of the whole loss by the weights, [D]."""
        return self.rows.flatten(0, 1).T @ self.slopes.flatten()

    def curvature(self, precisions: Tensor) -> Curvature:
        """Of the whole loss under a prior of these precisions [D]."""
        return Curvature(self.rows, self.curvatures, self.mask, precisions)


class Likelihood(ABC):
    """What rankings say of the weights: a convex loss."""

    @abstractmethod
    def of(self, rankings: Sequence[int]) -> "Likelihood":
        """Of these alone."""

    @abstractmethod
    def through(self, basis: Tensor) -> "Likelihood":
        """Of weights basis @ v, as a function of v: basis [D,E] -> of [E]."""

    @abstractmethod
    def directions(self) -> Tensor:
        """[N,D]: weights that differ in none of these are told apart by nothing."""

    @abstractmethod
    def loss(self, weights: Tensor) -> float:
        """-log p of the rankings, [D] -> nats."""

    @abstractmethod
    def terms(self, weights: Tensor) -> Terms:
        """Of the loss at these weights [D]."""


@dataclass(frozen=True)
class PairLikelihood(Likelihood):
    pairs: Pairs
    pair_loss: PairLoss

    def of(self, rankings: Sequence[int]) -> "PairLikelihood":
        return PairLikelihood(self.pairs.of(rankings), self.pair_loss)

    def through(self, basis: Tensor) -> "PairLikelihood":
        return PairLikelihood(replace(self.pairs, apart=self.pairs.apart @ basis), self.pair_loss)

    def directions(self) -> Tensor:
        return self.pairs.apart[self.pairs.mask]

    def loss(self, weights: Tensor) -> float:
        pairs = self.pairs
        return float((pairs.weights * self.pair_loss.value(pairs.margins(weights), pairs.outcomes)).sum())

    def terms(self, weights: Tensor) -> Terms:
        pairs = self.pairs
        slope, curvature = self.pair_loss.slope_and_curvature(pairs.margins(weights), pairs.outcomes, pairs.weights)
        return Terms(pairs.apart, pairs.mask, pairs.slopes(slope), pairs.curvatures(curvature))


@dataclass(frozen=True)
class ListLikelihood(Likelihood):
    columns: Tensor  # [R,K,D] float64
    stages: Stages

    def of(self, rankings: Sequence[int]) -> "ListLikelihood":
        return ListLikelihood(self.columns, self.stages.of(rankings))

    def through(self, basis: Tensor) -> "ListLikelihood":
        return ListLikelihood(self.columns @ basis, self.stages)

    def directions(self) -> Tensor:
        return (self.columns[:, 1:] - self.columns[:, :1]).flatten(0, 1)

    def loss(self, weights: Tensor) -> float:
        return float(self.stages.losses(self.columns @ weights).sum())

    def terms(self, weights: Tensor) -> Terms:
        return Terms(self.columns, None, *self.stages.slope_and_curvature(self.columns @ weights))


@dataclass(frozen=True)
class Prior:
    """Gaussian: the columns of each block share a precision, which is learned; `means` [D] are given."""

    sizes: Sequence[int]  # [B]
    means: Tensor  # [D] float64

    def spread(self, precisions: Tensor) -> Tensor:
        """[B] -> [D]."""
        return precisions.repeat_interleave(torch.tensor(list(self.sizes)))

    def sums(self, each: Tensor) -> Tensor:
        """[D] -> [B]."""
        blocks = torch.arange(len(self.sizes)).repeat_interleave(torch.tensor(list(self.sizes)))
        return torch.zeros(len(self.sizes), dtype=torch.float64).index_add_(0, blocks, each)


@dataclass(frozen=True)
class Posterior:
    """Weights w ~ N(mean, H^-1)."""

    mean: Tensor  # [D] float64
    curvature: Curvature  # H
    precisions: Tensor  # [B]
    log_evidence: float


def learn(rankings: Likelihood, prior: Prior, start: Posterior | None = None, rounds: int = ROUNDS) -> Posterior:
    """The posterior under the precisions that make these rankings most probable.

    The fixed point of MacKay's update, precision = (gamma + 2 SHAPE) / (|w - mean|^2 + 2 RATE), where gamma is how many
    of the block's weights the rankings determine."""
    precisions = torch.ones(len(prior.sizes), dtype=torch.float64) if start is None else start.precisions
    weights = prior.means if start is None else start.mean
    for _ in range(rounds):
        each = prior.spread(precisions)
        weights, curvature = solve(rankings, each, weights, prior.means, STEPS_BETWEEN)
        gamma = prior.sums(curvature.determined())
        squares = prior.sums((weights - prior.means).square())
        fresh = ((gamma + 2 * SHAPE) / (squares + 2 * RATE)).clamp(LEAST, MOST)
        settled = bool((fresh / precisions).log().abs().max() < STILL)
        precisions = fresh
        if settled:
            break
    return posterior(rankings, precisions, prior, weights)


def posterior(rankings: Likelihood, precisions: Tensor, prior: Prior, start: Tensor) -> Posterior:
    """Under given precisions [B]."""
    each = prior.spread(precisions)
    weights, curvature = solve(rankings, each, start, prior.means)
    log_prior = 0.5 * float(each.log().sum() - (each * (weights - prior.means).square()).sum())
    occam = curvature.log_determinant() / 2
    return Posterior(weights, curvature, precisions, log_prior - rankings.loss(weights) - occam)


def solve(
    rankings: Likelihood, precisions: Tensor, start: Tensor, center: Tensor, steps: int = STEPS
) -> tuple[Tensor, Curvature]:
    """The weights [D] that minimize the rankings' loss + precisions / 2 * (weights - center)^2, begun at `start`, and
    the second derivatives before the last step, which is tiny unless `steps` ran out."""
    weights = start.double().clone()

    def objective(at: Tensor) -> float:
        return rankings.loss(at) + float((precisions * (at - center).square()).sum() / 2)

    for _ in range(steps):
        terms = rankings.terms(weights)
        curvature, gradient = terms.curvature(precisions), terms.slope() + precisions * (weights - center)
        step = curvature.solved(gradient.unsqueeze(1))[:, 0]
        weights = weights - _shortened(objective, weights, step, gradient) * step
        if gradient @ step < ENOUGH:
            break
    return weights, curvature


def _shortened(objective: Callable[[Tensor], float], weights: Tensor, step: Tensor, gradient: Tensor) -> float:
    """The step's share that lowers the objective enough (Armijo): a whole Newton step may overshoot far from the
    optimum."""
    before, gain, share = objective(weights), float(gradient @ step), 1.0
    while share > 1e-4 and objective(weights - share * step) > before - 1e-4 * share * gain:
        share /= 2
    return share
