"""The exact head: the optimum it claims, and the pooling layer: length, constant and averages as it says."""

import pytest
import torch

from app.training.packing import pack
from app.training.reward.data import below_top
from app.training.reward.head import make_pairs, penalties, solve
from app.training.reward.network import RewardModel
from app.training.reward.pair_loss import Davidson, ranking_losses
from app.training.reward.pooling_layer import averaging_slots, collect_statistics, install
from tests.training.tiny import CONFIG, PAD, random_groups, tiny_model


@pytest.mark.parametrize("tie_strength", [0.0, 0.5])
def test_the_solution_is_the_optimum(tie_strength: float) -> None:
    """The gradient of the summed ranking losses plus penalty, by autograd from pair_loss.py, is zero there."""
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(12, 4, 6, generator=generator, dtype=torch.float64)
    ranks = torch.randint(1, 4, (12, 4), generator=generator)
    mask = torch.ones(12, 4, dtype=torch.bool)
    mask[3, 2:] = False
    pairs = make_pairs(states, ranks, mask)
    weights = solve(pairs, 0.3, Davidson(tie_strength), torch.zeros(6)).requires_grad_()
    loss = ranking_losses(states @ weights, ranks, mask, Davidson(tie_strength)).sum() + 0.15 * weights.square().sum()
    (gradient,) = torch.autograd.grad(loss, weights)
    assert gradient.abs().max() < 1e-6
    assert weights.abs().max() > 0.05


def test_a_part_of_the_rankings_is_what_it_says() -> None:
    states, ranks = torch.randn(5, 4, 3), torch.randint(1, 5, (5, 4))
    pairs = make_pairs(states, ranks, torch.ones(5, 4, dtype=torch.bool))
    part = pairs.of([1, 4])
    again = make_pairs(states[[1, 4]], ranks[[1, 4]], torch.ones(2, 4, dtype=torch.bool))
    assert torch.equal(part.differences, again.differences)
    assert torch.equal(part.outcomes, again.outcomes)


def test_separable_data_and_a_weak_penalty_stay_finite() -> None:
    states = torch.arange(8.0).view(1, 8, 1) * 100
    pairs = make_pairs(states, torch.arange(8, 0, -1).unsqueeze(0), torch.ones(1, 8, dtype=torch.bool))
    weights = solve(pairs, 1e-3, Davidson(0.0), torch.zeros(1))
    assert weights.isfinite().all()
    assert weights[0] > 0


@pytest.mark.parametrize("tie_strength", [0.0, 0.5])
def test_the_optimum_is_found_from_anywhere(tie_strength: float) -> None:
    """Far out the loss is nearly straight: a whole Newton step from there goes too far, and back, and too far again."""
    states = torch.randn(12, 4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ranks = torch.randint(1, 4, (12, 4), generator=torch.Generator().manual_seed(1))
    pairs = make_pairs(states, ranks, torch.ones(12, 4, dtype=torch.bool))
    near = solve(pairs, 0.01, Davidson(tie_strength), torch.zeros(6))
    for far in (5.0, -20.0):
        torch.testing.assert_close(
            solve(pairs, 0.01, Davidson(tie_strength), torch.full((6,), far)), near, rtol=1e-4, atol=1e-4
        )


def test_penalties_go_from_strong_to_weak() -> None:
    path = penalties(30.0, 0.3, 5)
    assert path[0] == 30.0
    assert path[-1] == pytest.approx(0.3)
    assert path == sorted(path, reverse=True)
    assert penalties(30.0, 0.3, 1) == [30.0]


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
