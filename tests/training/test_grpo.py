"""RLOO and GRPO on a tiny random model: baselines, the KL's place, and what a silent fault would break."""

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
import torch

from app.kinds.train_grpo import FittedGRPOHparams, GRPOHparams
from app.lm.model import Llama
from app.model_info.size import fitted_values
from app.saving import TrainingError
from app.training.context import Progress, drain
from app.training.grpo import Trainer, group_normalized, make_experience, train_grpo
from app.training.policy.episodes import PolicyResult, PolicyTask
from app.training.policy.rollout import Collector, Rollout
from app.training.policy.scores import leave_one_out
from tests.training.ppo.toy import PROMPTS, SMALL, MemoryContext, reward_model, rises
from tests.training.tiny import ENDS, PAD, NoContext, tiny_model

GIVEN = GRPOHparams(**SMALL, temperature=1.0)
HPARAMS = FittedGRPOHparams(**fitted_values(GIVEN, tiny_model().config))
BOTH = pytest.mark.parametrize("baseline", ["rloo", "grpo"])


def start(
    initial: Llama, reference: Llama, hparams: GRPOHparams = HPARAMS, context: Any = None
) -> Generator[Progress, None, PolicyResult]:
    task = PolicyTask(initial, reference, reward_model(), PROMPTS, ENDS, PAD)
    return train_grpo(task, hparams, context or NoContext())


def rollout_of(trainer: Trainer, reference: Llama) -> Rollout:
    collector = Collector(trainer.policy, reference, reward_model(), trainer.hparams, ENDS, PAD, trainer.shares_lower)
    return collector.collect(PROMPTS, seed=5)


def test_the_leave_one_out_baseline_is_the_mean_of_the_others() -> None:
    rewards = torch.tensor([[1.0, 2.0, 6.0], [0.5, 0.5, 0.5]])
    expected = torch.tensor([[1 - 4.0, 2 - 3.5, 6 - 1.5], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(leave_one_out(rewards), expected)
    torch.testing.assert_close(leave_one_out(torch.randn(5, 4)).sum(1), torch.zeros(5), atol=1e-6, rtol=0)


def test_a_group_has_mean_zero_and_deviation_one_or_is_all_zero() -> None:
    normalized = group_normalized(torch.tensor([[1.0, 2.0, 6.0], [0.1, 0.1, 0.1], [0.1 + 1e-8, 0.1, 0.1]]))
    assert normalized[0].mean().item() == pytest.approx(0.0, abs=1e-6)
    assert normalized[0].std(correction=0).item() == pytest.approx(1.0, abs=1e-6)
    assert not normalized[1:].any()
    assert not group_normalized(torch.tensor([[3.0]])).any()


@pytest.mark.usefixtures("fp32")
def test_the_kl_penalty_stands_in_rloos_reward_and_in_grpos_loss() -> None:
    model, reference = tiny_model(), tiny_model(seed=8)
    trainer = Trainer(model, reference, replace(HPARAMS, kl_coef=0.7))
    rollout = rollout_of(trainer, reference)
    mask = rollout.packed.token_mask
    kl = torch.where(mask, rollout.logprobs - rollout.ref_logprobs, 0.0).sum(-1)
    one, _ = make_experience(rollout, "rloo", 0.7)
    torch.testing.assert_close(one.advantages.view(kl.shape), leave_one_out(rollout.scores - 0.7 * kl))
    other, _ = make_experience(rollout, "grpo", 0.7)
    torch.testing.assert_close(other.advantages.view(kl.shape), group_normalized(rollout.scores))
    rows, tokens = list(range(8)), int(mask[:2].sum())
    losses = {}
    for baseline in ("rloo", "grpo"):
        trainer = Trainer(model, reference, replace(HPARAMS, baseline=baseline, kl_coef=0.7))
        loss, told = trainer.losses(other, [0, 1], rows, tokens)
        assert told["val/ratio"].item() == pytest.approx(1.0, abs=1e-5)
        losses[baseline] = loss.item()
    ratio = (rollout.ref_logprobs - rollout.logprobs)[:2]
    k3 = torch.where(mask[:2], ratio.exp() - 1 - ratio, 0.0).sum() / tokens
    lengths = mask[:2].sum(-1)
    surrogate = -(other.advantages.view(kl.shape)[:2] * lengths).sum() / tokens  # the ratio is 1
    assert losses["rloo"] == pytest.approx(surrogate.item(), abs=1e-5)
    assert losses["grpo"] - losses["rloo"] == pytest.approx(0.7 * k3.item(), rel=1e-4)


@pytest.mark.usefixtures("fp32")
def test_the_first_step_is_reinforce_with_a_baseline() -> None:
    """Ahmadian et al. (2024), eq. 9, one whole answer at a time: the mean over tokens of -advantage * log p."""
    model = tiny_model()
    trainer = Trainer(model, model, replace(HPARAMS, num_frozen_layers=0, max_grad_norm=1e3, tokens_per_micro_batch=64))
    rollout = rollout_of(trainer, model)
    experience, _ = make_experience(rollout, "rloo", 0.1)
    trainer.optimizer.param_groups[0]["lr"] = 0.0
    trainer.step(experience, [4, 0, 12])
    actual = torch.cat([p.grad.flatten() for p in trainer.policy.model.parameters() if p.grad is not None])
    slow, total, tokens = tiny_model(), torch.zeros(()), 0
    for row in (4, 0, 12):
        for k in range(4):
            answer = rollout.packed.tokens[row, k][rollout.packed.token_mask[row, k]].tolist()
            logits = slow(torch.tensor([PROMPTS[row] + answer]))[0, len(PROMPTS[row]) - 1 : -1]
            logprob = torch.log_softmax(logits, -1)[torch.arange(len(answer)), torch.tensor(answer)].sum()
            total = total - experience.advantages[row * 4 + k] * logprob
            tokens += len(answer)
    (total / tokens).backward()
    expected = torch.cat([p.grad.flatten() for p in slow.parameters() if p.grad is not None])
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-6)


@BOTH
@pytest.mark.usefixtures("toy_reward")
def test_a_toy_reward_rises(baseline: Any) -> None:
    model = tiny_model()
    hparams = replace(
        HPARAMS,
        baseline=baseline,
        total_episodes=960,
        batch_size=32,
        learning_rate=3e-3,
        kl_coef=0.01,
        missing_eos_score=None,
    )
    assert rises(start(model, model, hparams))


@BOTH
def test_before_any_step_the_ratio_is_one_and_the_kl_zero(baseline: Any) -> None:
    seen: list[Progress] = []
    model = tiny_model()
    drain(start(model, model, replace(HPARAMS, baseline=baseline, total_episodes=16, num_mini_batches=1)), seen.append)
    assert seen[0].metrics["val/ratio_first"] == pytest.approx(1.0, abs=1e-5)
    assert seen[0].metrics["objective/kl"] == pytest.approx(0.0, abs=1e-5)
    assert all(math.isfinite(value) for value in seen[0].metrics.values())


@BOTH
def test_answers_that_are_all_worth_the_same_teach_nothing(baseline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def alike(_model: object, _prompts: object, answers: list[list[list[int]]], **_: Any) -> Any:
        return [[0.3 for _ in group] for group in answers], [[0.0 for _ in group] for group in answers]

    monkeypatch.setattr("app.training.policy.rollout.score_with_deviations", alike)
    model = tiny_model()
    hparams = replace(HPARAMS, baseline=baseline, total_episodes=16, num_ppo_epochs=1, num_mini_batches=1)
    seen: list[Progress] = []
    result = drain(start(model, model, replace(hparams, missing_eos_score=None)), seen.append)
    assert seen[0].metrics["grpo/flat_groups"] == pytest.approx(1.0)
    assert seen[0].metrics["grpo/advantage_std"] == pytest.approx(0.0, abs=1e-5)
    before = model.state_dict()
    for name, tensor in result.model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], atol=1e-3, rtol=0)


@pytest.mark.usefixtures("fp32")
@BOTH
def test_the_gradient_does_not_depend_on_micro_batches_or_padding(baseline: Any) -> None:
    model, reference, gradients = tiny_model(), tiny_model(seed=8), []
    for limit in (64, 10_000):
        hparams = replace(HPARAMS, baseline=baseline, tokens_per_micro_batch=limit, learning_rate=1e-10)
        trainer = Trainer(model, reference, hparams)
        experience, _ = make_experience(rollout_of(trainer, reference), baseline, 0.1)
        trainer.step(experience, [4, 0, 12])
        gradients.append(torch.cat([p.grad.flatten() for p in trainer.policy.parameters() if p.grad is not None]))
    assert gradients[0].abs().sum() > 0
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-6)


@BOTH
@pytest.mark.parametrize("stop_after", [pytest.param(2, marks=pytest.mark.nightly), 5])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(stop_after: int, baseline: Any) -> None:
    model, reference = tiny_model(), tiny_model(seed=8)
    hparams = replace(HPARAMS, baseline=baseline, kl_target=0.5, kl_horizon=100, learning_rate=0.003, target_kl=0.01)
    whole: list[Progress] = []
    expected = drain(start(model, reference, hparams), whole.append)
    context = MemoryContext()
    interrupted = start(model, reference, hparams, context)
    for _ in range(stop_after):
        next(interrupted)
    interrupted.close()
    rest: list[Progress] = []
    torch.manual_seed(12345)  # the global generator must not matter
    result = drain(start(model, reference, hparams, context), rest.append)
    assert [p.metrics for p in rest] == [p.metrics for p in whole[stop_after // 2 * 2 :]]
    for name, tensor in expected.model.state_dict().items():
        assert torch.equal(tensor, result.model.state_dict()[name]), name
    other = replace(hparams, baseline="rloo" if baseline == "grpo" else "grpo")
    with pytest.raises(TrainingError, match="belongs to another training"):
        next(start(model, reference, other, context))


def test_it_says_which_algorithm_has_a_loss_that_is_no_number() -> None:
    cases: list[tuple[Any, str]] = [
        ("grpo", "GRPO: the loss is not a number"),
        ("rloo", "RLOO: the loss is not a number"),
    ]
    for baseline, message in cases:
        hparams = replace(HPARAMS, baseline=baseline, kl_coef=math.inf)
        with pytest.raises(TrainingError, match=message):
            drain(start(tiny_model(), tiny_model(), hparams))
