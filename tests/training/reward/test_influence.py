"""What a ranking did to the held-out loss: a Newton step without it, near real refits, counted on unseen rankings."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr  # type: ignore[import-untyped]

from app.preferences import Influence
from app.training.reward.data import Rankings
from app.training.reward.folds import Fold
from app.training.reward.head import (
    Likelihood,
    ListLikelihood,
    PairLikelihood,
    Posterior,
    Prior,
    make_pairs,
    posterior,
    solve,
)  # fmt: skip
from app.training.reward.influence import Influences, weights_without
from app.training.reward.list_loss import make_stages
from app.training.reward.pair_loss import Davidson, RaoKupper, ranking_losses

SIZE, PRECISION = 12, 2.0
PRIOR = Prior([SIZE], torch.full((SIZE,), 0.1).double())
LOSSES = ("davidson", "rao-kupper", "plackett-luce")


def rankings(seed: int, count: int = 40, loss: str = "davidson", order: list[int] | None = None) -> Rankings:
    """By a hidden score, with noise and ties; the last one is of two answers. `order`: of the answers."""
    drawn = torch.Generator().manual_seed(seed)
    columns = torch.randn(count, 4, SIZE, generator=drawn, dtype=torch.float64)
    taste = torch.randn(SIZE, generator=drawn, dtype=torch.float64)
    noisy = columns @ taste + 2.0 * torch.randn(count, 4, generator=drawn, dtype=torch.float64)
    levels = (noisy / 3.0).round()
    ranks = 1 + (levels.unsqueeze(1) > levels.unsqueeze(2)).sum(2)
    mask = torch.ones(count, 4, dtype=torch.bool)
    if order is not None:
        columns, ranks = columns[:, order], ranks[:, order]
    mask[-1, 2:] = False
    likelihoods: dict[str, Likelihood] = {
        "davidson": PairLikelihood(make_pairs(columns, ranks, mask), Davidson(0.5)),
        "rao-kupper": PairLikelihood(make_pairs(columns, ranks, mask), RaoKupper(1.5)),
        "plackett-luce": ListLikelihood(columns, make_stages(ranks, mask)),
    }
    return Rankings(columns, ranks, mask, Davidson(0.5), likelihoods[loss])


def learned(data: Rankings, rows: list[int]) -> Posterior:
    return posterior(data.likelihood.of(rows), torch.tensor([PRECISION]).double(), PRIOR, PRIOR.means)


def refit(data: Rankings, rows: list[int], start: torch.Tensor, steps: int = 30) -> torch.Tensor:
    precisions = torch.full((SIZE,), PRECISION, dtype=torch.float64)
    return solve(data.likelihood.of(rows), precisions, start, PRIOR.means, steps)[0]


@given(st.integers(0, 10_000), st.sampled_from(LOSSES))
@settings(max_examples=15, deadline=None)
def test_it_is_one_step_of_newton_without_the_ranking(seed: int, loss: str) -> None:
    data, rows = rankings(seed, loss=loss), list(range(0, 40, 2))
    all_of_them = learned(data, rows)
    told = weights_without(data, rows, all_of_them)
    for at, row in enumerate(rows[:5]):
        rest = [other for other in rows if other != row]
        torch.testing.assert_close(told[at], refit(data, rest, all_of_them.mean, steps=1), rtol=0, atol=1e-5)


@given(st.integers(0, 10_000), st.permutations(range(4)))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_answers_changes_nothing(seed: int, order: list[int]) -> None:
    whole = list(range(39))
    once, again = rankings(seed), rankings(seed, order=order)
    one, other = (weights_without(data, whole, learned(data, whole)) for data in (once, again))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_it_comes_near_learning_again(loss: str) -> None:
    """Rank correlation and relative error of the changes, over all rankings, against refits to the optimum."""
    data, fold = rankings(1, loss=loss), Fold(list(range(30)), list(range(30, 40)))
    told, real = all_influences(data, [fold]), list[float]()
    mean = learned(data, fold.rows).mean
    before = held_out_losses(data, fold, mean)
    for row in fold.rows:
        without = refit(data, [other for other in fold.rows if other != row], mean)
        real.append(float((before - held_out_losses(data, fold, without)).mean()))
    changes = [one.change for one in told[:30] if one is not None]
    assert told[30:] == [None] * 10
    assert spearmanr(changes, real).statistic > 0.98
    apart = sum(abs(one - other) for one, other in zip(changes, real, strict=True))
    assert apart < 0.12 * sum(map(abs, real))


def held_out_losses(data: Rankings, fold: Fold, weights: torch.Tensor) -> torch.Tensor:
    rows = fold.held_out
    return ranking_losses(data.columns[rows] @ weights, data.ranks[rows], data.mask[rows], data.loss)


def all_influences(data: Rankings, folds: list[Fold]) -> list[Influence | None]:
    influences = Influences(len(data.ranks))
    for fold in folds:
        influences.add(data, fold, learned(data, fold.rows))
    return influences.each()


def test_each_counts_on_what_it_was_not_learned_with() -> None:
    """Mean and standard error over the held-out rankings of the folds that learned from it, however they are told
    apart into parts; rankings of one answer are no comparison."""
    data = rankings(2, count=150)
    data.mask[40, 1:] = False
    folds = [Fold([i for i in range(150) if i // 50 != own], list(range(50 * own, 50 * own + 50))) for own in range(3)]
    told = all_influences(data, folds)
    for row in (3, 47, 99, 120):
        changes = []
        for fold in folds:
            if row in fold.rows:
                known = learned(data, fold.rows)
                without = weights_without(data, [row], known)[0]
                moved = held_out_losses(data, fold, known.mean) - held_out_losses(data, fold, without)
                changes += [float(each) for each, other in zip(moved, fold.held_out, strict=True) if other != 40]
        assert len(changes) == (100 if row // 50 == 0 else 99)
        one = told[row]
        assert one is not None
        mean = sum(changes) / len(changes)
        variance = sum((each - mean) ** 2 for each in changes) / (len(changes) - 1)
        assert one.change == pytest.approx(mean, abs=1e-9)
        assert one.error == pytest.approx(math.sqrt(variance / len(changes)), abs=1e-9)


def test_a_ranking_against_all_others_hurts_most() -> None:
    data = rankings(3)
    data.ranks[7] = 1 + (data.columns[7] @ learned(data, list(range(40))).mean).argsort().argsort()
    turned = Rankings(
        data.columns, data.ranks, data.mask, data.loss,
        PairLikelihood(make_pairs(data.columns, data.ranks, data.mask), Davidson(0.5)),
    )  # fmt: skip
    told = all_influences(
        turned, [Fold(list(range(20)), list(range(20, 40))), Fold(list(range(20, 40)), list(range(20)))]
    )
    changes = [one.change for one in told if one is not None]
    assert max(changes) == changes[7] > 0


def test_who_held_out_nothing_knows_nothing() -> None:
    assert all_influences(rankings(4, count=6), []) == [None] * 6
    assert all_influences(rankings(4, count=6), [Fold([0, 1, 2, 3, 4], [5])]) == [None] * 6, "no error of one alone"
