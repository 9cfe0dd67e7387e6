"""The formulas against naive loops, and under padding that holds NaN. Faults put in and seen to fail: see FAULTS."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from app.training.policy.losses import (
    KLController,
    compute_rewards,
    explained_variance,
    gae,
    kl_estimates,
    last_index,
    masked_mean,
    masked_variance,
    masked_whiten,
    policy_loss,
    value_loss,
)

torch.set_num_threads(1)
LENGTHS = [3, 5, 1, 4]


def mask_of(lengths: list[int], width: int) -> Tensor:
    return torch.arange(width) < torch.tensor(lengths).unsqueeze(1)


def spoiled(values: Tensor, mask: Tensor, extra: int = 3) -> Tensor:
    """The same values with more columns of padding, NaN in all padding."""
    return torch.cat((torch.where(mask, values, math.nan), torch.full((len(values), extra), math.nan)), dim=1)


@pytest.fixture
def batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    found = {
        name: torch.randn(4, 5, generator=generator)
        for name in (
            "logprobs",
            "old_logprobs",
            "ref_logprobs",
            "values",
            "old_values",
            "rewards",
            "advantages",
            "returns",
        )
    }
    return found | {"mask": mask_of(LENGTHS, 5), "scores": torch.randn(4, generator=generator)}


def test_masked_statistics_equal_those_of_the_real_values(batch: dict[str, Tensor]) -> None:
    values, mask = batch["values"], batch["mask"]
    real = torch.cat([values[row, :count] for row, count in enumerate(LENGTHS)])
    assert masked_mean(spoiled(values, mask), mask_of(LENGTHS, 8)) == pytest.approx(real.mean())
    assert masked_variance(spoiled(values, mask), mask_of(LENGTHS, 8)) == pytest.approx(real.var())
    whitened = masked_whiten(spoiled(values, mask), mask_of(LENGTHS, 8))
    torch.testing.assert_close(whitened[mask_of(LENGTHS, 8)], (real - real.mean()) / real.std(), rtol=1e-4, atol=1e-5)
    assert not whitened[~mask_of(LENGTHS, 8)].any()


def test_whitening_of_rewards_keeps_their_mean(batch: dict[str, Tensor]) -> None:
    whitened = masked_whiten(batch["rewards"] + 2, batch["mask"], shift_mean=False)
    assert masked_mean(whitened, batch["mask"]).item() == pytest.approx(
        masked_mean(batch["rewards"] + 2, batch["mask"]).item(), abs=1e-5
    )
    assert masked_variance(whitened, batch["mask"]) == pytest.approx(1.0, abs=1e-4)


@given(st.integers(0, 10_000), st.floats(0.8, 1.0), st.floats(0.0, 1.0))
@settings(max_examples=25, deadline=None)
def test_gae_equals_a_naive_loop(seed: int, gamma: float, lam: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    rewards, values = torch.randn(4, 5, generator=generator), torch.randn(4, 5, generator=generator)
    mask = mask_of(LENGTHS, 5)
    wide = mask_of(LENGTHS, 8)
    advantages, returns = gae(spoiled(rewards, mask), spoiled(values, mask), wide, gamma, lam)
    assert not advantages[~wide].any()
    for row, count in enumerate(LENGTHS):
        for start in range(count):
            expected = 0.0
            for step in range(start, count):
                next_value = values[row, step + 1].item() if step + 1 < count else 0.0
                delta = rewards[row, step].item() + gamma * next_value - values[row, step].item()
                expected += (gamma * lam) ** (step - start) * delta
            assert advantages[row, start].item() == pytest.approx(expected, abs=1e-4)
            assert returns[row, start].item() == pytest.approx(expected + values[row, start].item(), abs=1e-4)


def test_rewards_carry_the_score_at_the_last_real_token(batch: dict[str, Tensor]) -> None:
    mask = batch["mask"]
    wide = mask_of(LENGTHS, 8)
    rewards = compute_rewards(
        batch["scores"], spoiled(batch["logprobs"], mask), spoiled(batch["ref_logprobs"], mask), wide, kl_coef=0.1
    )
    assert last_index(wide).tolist() == [count - 1 for count in LENGTHS]
    for row, count in enumerate(LENGTHS):
        for step in range(8):
            expected = 0.0
            if step < count:
                expected = -0.1 * (batch["logprobs"][row, step] - batch["ref_logprobs"][row, step]).item()
            if step == count - 1:
                expected += batch["scores"][row].item()
            assert rewards[row, step].item() == pytest.approx(expected, abs=1e-6)


def test_policy_loss_equals_a_naive_loop_and_ignores_padding(batch: dict[str, Tensor]) -> None:
    mask, wide = batch["mask"], mask_of(LENGTHS, 8)
    logprobs = spoiled(batch["logprobs"], mask).requires_grad_()
    loss, moved = policy_loss(
        logprobs, spoiled(batch["old_logprobs"], mask), spoiled(batch["advantages"], mask), wide, 0.2, sum(LENGTHS)
    )
    expected, clips, squares, largest, ratios = 0.0, 0, 0.0, 0.0, 0.0
    for row, count in enumerate(LENGTHS):
        for step in range(count):
            log_ratio = (batch["logprobs"][row, step] - batch["old_logprobs"][row, step]).item()
            ratio, advantage = math.exp(log_ratio), batch["advantages"][row, step].item()
            bounded = min(max(ratio, 0.8), 1.2)
            expected += -min(ratio * advantage, bounded * advantage)
            clips += bounded * advantage < ratio * advantage
            squares += 0.5 * log_ratio**2
            largest, ratios = max(largest, abs(log_ratio)), ratios + ratio
    assert loss.item() == pytest.approx(expected / sum(LENGTHS), rel=1e-5)
    assert moved["policy/clipfrac_avg"].item() == pytest.approx(clips / sum(LENGTHS))
    assert moved["policy/approxkl_avg"].item() == pytest.approx(squares / sum(LENGTHS), rel=1e-5)
    assert moved["policy/log_ratio_max"].item() == pytest.approx(largest, rel=1e-5)
    assert moved["val/ratio"].item() == pytest.approx(ratios / sum(LENGTHS), rel=1e-5)
    assert not any(figure.requires_grad for figure in moved.values())
    loss.backward()
    assert logprobs.grad is not None
    assert logprobs.grad.isfinite().all()
    assert not logprobs.grad[~wide].any()


def test_value_loss_equals_a_naive_loop_and_ignores_padding(batch: dict[str, Tensor]) -> None:
    mask, wide = batch["mask"], mask_of(LENGTHS, 8)
    values = spoiled(batch["values"], mask).requires_grad_()
    loss, _ = value_loss(
        values, spoiled(batch["old_values"], mask), spoiled(batch["returns"], mask), wide, 0.2, sum(LENGTHS)
    )
    expected = 0.0
    for row, count in enumerate(LENGTHS):
        for step in range(count):
            value, old, target = (batch[name][row, step].item() for name in ("values", "old_values", "returns"))
            bounded = old + min(max(value - old, -0.2), 0.2)
            expected += 0.5 * max((value - target) ** 2, (bounded - target) ** 2)
    assert loss.item() == pytest.approx(expected / sum(LENGTHS), rel=1e-5)
    loss.backward()
    assert values.grad is not None
    assert values.grad.isfinite().all()


def test_a_value_inside_the_clip_range_does_not_count_as_clipped() -> None:
    """Rounding of old + (value - old) once counted one in seven as clipped."""
    old, values, returns = 0.1 * torch.rand(3, 4, 100, generator=torch.Generator().manual_seed(0)) - 0.05
    mask = torch.ones(4, 100, dtype=torch.bool)
    assert value_loss(values, old, returns, mask, 0.2, 400)[1].item() == 0
    assert value_loss(old + 0.3, old, old + 9, mask, 0.2, 400)[1].item() == 1
    assert value_loss(old - 0.3, old, old - 9, mask, 0.2, 400)[1].item() == 1


def test_micro_batches_add_up_to_the_whole(batch: dict[str, Tensor]) -> None:
    def loss(rows: list[int]) -> float:
        logprobs, old, advantages, mask = (
            batch[name][rows] for name in ("logprobs", "old_logprobs", "advantages", "mask")
        )
        return policy_loss(logprobs, old, advantages, mask, 0.2, sum(LENGTHS))[0].item()

    assert loss([0, 1]) + loss([2]) + loss([3]) == pytest.approx(loss([0, 1, 2, 3]), rel=1e-5)


def test_kl_estimates(batch: dict[str, Tensor]) -> None:
    """Over all outcomes of a small distribution both estimators have the exact KL as mean; k3 is never negative."""
    policy = torch.log_softmax(torch.tensor([1.0, 0.0, -1.0, 0.5]), 0)
    reference = torch.log_softmax(torch.tensor([0.0, 0.3, 0.0, 0.0]), 0)
    exact = (policy.exp() * (policy - reference)).sum().item()
    k1, k3 = kl_estimates(policy, reference)
    assert (policy.exp() * k1).sum().item() == pytest.approx(exact)
    assert (policy.exp() * k3).sum().item() == pytest.approx(exact, rel=1e-5)
    assert (kl_estimates(batch["logprobs"], batch["ref_logprobs"])[1] >= 0).all()
    assert exact > 0


def test_explained_variance() -> None:
    returns, mask = torch.randn(4, 5), mask_of(LENGTHS, 5)
    assert explained_variance(returns.clone(), returns, mask) == pytest.approx(1.0)
    assert explained_variance(torch.full((4, 5), 3.0), returns, mask) == pytest.approx(0.0, abs=1e-5)
    assert explained_variance(-returns, returns, mask) < 0


def test_the_controller_moves_toward_its_target_by_clipped_steps() -> None:
    controller = KLController(0.1, target=6.0, horizon=1000)
    controller.update(60.0, 100, 100)
    assert controller.coef == pytest.approx(0.1 * (1 + 0.2 * 0.1))
    controller.update(5.4, 100, 200)
    assert controller.coef == pytest.approx(0.1 * (1 + 0.2 * 0.1) * (1 - 0.1 * 0.1))
    fixed = KLController(0.1, target=None, horizon=1000)
    fixed.update(60.0, 100, 100)
    assert fixed.coef == 0.1


def test_the_controllers_target_rises_with_the_run_so_that_it_steers_both_ways() -> None:
    controller = KLController(0.1, target=6.0, horizon=200, ramp=600)
    assert [controller.target_at(done) for done in (0, 300, 600, 900)] == [0.0, 3.0, 6.0, 6.0]
    controller.update(0.0, 64, 0)
    assert controller.coef == 0.1, "a KL of 0 at the beginning is where it should be"
    controller.update(2.4, 64, 300)
    assert controller.coef == pytest.approx(0.1 * (1 - 0.1 * 64 / 200))
    controller.update(4.2, 64, 300)
    assert controller.coef == pytest.approx(0.1 * (1 - 0.1 * 64 / 200) * (1 + 0.2 * 64 / 200))


@pytest.mark.parametrize(("kl", "end"), [(60.0, 4.0), (0.0, 0.025)])
def test_the_coefficient_stays_within_a_span_of_its_beginning(kl: float, end: float) -> None:
    controller = KLController(0.1, target=6.0, horizon=200)
    for batch in range(100):
        controller.update(kl, 64, 64 * batch)
    assert controller.coef == pytest.approx(end)
    controller.update(60.0 - kl, 64, 6_400)
    assert controller.coef != pytest.approx(end), "it comes back at once"
