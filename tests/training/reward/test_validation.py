"""Cross-validation: each fold's weights come from its own rankings alone, and are judged on the others."""

import pytest
import torch

from app.training.reward import validation
from app.training.reward.data import Rankings
from app.training.reward.folds import Fold
from app.training.reward.head import PairLikelihood, Prior, learn, make_pairs
from app.training.reward.pair_loss import Davidson
from app.training.reward.validation import CrossValidation, cross_validate

PRIOR = Prior([3], torch.zeros(3).double())


def rankings(count: int) -> Rankings:
    """The first half likes the first column, the second half dislikes it."""
    columns = torch.randn(count, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sign = torch.where(torch.arange(count) < count // 2, -1.0, 1.0)
    ranks = 1 + (sign.view(-1, 1) * columns[..., 0]).argsort(1).argsort(1)
    mask = torch.ones(count, 4, dtype=torch.bool)
    loss = Davidson(0.0)
    return Rankings(columns, ranks, mask, loss, PairLikelihood(make_pairs(columns, ranks, mask), loss))


def test_a_fold_knows_nothing_of_what_it_is_judged_on() -> None:
    data, first, second = rankings(40), list(range(20)), list(range(20, 40))
    whole = learn(data.likelihood, PRIOR)
    *_, checks = cross_validate(data, [Fold(first, second), Fold(second, first)], PRIOR, whole)
    assert checks.on_train.accuracy > 0.9
    assert checks.on_unseen.accuracy < 0.1, "the halves have opposite tastes"
    assert checks.temperature > 1


def test_a_ranking_surprises_weights_that_never_saw_it() -> None:
    """Its own loss by those of the fold that held it out; the mean is the held-out loss. One of one answer has none."""
    data = rankings(40)
    data.mask[3, 1:] = False
    folds = [Fold(list(range(20, 40)), list(range(20))), Fold(list(range(20)), list(range(20, 40)))]
    *_, checks = cross_validate(data, folds, PRIOR, learn(data.likelihood, PRIOR))
    first = learn(data.likelihood.of(folds[0].rows), PRIOR, learn(data.likelihood, PRIOR), 4).mean
    assert checks.surprises[3] is None
    assert checks.surprises[7] == pytest.approx(data.judged(first, [7]).loss, abs=1e-3)
    known = [each for each in checks.surprises if each is not None]
    assert sum(known) / 39 == pytest.approx(checks.on_unseen.loss, rel=1e-5)
    assert len(checks.influences) == 40


def test_the_learning_curve_is_of_fewer_rankings() -> None:
    data = rankings(40)
    fold, whole = Fold(list(range(10, 40)), list(range(10))), learn(data.likelihood, PRIOR)
    *_, checks = cross_validate(data, [fold], PRIOR, whole)
    curve = checks.learning_curve()
    assert [count for count, _ in curve] == [8, 15, 30]
    assert curve[-1][1] == checks.on_unseen.accuracy
    assert curve[0][1] > 0.9, "the first rankings alone have the taste of those held out"
    assert curve[-1][1] < curve[0][1]


def test_its_counts_are_means_over_the_folds_and_what_told_nothing_apart_is_left_out() -> None:
    data, whole = rankings(40), learn(rankings(40).likelihood, PRIOR)
    few, many = list(range(8)), list(range(8, 40))
    *_, checks = cross_validate(data, [Fold(few, many), Fold(many, few)], PRIOR, whole)
    assert [count for count, _ in checks.learning_curve()] == [5, 10, 20]
    checks.fewer[0.5] = []
    assert [count for count, _ in checks.learning_curve()] == [5, 20]


def test_other_penalties_are_tried_on_the_first_folds_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    data = rankings(40)
    folds = [Fold([row for row in range(40) if row % 3 != own], list(range(own, 40, 3))) for own in range(3)]
    monkeypatch.setattr(validation, "folds_within", lambda *_given: 2)
    so_far = cross_validate(data, folds, PRIOR, learn(data.likelihood, PRIOR))
    assert [len(each.by_penalty) for each in so_far] == [1, 2, 2]


def test_without_folds_nothing_is_known() -> None:
    assert list(cross_validate(rankings(4), [], PRIOR, learn(rankings(4).likelihood, PRIOR))) == []
    assert CrossValidation().learning_curve() == []
    assert CrossValidation().temperature == 1.0
