"""Strengths of all versions from all votes: Bradley and Terry's model with ties (Davidson 1970, "On extending the
Bradley-Terry model to accommodate ties in paired comparison experiments", JASA 65). Pure: no database.

Of versions i and j with strengths pi: i wins with probability pi_i / (pi_i + pi_j + nu sqrt(pi_i pi_j)), and they tie
with nu sqrt(pi_i pi_j) over the same. With theta = log pi and eta = log nu the three are a softmax of theta_i, theta_j
and eta + (theta_i + theta_j) / 2: a concave likelihood, solved by Newton's method. A wide normal prior (deviation 2, on
each theta and on eta) keeps a version that won all of its few votes at a finite strength, and the solution unique.

Shapes: B bootstrap samples, D duels (pairs of contestants), K contestants.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.services.arena.win_rate import Counts

Floats = NDArray[np.float64]
PRIOR_DEVIATION = 2.0
ELO = 400 / np.log(10)
"""Points per unit of theta, as chess and other arenas count them: 400 more is ten wins to one loss."""
MIDDLE = 1000.0
SAMPLES, SEED = 400, 20_261_126
_MOST_STEPS, _CLOSE = 60, 1e-9


@dataclass(frozen=True)
class Duel:
    first: int
    """Index of a contestant."""
    second: int
    counts: Counts
    """Whole numbers, from the first one's side; what was bad on both sides is left out of all this."""


@dataclass(frozen=True)
class Strength:
    rating: float
    """Elo points; the mean of all contestants is 1000."""
    low: float
    high: float
    """Where it lies in 95% of the bootstrap samples."""


def strengths(duels: Sequence[Duel], contestants: int, *, samples: int = SAMPLES, seed: int = SEED) -> list[Strength]:
    """One for each contestant. Intervals: each duel's votes are drawn anew as its strengths would have it, as many as
    there are, `samples` times (parametric bootstrap, Efron 1979); the same votes give the same intervals.

    Drawn from the votes themselves, one vote, or votes that all say the same, would have an interval without width."""
    votes = np.array([[duel.counts.wins, duel.counts.losses, duel.counts.ties] for duel in duels], np.float64)  # [D, 3]
    design = _design(duels, contestants)
    theta, eta = log_strengths(duels, contestants)
    point = _ratings(theta[None])[0]  # [K]
    expected = _shares(np.append(theta, eta)[None], design)[0]  # [D, 3]
    anew = _drawn_anew(votes.sum(axis=-1), expected, samples, seed)
    drawn = _ratings(_fit(anew, design)[:, :-1])  # [B, K]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return [Strength(*map(float, each)) for each in zip(point, low, high, strict=True)]


def log_strengths(duels: Sequence[Duel], contestants: int) -> tuple[Floats, float]:
    """theta [K] and eta, at the posterior's mode."""
    votes = np.array([[duel.counts.wins, duel.counts.losses, duel.counts.ties] for duel in duels], np.float64)
    fitted = _fit(votes[None], _design(duels, contestants))[0]
    return fitted[:-1], float(fitted[-1])


def components(duels: Sequence[Duel], contestants: int) -> list[int]:
    """For each contestant the least index of those that votes connect it with: between two components nothing says
    which is stronger."""
    of = list(range(contestants))
    for _round in range(contestants):
        for duel in duels:
            of[duel.first] = of[duel.second] = min(of[duel.first], of[duel.second])
    return of


def _drawn_anew(totals: Floats, shares: Floats, samples: int, seed: int) -> Floats:
    """Votes by duel [D] and what the strengths expect of them [D, 3] -> votes [B, D, 3]."""
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(totals.astype(np.int64), shares, size=(samples, len(totals)))
    return drawn.astype(np.float64)


def _design(duels: Sequence[Duel], contestants: int) -> Floats:
    """[D, 3, K + 1]: the three logits of each duel (won, lost, tied) as sums of parameters."""
    design = np.zeros((len(duels), 3, contestants + 1))
    for index, duel in enumerate(duels):
        design[index, 0, duel.first] = design[index, 1, duel.second] = 1.0
        design[index, 2, [duel.first, duel.second]] = 0.5
        design[index, 2, -1] = 1.0
    return design


def _fit(votes: Floats, design: Floats) -> Floats:
    """votes [B, D, 3] -> theta and eta [B, K + 1]."""
    size = design.shape[-1]
    precision = np.eye(size) / PRIOR_DEVIATION**2
    at = np.zeros((len(votes), size))
    total = votes.sum(axis=-1, keepdims=True)  # [B, D, 1]
    for _step in range(_MOST_STEPS):
        shares = _shares(at, design)
        gradient = np.einsum("bdc,dcp->bp", votes - total * shares, design) - at @ precision
        weighted = total * shares  # [B, D, 3]
        mean = np.einsum("bdc,dcp->bdp", shares, design)
        curvature = np.einsum("bdc,dcp,dcq->bpq", weighted, design, design, optimize=True)
        curvature -= np.einsum("bd,bdp,bdq->bpq", total[..., 0], mean, mean, optimize=True)
        step = np.linalg.solve(curvature + precision, gradient[..., None])[..., 0]
        longest = np.abs(step).max(axis=-1, keepdims=True)
        at = at + step / np.maximum(1.0, longest)  # far from the mode a whole step may go too far
        if longest.max() < _CLOSE:
            break
    return at


def _shares(parameters: Floats, design: Floats) -> Floats:
    """theta and eta [B, K + 1] -> how likely each duel is won, lost and tied [B, D, 3]."""
    logits = np.einsum("dcp,bp->bdc", design, parameters)
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def _ratings(theta: Floats) -> Floats:
    return np.asarray(MIDDLE + ELO * (theta - theta.mean(axis=-1, keepdims=True)))
