"""The exact head: its optimum, evidence and spread. The pooling layer: length, constant and averages as it says."""

import math

import numpy as np
import pytest
import torch

from app.training.packing import pack
from app.training.reward.data import below_top
from app.training.reward.head import (
    RATE,
    SHAPE,
    PairLikelihood,
    Prior,
    learn,
    make_pairs,
    posterior,
    solve,
)  # fmt: skip
from app.training.reward.network import RewardModel
from app.training.reward.pair_loss import Davidson, ranking_losses
from app.training.reward.pooling_layer import averaging_slots, collect_statistics, install
from app.training.reward.preference_scorer import Head
from tests.training.tiny import CONFIG, PAD, random_groups, tiny_model

CENTER = torch.tensor([0.5, 0.0, 0.0, -1.0, 0.0, 0.0]).double()


def some_pairs(size: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """columns [12,4,size], ranks and mask [12,4]; one ranking is of two answers."""
    generator = torch.Generator().manual_seed(0)
    columns = torch.randn(12, 4, size, generator=generator, dtype=torch.float64)
    ranks = torch.randint(1, 4, (12, 4), generator=generator)
    mask = torch.ones(12, 4, dtype=torch.bool)
    mask[3, 2:] = False
    return columns, ranks, mask


@pytest.mark.parametrize("tie_strength", [0.0, 0.5])
def test_the_solution_is_the_optimum(tie_strength: float) -> None:
    """The gradient of the summed ranking losses plus the prior's, by autograd from pair_loss.py, is zero there: K
    answers count K - 1."""
    columns, ranks, mask = some_pairs()
    pairs, precisions = make_pairs(columns, ranks, mask), torch.tensor([0.3, 0.3, 0.3, 1.0, 2.0, 0.1]).double()
    weights, told = solve(PairLikelihood(pairs, Davidson(tie_strength)), precisions, torch.zeros(6), CENTER)
    weights.requires_grad_()
    each = ranking_losses(columns @ weights, ranks, mask, Davidson(tie_strength)) * (mask.sum(1) - 1)
    loss = each.sum() + 0.5 * (precisions * (weights - CENTER).square()).sum()
    (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
    assert gradient.abs().max() < 1e-6
    assert weights.abs().max() > 0.05
    curvature = torch.stack([torch.autograd.grad(part, weights, retain_graph=True)[0] for part in gradient])
    torch.testing.assert_close(told.factor @ told.factor.T, curvature, rtol=1e-5, atol=1e-5)


def test_the_evidence_and_the_spread_are_those_of_a_slow_reference() -> None:
    """numpy, loop by loop, from the papers' formulas; in one dimension also by adding up the integral."""
    columns, ranks, mask = some_pairs(3)
    pairs, precisions, loss = make_pairs(columns, ranks, mask), torch.tensor([0.5, 2.0]).double(), Davidson(0.5)
    prior = Prior([1, 2], torch.tensor([1.0, 0.0, -0.3]).double())
    made = posterior(PairLikelihood(pairs, loss), precisions, prior, torch.zeros(3))
    w, each = made.mean.numpy(), np.array([0.5, 2.0, 2.0])
    value, hessian = 0.0, np.diag(each)
    for r in range(12):
        answers = [k for k in range(4) if mask[r, k]]
        weight = (len(answers) - 1) / (len(answers) * (len(answers) - 1) / 2)
        for i, first in enumerate(answers):
            for second in answers[i + 1 :]:
                x = (columns[r, first] - columns[r, second]).numpy()
                u, better = float(x @ w) / 2, np.sign(int(ranks[r, second]) - int(ranks[r, first]))
                z = np.exp(u) + np.exp(-u) + 0.5
                value += weight * (better * u - np.log(z))
                second_derivative = (np.exp(u) + np.exp(-u)) / z - ((np.exp(u) - np.exp(-u)) / z) ** 2
                hessian += weight * second_derivative / 4 * np.outer(x, x)
    value += (
        0.5 * np.log(each).sum()
        - 0.5 * float(each @ (w - prior.means.numpy()) ** 2)
        - 0.5 * np.linalg.slogdet(hessian)[1]
    )
    assert made.log_evidence == pytest.approx(value, abs=1e-6)
    row = columns[5, 1]
    head = Head.normalized(made, columns.flatten(0, 1), list(range(48)), range(48))
    spread = float(np.sqrt(row.numpy() @ np.linalg.inv(hessian) @ row.numpy()))
    told = float(head.score(row.unsqueeze(0))[1]) * head.scale / head.within
    assert told == pytest.approx(spread, rel=1e-6)


@pytest.mark.parametrize("means", [[0.0, 0.0, 0.0], [1.0, 0.0, -3.0]])
def test_rankings_that_tell_nothing_leave_what_was_believed(means: list[float]) -> None:
    """Weights and precisions: how far a belief lies from 0 says nothing of how sure it is."""
    _, ranks, mask = some_pairs()
    pairs = make_pairs(torch.zeros(12, 4, 3, dtype=torch.float64), ranks, mask)
    made = learn(PairLikelihood(pairs, Davidson(0.5)), Prior([1, 2], torch.tensor(means).double()))
    assert made.mean.tolist() == pytest.approx(means)
    assert made.precisions.tolist() == pytest.approx([SHAPE / RATE] * 2)


def test_the_evidence_is_nearly_the_integral_over_all_weights() -> None:
    columns, ranks, mask = some_pairs(1)
    pairs, loss = make_pairs(columns, ranks, mask), Davidson(0.5)
    made = posterior(
        PairLikelihood(pairs, loss), torch.tensor([2.0]).double(), Prior([1], torch.zeros(1).double()), torch.zeros(1)
    )
    grid = torch.linspace(-6, 6, 20_001, dtype=torch.float64)
    margins = pairs.margins(torch.ones(1).double()).unsqueeze(1) * grid  # [P,grid]
    logs = -(pairs.weights.unsqueeze(1) * loss.value(margins, pairs.outcomes.unsqueeze(1))).sum(0) - grid.square()
    exact = float(torch.logsumexp(logs, 0)) + math.log(12 / 20_000) + 0.5 * math.log(2.0 / (2 * math.pi))
    assert made.log_evidence == pytest.approx(exact, abs=0.02)


def test_what_says_nothing_is_shut_out_and_the_precisions_have_settled() -> None:
    """Utilities hang on the first block alone. MacKay's condition holds where the updates end."""
    generator = torch.Generator().manual_seed(0)
    columns = torch.randn(150, 4, 8, generator=generator, dtype=torch.float64)
    ranks = 1 + (-3 * columns[..., 0]).argsort(1).argsort(1)
    pairs = make_pairs(columns, ranks, torch.ones(150, 4, dtype=torch.bool))
    rankings, prior = PairLikelihood(pairs, Davidson(0.0)), Prior([2, 6], torch.zeros(8).double())
    made = learn(rankings, prior, rounds=200)
    assert float(made.precisions[1]) > 30 * float(made.precisions[0])
    inverse = torch.linalg.inv(made.curvature.factor @ made.curvature.factor.T).diagonal()
    for block, part in ((0, slice(0, 2)), (1, slice(2, 8))):
        precision = float(made.precisions[block])
        gamma = float((1 - precision * inverse[part]).sum())
        wanted = (gamma + 2 * SHAPE) / (float(made.mean[part].square().sum()) + 2 * RATE)
        assert precision == pytest.approx(wanted, rel=0.1)
    assert made.log_evidence > posterior(rankings, torch.ones(2).double(), prior, made.mean).log_evidence


def test_of_the_best_only_the_best_is_compared() -> None:
    columns = torch.arange(8.0).view(1, 4, 2)
    pairs = make_pairs(columns, torch.tensor([[2, 1, 3, 1]]), torch.ones(1, 4, dtype=torch.bool), of_the_best=True)
    assert pairs.outcomes.tolist() == [-1.0, -1.0, 1.0, 0.0, -1.0]  # (0,1) (0,3) (1,2) (1,3) (2,3)
    assert pairs.weights.sum().item() == pytest.approx(3.0), "as much as all pairs of four answers"


def test_a_part_of_the_rankings_is_what_it_says() -> None:
    states, ranks = torch.randn(5, 4, 3), torch.randint(1, 5, (5, 4))
    pairs = make_pairs(states, ranks, torch.ones(5, 4, dtype=torch.bool))
    part = pairs.of([1, 4])
    again = make_pairs(states[[1, 4]], ranks[[1, 4]], torch.ones(2, 4, dtype=torch.bool))
    weights = torch.randn(3).double()
    assert torch.equal(part.margins(weights), again.margins(weights))
    assert torch.equal(part.outcomes, again.outcomes)


def test_separable_data_and_a_weak_prior_stay_finite() -> None:
    states = torch.arange(8.0).view(1, 8, 1) * 100
    pairs = make_pairs(states, torch.arange(8, 0, -1).unsqueeze(0), torch.ones(1, 8, dtype=torch.bool))
    rankings = PairLikelihood(pairs, Davidson(0.0))
    weights, _ = solve(rankings, torch.tensor([1e-3]).double(), torch.zeros(1), torch.zeros(1))
    assert weights.isfinite().all()
    assert weights[0] > 0


@pytest.mark.parametrize("tie_strength", [0.0, 0.5])
def test_the_optimum_is_found_from_anywhere(tie_strength: float) -> None:
    """Far out the loss is nearly straight: a whole Newton step from there goes too far, and back, and too far again."""
    rankings, weak = PairLikelihood(make_pairs(*some_pairs()), Davidson(tie_strength)), torch.full((6,), 0.01)
    near, _ = solve(rankings, weak, torch.zeros(6), torch.zeros(6))
    for far in (5.0, -20.0):
        reached, _ = solve(rankings, weak, torch.full((6,), far), torch.zeros(6))
        torch.testing.assert_close(reached, near, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("fp32")
@pytest.mark.parametrize("num_layers", [1, 2])
def test_the_pooling_layer_reads_length_and_averages(num_layers: int) -> None:
    model = RewardModel.from_sft(tiny_model(), num_layers, seed=0)
    packed = pack(*random_groups(60, 4), PAD)
    below = below_top(model, packed)
    found = collect_statistics(below, packed)
    install(model.backbone, found)
    with torch.no_grad():
        states = model.final_states(packed).flatten(0, 1)  # [N,H]
    lengths = ((packed.segments == 0).sum(1, keepdim=True) + packed.token_mask.sum(-1)).float()
    expected = (3.5 - lengths.flatten().log()).sigmoid()  # e^3.5 / (e^3.5 + T)
    assert torch.corrcoef(torch.stack((states[:, 0], expected)))[0, 1] > 0.8
    assert states[:, -1].std() < 0.02 * states[:, -1].mean()
    # found.averages are ordered by answer, states by prompt
    averages = found.averages.view(4, 60, -1).transpose(0, 1).flatten(0, 1)
    direction = torch.linalg.svd(averages - averages.mean(0), full_matrices=False)[2][0]
    assert torch.corrcoef(torch.stack((states[:, 1], averages @ direction)))[0, 1].abs() > 0.95


def test_every_free_row_is_read_once() -> None:
    slots = averaging_slots(CONFIG)
    rows, columns = [row for row, _ in slots], [column for _, read in slots for column in read]
    assert len(rows) == len(set(rows))
    assert len(columns) == len(set(columns))
    assert 0 not in rows  # reads the first token
    assert not set(columns) & set(range(CONFIG.head_dim, 2 * CONFIG.head_dim))  # head 1 is the constant
