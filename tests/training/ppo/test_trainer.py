"""PPO on a tiny random model: the invariants that a silent fault would break."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from app.hparams import SamplingParams
from app.lm.inference.offline import sample_batch
from app.lm.text.end_tokens import EndTokens
from app.saving import TrainingError
from app.training.context import Progress, drain
from app.training.policy.episode_metrics import episode_metrics
from app.training.policy.episodes import PolicyTask, prompts_of_batch
from app.training.policy.rollout import Collector, sample_answers
from app.training.ppo.experience import make_experience
from app.training.ppo.trainer import Trainer, train_policy
from app.training.reward.scoring import score_answers
from tests.training.ppo.toy import (
    COUNTED,
    HPARAMS,
    PROMPTS,
    MemoryContext,
    reward_model,
    rises,
    rollout_of,
    start,
    weights_of,
)
from tests.training.tiny import END, ENDS, PAD, NoContext, tiny_model


def test_an_answer_has_ended_with_any_end_token_and_is_scored_as_written() -> None:
    """What was sampled stays in the rollout, since its probability is the policy's; the score is that of the text."""
    model, reward, ends = tiny_model(), reward_model(), EndTokens(END, frozenset(range(5, 20)))
    hparams, seen = replace(HPARAMS, score_clip=None, missing_eos_score=-9.0), set()
    policy = Trainer(model, model, hparams).policy
    rollout = Collector(policy, model, reward, hparams, ends, PAD, shares_lower=True).collect(PROMPTS, seed=5)
    packed = rollout.packed
    for row, prompt in enumerate(PROMPTS):
        own = score_answers(reward, [prompt], [rollout.own_answers[row]], ends=ends)[0]
        assert len(own) == hparams.baseline_samples
        for k in range(HPARAMS.samples_per_prompt):
            answer = packed.tokens[row, k][packed.token_mask[row, k]].tolist()
            seen.add(answer[-1])
            assert bool(rollout.ended[row, k]) == (answer[-1] in ends.all)
            assert not ends.all & set(answer[:-1])
            written = answer[:-1] if answer[-1] in ends.all else answer
            score = score_answers(reward, [prompt], [[[*written, END]]], ends=EndTokens(END))[0][0]
            expected = score - sum(own) / len(own) if answer[-1] in ends.all else -9.0
            assert rollout.scores[row, k].item() == pytest.approx(expected, abs=1e-6)
    assert len(seen & ends.all) > 1


@pytest.mark.usefixtures("toy_reward")
@pytest.mark.parametrize(("frozen", "rank", "rate"), [(0, 0, 3e-3), (1, 0, 3e-3), (0, 2, 3e-2)])
def test_a_toy_reward_rises(frozen: int, rank: int, rate: float) -> None:
    model = tiny_model()
    hparams = replace(
        HPARAMS, total_episodes=960, batch_size=32, learning_rate=rate, num_frozen_layers=frozen, kl_coef=0.01
    )
    hparams = replace(hparams, missing_eos_score=None, lora_rank=rank)
    assert rises(start(model, model, hparams))


@pytest.mark.usefixtures("toy_reward")
def test_imitation_of_the_best_alone_makes_a_toy_reward_rise() -> None:
    """No value is learned meanwhile."""
    model = tiny_model()
    hparams = replace(HPARAMS, total_episodes=320, batch_size=32, learning_rate=3e-3, num_frozen_layers=0)
    hparams = replace(hparams, drawn_per_prompt=16, imitated_batches=10, missing_eos_score=None, kl_budget=None)
    seen: list[Progress] = []
    drain(start(model, model, hparams), seen.append)
    scores = [progress.metrics["objective/scores"] for progress in seen]
    assert len(scores) == 10
    assert sum(scores[-3:]) / 3 > sum(scores[:3]) / 3 + 1.0
    assert all("loss/value_avg" not in progress.metrics for progress in seen)


def test_behind_the_batches_that_are_imitated_the_methods_own_loss_is_used() -> None:
    model, seen = tiny_model(), list[Progress]()
    hparams = replace(HPARAMS, total_episodes=48, imitated_batches=2)
    drain(start(model, model, hparams), seen.append)
    assert ["loss/value_avg" in progress.metrics for progress in seen] == [False, False, True]


@pytest.mark.usefixtures("toy_reward")
@pytest.mark.parametrize("highest", [False, True])
def test_of_more_answers_than_are_learned_from_those_are_kept_that_differ_most_or_score_highest(highest: bool) -> None:
    model = tiny_model()
    hparams = replace(HPARAMS, drawn_per_prompt=12, missing_eos_score=None, score_clip=None)
    trainer = Trainer(model, model, hparams)
    collector = Collector(trainer.policy, model, reward_model(), hparams, ENDS, PAD, trainer.shares_lower)
    rollout = collector.collect(PROMPTS, seed=5, highest=highest)
    everything = sample_answers(trainer.policy.model, PROMPTS, 12, hparams, ENDS, 5)
    assert rollout.drawn is not None
    assert rollout.drawn.lengths.tolist() == [[len(answer) for answer in group] for group in everything]
    packed = rollout.packed
    for row, group in enumerate(everything):
        counts = [answer.count(COUNTED) for answer in group]
        own = sum(answer.count(COUNTED) for answer in rollout.own_answers[row]) / hparams.baseline_samples
        assert rollout.drawn.scores[row].tolist() == pytest.approx([count - own for count in counts])
        kept = [packed.tokens[row, k][packed.token_mask[row, k]].tolist() for k in range(4)]
        assert all(answer in group for answer in kept)
        scores = [answer.count(COUNTED) for answer in kept]
        assert rollout.scores[row].tolist() == pytest.approx([score - own for score in scores])
        assert rollout.ended[row].tolist() == [answer[-1] in ENDS.all for answer in kept]
        if highest:
            assert sorted(scores) == sorted(counts)[-4:]
        else:
            assert {min(scores), max(scores)} == {min(counts), max(counts)}
    metrics = episode_metrics(rollout, 0.1)
    assert metrics["objective/scores"] == pytest.approx(rollout.drawn.scores.mean().item())
    assert metrics["policy/length_mean"] == pytest.approx(rollout.drawn.lengths.float().mean().item())
    assert metrics["policy/end_rate"] == pytest.approx(rollout.drawn.ended.float().mean().item())


@pytest.mark.usefixtures("toy_reward")
@pytest.mark.parametrize(("highest", "other"), [(False, "best"), (True, "most_different")])
def test_the_highest_are_kept_where_they_are_asked_for_alone(
    monkeypatch: pytest.MonkeyPatch, highest: bool, other: str
) -> None:
    """Where few answers score at all, both choices are the same."""
    model, hparams = tiny_model(), replace(HPARAMS, drawn_per_prompt=8)
    monkeypatch.setattr(f"app.training.policy.rollout.{other}", None)
    trainer = Trainer(model, model, hparams)
    collector = Collector(trainer.policy, model, reward_model(), hparams, ENDS, PAD, trainer.shares_lower)
    assert collector.collect(PROMPTS, seed=5, highest=highest).scores.shape == (len(PROMPTS), 4)


@pytest.mark.parametrize("frozen", [0, 2])
def test_before_any_step_the_ratio_is_one_and_the_kl_zero(frozen: int) -> None:
    """Ratio and KL compare the same path with itself, so they are exact even in bf16."""
    model = tiny_model()
    seen: list[Progress] = []
    hparams = replace(HPARAMS, total_episodes=16, num_frozen_layers=frozen, num_mini_batches=1)
    drain(start(model, model, hparams), seen.append)
    assert seen[0].metrics["val/ratio_first"] == pytest.approx(1.0, abs=1e-5)
    assert seen[0].metrics["objective/kl"] == pytest.approx(0.0, abs=1e-5)
    trainer = Trainer(model, model, hparams)
    experience = make_experience(rollout_of(trainer, model), hparams, 0.1)
    _, found = trainer.losses(experience, [0, 1], list(range(8)), 1)
    assert found["policy/approxkl_avg"].item() == pytest.approx(0.0, abs=1e-8)
    assert found["policy/clipfrac_avg"].item() == 0


@pytest.mark.usefixtures("fp32")
def test_old_logprobs_are_those_of_the_sampled_tokens() -> None:
    """Against the plain model on separate rows, at a temperature that is not 1."""
    model, reference = tiny_model(), tiny_model(seed=8)
    hparams = replace(HPARAMS, temperature=0.7)
    rollout = rollout_of(Trainer(model, reference, hparams), reference, hparams)
    packed = rollout.packed
    for row, prompt in enumerate(PROMPTS):
        for k in range(4):
            tokens = packed.tokens[row, k][packed.token_mask[row, k]].tolist()
            ids = torch.tensor([prompt + tokens])
            for which, found in ((model, rollout.logprobs), (reference, rollout.ref_logprobs)):
                logits = which(ids)[0, len(prompt) - 1 : -1] / 0.7
                expected = torch.log_softmax(logits, -1)[torch.arange(len(tokens)), torch.tensor(tokens)]
                torch.testing.assert_close(found[row, k, : len(tokens)], expected, rtol=1e-3, atol=1e-4)
    assert (rollout.entropy >= 0).all()
    assert not rollout.entropy[~packed.token_mask].any()


@pytest.mark.usefixtures("fp32")
def test_frozen_layers_keep_their_weights_and_the_cache_changes_nothing() -> None:
    model = tiny_model()
    result = drain(start(model, model, replace(HPARAMS, num_frozen_layers=2, total_episodes=32)))
    before = model.state_dict()
    for name, tensor in result.model.state_dict().items():
        frozen = "embed_tokens" in name or "layers.0." in name or "layers.1." in name
        assert torch.equal(tensor, before[name]) == frozen, name
    trainer = Trainer(model, model, replace(HPARAMS, num_frozen_layers=2))
    rollout = rollout_of(trainer, model)
    packed, below = rollout.rows([1, 3])
    with_cache, without = trainer.policy(packed, below), trainer.policy(packed)
    torch.testing.assert_close(with_cache[0], without[0], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("fp32")
def test_the_gradient_does_not_depend_on_micro_batches_or_padding() -> None:
    model, reference = tiny_model(), tiny_model(seed=8)
    gradients = []
    for limit in (1, 10_000):
        hparams = replace(HPARAMS, tokens_per_micro_batch=limit, num_frozen_layers=0, learning_rate=0.0)
        trainer = Trainer(model, reference, hparams)
        torch.nn.init.normal_(trainer.policy.value_head.weight, generator=torch.Generator().manual_seed(0))
        experience = make_experience(rollout_of(trainer, reference, hparams), hparams, 0.1)
        trainer.step(experience, [4, 0, 12])
        gradients.append(torch.cat([p.grad.flatten() for p in trainer.policy.parameters() if p.grad is not None]))
    assert gradients[0].abs().sum() > 0
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-6)


def test_an_update_stops_before_the_step_that_has_moved_too_far() -> None:
    """The first step is always taken; with a rate that ruins, the second mini-batch sees it and no other follows."""
    model = tiny_model()
    wild = replace(HPARAMS, learning_rate=0.05, target_kl=0.1, num_mini_batches=2)
    trainer = Trainer(model, model, wild)
    experience = make_experience(rollout_of(trainer, model, wild), wild, 0.1)
    order = torch.randperm(13, generator=torch.Generator().manual_seed(3)).tolist()
    one = Trainer(model, model, wild)
    taken = one.step(experience, order[:7])
    refused = one.step(experience, order[7:])
    found = trainer.update(experience, seed=3)
    assert taken["policy/approxkl_avg"] <= 0.1 < refused["policy/approxkl_avg"]
    assert found["policy/epochs_done"] == 0.5
    assert found["policy/approxkl_avg"] == pytest.approx(
        (taken["policy/approxkl_avg"] + refused["policy/approxkl_avg"]) / 2
    )
    assert found["policy/log_ratio_max"] == refused["policy/log_ratio_max"] > math.log(1.2)
    for name, tensor in one.policy.state_dict().items():
        assert torch.equal(tensor, trainer.policy.state_dict()[name]), name
    assert all(parameter.grad is None for parameter in trainer.policy.policy_parameters())


def test_a_target_that_is_not_reached_changes_nothing() -> None:
    model, trained = tiny_model(), []
    for target in (None, 1_000.0):
        seen: list[Progress] = []
        hparams = replace(HPARAMS, total_episodes=32, learning_rate=4e-4, target_kl=target)
        trained.append(weights_of(drain(start(model, model, hparams), seen.append).model))
        assert [progress.metrics["policy/epochs_done"] for progress in seen] == [4.0, 4.0]
    assert all(torch.equal(tensor, trained[1][name]) for name, tensor in trained[0].items())


@pytest.mark.parametrize(("stop_after", "rank"), [pytest.param(2, 0, marks=pytest.mark.nightly), (5, 0), (5, 3)])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(stop_after: int, rank: int) -> None:
    """Policy, value head, both optimizers, KL coefficient, prompts, random numbers: any of them left out shows here."""
    model, reference = tiny_model(), tiny_model(seed=8)
    rate = 0.004 if rank else 0.003
    hparams = replace(HPARAMS, kl_target=0.5, kl_horizon=100, learning_rate=rate, target_kl=0.01, lora_rank=rank)
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
    saved_batches = stop_after // 2 * 2
    assert {progress.metrics["policy/epochs_done"] for progress in whole} > {4.0}  # some batches were stopped early
    assert [progress.metrics for progress in rest] == [progress.metrics for progress in whole[saved_batches:]]
    for name, tensor in expected.model.state_dict().items():
        assert torch.equal(tensor, result.model.state_dict()[name]), name
    assert result.metrics == expected.metrics


def test_a_state_of_other_hyper_parameters_is_refused() -> None:
    model, context = tiny_model(), MemoryContext()
    generator = start(model, model, HPARAMS, context)
    next(generator)
    next(generator)
    generator.close()
    assert context.saved is not None
    with pytest.raises(TrainingError, match="belongs to another training"):
        next(start(model, model, replace(HPARAMS, learning_rate=1.0), context))


def test_a_loss_that_is_not_a_number_stops_it_and_harms_nothing() -> None:
    model = tiny_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(TrainingError, match="not a number"):
        drain(start(model, model, replace(HPARAMS, ptx_coef=math.inf, num_ppo_epochs=2)))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_own_answers_are_learned_though_scores_do_not_count_from_them() -> None:
    model, hparams = tiny_model(), replace(HPARAMS, ptx_coef=0.5, baseline_samples=0)
    without = rollout_of(Trainer(model, model, hparams), model, replace(hparams, ptx_coef=0.0))
    rollout = rollout_of(Trainer(model, model, hparams), model, hparams)
    assert [len(own) for own in rollout.own_answers] == [1] * len(PROMPTS)
    assert without.own_answers == []
    assert torch.equal(rollout.scores, without.scores)
    drain(start(model, model, hparams))


def test_it_says_what_is_wrong_with_its_input() -> None:
    model = tiny_model()
    with pytest.raises(TrainingError, match="no prompts"):
        next(train_policy(PolicyTask(model, model, reward_model(), [], ENDS, PAD), HPARAMS, NoContext()))
    with pytest.raises(TrainingError, match="multiple"):
        next(start(model, model, replace(HPARAMS, batch_size=18)))


def test_rollouts_are_from_the_full_softmax_at_the_one_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Top-k, top-p, min-p or a penalty would give a false KL; another temperature than the update's a false ratio."""
    asked: list[SamplingParams] = []

    def keep(*arguments: Any, params: SamplingParams, **rest: Any) -> Any:
        asked.append(params)
        return sample_batch(*arguments, params=params, **rest)

    monkeypatch.setattr("app.training.policy.rollout.sample_batch", keep)
    model, hparams = tiny_model(), replace(HPARAMS, temperature=0.7)
    rollout_of(Trainer(model, model, hparams), model, hparams)
    assert asked == [SamplingParams(temperature=0.7, max_tokens=hparams.max_tokens)] * 2, "and the SFT model's answers"


@pytest.mark.usefixtures("fp32")
def test_first_tokens_of_rollouts_follow_the_softmax_at_the_temperature() -> None:
    """Chi-square of 4,000 answers: right at 0.7, and far off at the temperatures beside it, so that it can tell."""
    model, hparams = tiny_model(scale=4.0), replace(HPARAMS, temperature=0.7, max_tokens=1)
    [group] = sample_answers(model, PROMPTS[:1], 4_000, hparams, ENDS, seed=3)
    counts = torch.tensor([answer[0] for answer in group]).bincount(minlength=model.config.vocab_size).double()
    with torch.no_grad():
        logits = model(torch.tensor(PROMPTS[:1]))[0, -1].double()

    def distance(temperature: float) -> float:
        expected = (logits / temperature).softmax(-1) * 4_000
        return float(((counts - expected) ** 2 / expected).sum())

    assert distance(0.7) < 84.0, "47 degrees of freedom: passed once in a thousand seeds, and the seed is fixed"
    assert min(distance(0.6), distance(0.8), distance(1.0)) > 110.0


def test_the_reference_answers_by_other_random_numbers_than_the_policy() -> None:
    """At first both are one model: equal answers would make a mean that holds the answer itself."""
    model = tiny_model()
    rollout = rollout_of(Trainer(model, model, HPARAMS), model)
    packed = rollout.packed
    policy = [[packed.tokens[row, k][packed.token_mask[row, k]].tolist() for k in range(4)] for row in range(13)]
    assert policy != rollout.own_answers
    assert rollout_of(Trainer(model, model, HPARAMS), model).own_answers == rollout.own_answers


def test_every_prompt_has_its_turn_in_each_lap() -> None:
    laps = [prompts_of_batch(10, batch, 5, seed=3) for batch in range(6)]
    for first in (0, 2, 4):
        assert sorted(laps[first] + laps[first + 1]) == list(range(10))
    assert laps[0] + laps[1] != laps[2] + laps[3]
    assert laps[0] == prompts_of_batch(10, 0, 5, seed=3)


def test_metrics_go_by_their_known_names() -> None:
    model = tiny_model()
    first = next(start(model, model))
    assert first.total_steps == 6
    assert {
        "objective/kl",
        "objective/scores",
        "objective/rlhf_reward",
        "objective/entropy",
        "policy/approxkl_avg",
        "policy/clipfrac_avg",
        "policy/end_rate",
        "policy/length_mean",
        "loss/policy_avg",
        "loss/value_avg",
        "val/explained_variance",
        "kl_coef",
    } <= set(first.metrics)
    assert all(math.isfinite(value) for value in first.metrics.values())


def test_the_value_head_learns_and_moves_the_trunk_only_if_asked() -> None:
    model = tiny_model()
    norms = []
    for vf_coef in (0.0, 0.1, 0.2):
        hparams = replace(HPARAMS, vf_coef=vf_coef, num_frozen_layers=0)
        trainer = Trainer(model, model, hparams)
        torch.nn.init.normal_(trainer.policy.value_head.weight, generator=torch.Generator().manual_seed(0))
        packed = rollout_of(trainer, model).packed
        _, values, _ = trainer.policy(packed)
        values.sum().backward()
        gradients = [p.grad for p in trainer.policy.policy_parameters() if p.grad is not None]
        norms.append(sum(float(gradient.square().sum()) for gradient in gradients) ** 0.5)
        assert trainer.policy.value_head.weight.grad is not None
    assert norms[0] == 0
    assert norms[2] == pytest.approx(2 * norms[1]) != 0


def test_same_seed_same_run() -> None:
    model, hparams = tiny_model(), replace(HPARAMS, total_episodes=32)
    first, second = drain(start(model, model, hparams)), drain(start(model, model, hparams))
    assert first.metrics == second.metrics


def test_a_separate_value_network_leaves_the_policys_layers_alone_and_learns() -> None:
    model = tiny_model()
    hparams = replace(HPARAMS, separate_value=True, num_frozen_layers=1)
    trainer = Trainer(model, model, hparams)
    network = trainer.policy.value_model
    assert network is not None
    before = weights_of(network)
    torch.nn.init.normal_(trainer.policy.value_head.weight, generator=torch.Generator().manual_seed(0))
    trainer.set_rates(6)
    trainer.update(make_experience(rollout_of(trainer, model), hparams, 0.1), seed=3)
    moved = [name for name, weight in weights_of(network).items() if not torch.equal(weight, before[name])]
    assert moved
    assert not [name for name in moved if "embed_tokens" in name or "layers.0." in name], "frozen ones are shared"
    assert "network_optimizer" in trainer.state()
