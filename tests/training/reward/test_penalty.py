"""How the losses hang on the penalty: against solutions in all columns, and what must hold of any such curve."""

from itertools import pairwise

import pytest
import torch

from app.training.reward.data import Rankings
from app.training.reward.folds import Fold
from app.training.reward.head import ListLikelihood, PairLikelihood, Prior, learn, make_pairs, posterior, solve
from app.training.reward.list_loss import make_stages
from app.training.reward.pair_loss import Davidson
from app.training.reward.penalty import (
    FACTORS,
    MOST_WORK,
    STEPS,
    folds_within,
    losses_by_factor,
    penalty_curve,
    rounded,
)


def rankings(count: int, columns: int, noise: float = 2.0, *, as_lists: bool = False) -> Rankings:
    """Four answers each, ranked by their first column, with noise."""
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(count, 4, columns, generator=generator, dtype=torch.float64)
    worth = values[..., 0] + noise * torch.randn(count, 4, generator=generator, dtype=torch.float64)
    ranks = 1 + (-worth).argsort(1).argsort(1)
    mask = torch.ones(count, 4, dtype=torch.bool)
    loss = Davidson(0.0)
    pairs = PairLikelihood(make_pairs(values, ranks, mask), loss)
    return Rankings(values, ranks, mask, loss, ListLikelihood(values, make_stages(ranks, mask)) if as_lists else pairs)


def prior_of(columns: int) -> Prior:
    means = torch.zeros(columns, dtype=torch.float64)
    means[0], means[-1] = 0.3, -0.5
    return Prior([2, columns - 2], means)


@pytest.mark.parametrize("as_lists", [False, True])
@pytest.mark.parametrize(("count", "columns"), [(8, 50), (40, 6)])
def test_it_is_that_of_solutions_in_all_columns(count: int, columns: int, as_lists: bool) -> None:
    """With fewer rankings than columns, and with more; the evidence, too."""
    data, prior = rankings(count, columns, as_lists=as_lists), prior_of(columns)
    fold = Fold(list(range(2, count)), [0, 1])
    whole = learn(data.likelihood, prior)
    own = data.likelihood.of(fold.rows)
    chosen = learn(own, prior, whole)
    found = losses_by_factor(data, fold, chosen, prior)
    curve = penalty_curve([found], data, whole, prior)
    assert [point.factor for point in curve] == list(FACTORS)
    for point in curve:
        each = prior.spread(chosen.precisions * point.factor)
        weights, _ = solve(own, each, chosen.mean, prior.means)
        assert point.train_loss == pytest.approx(data.judged(weights, fold.rows).loss, abs=2e-3)
        assert point.held_out_loss == pytest.approx(data.judged(weights, fold.held_out).loss, abs=2e-3)
        expected = posterior(data.likelihood, whole.precisions * point.factor, prior, whole.mean).log_evidence
        assert point.log_evidence == pytest.approx(expected, abs=1e-3)
    [at_one] = [point for point in curve if point.factor == 1.0]
    assert at_one.held_out_loss == data.judged(chosen.mean, fold.held_out).loss, "what the report says"
    assert at_one.log_evidence == pytest.approx(whole.log_evidence)


def test_a_small_penalty_learns_by_heart_and_a_large_one_nothing() -> None:
    data, prior = rankings(30, 200), Prior([200], torch.zeros(200).double())
    whole = learn(data.likelihood, prior)
    folds = [Fold(list(range(15)), list(range(15, 30))), Fold(list(range(15, 30)), list(range(15)))]
    found = [losses_by_factor(data, fold, learn(data.likelihood.of(fold.rows), prior, whole), prior) for fold in folds]
    curve = penalty_curve(found, data, whole, prior)
    assert all(early.train_loss <= late.train_loss for early, late in pairwise(curve)), "a law: less penalty, less loss"
    assert curve[0].train_loss < 0.1
    assert curve[0].held_out_loss > 1.0
    assert curve[-1].train_loss == pytest.approx(0.693, abs=0.05)
    lowest = min(curve, key=lambda point: point.held_out_loss)
    assert lowest.error == 0
    apart = found[0][FACTORS[0]][1].losses - found[0][lowest.factor][1].losses
    apart = torch.cat([apart, found[1][FACTORS[0]][1].losses - found[1][lowest.factor][1].losses])
    assert curve[0].error == pytest.approx(float(apart.std()) / 30**0.5)
    assert len(rounded(curve)) == len(FACTORS)


def test_fewer_folds_are_looked_at_where_there_is_much_to_do_but_one_always() -> None:
    data = rankings(40, 6)
    folds = [Fold(list(range(20)), list(range(20, 40)))] * 5
    assert folds_within(MOST_WORK, data, folds) == 5
    assert folds_within(1.0, data, folds) == 1
    assert folds_within(MOST_WORK, data, []) == 0
    rows = 20 * (data.columns.shape[1] - 1)
    size = min(rows, data.columns.shape[2])
    of_one = STEPS * len(FACTORS) * (rows * size**2 + size**3 / 3)
    assert [folds_within(times * of_one, data, folds) for times in (1.9, 2.1, 3.0, 4.9, 5.1)] == [1, 2, 3, 4, 5]
    assert penalty_curve([], data, learn(data.likelihood, prior_of(6)), prior_of(6)) == []
