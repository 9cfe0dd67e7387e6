"""The whole of `train_policy` against the papers: every number of every batch, and the weights at the end.

What is compared is in the order of its making, so that the first difference names the fault.
"""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from app.lm.linear import Linear
from app.lm.model import Llama
from app.policy_hparams import FittedPPOHparams
from app.training.context import Progress, drain
from app.training.policy import rollout
from app.training.policy.episodes import PolicyTask
from app.training.ppo import trainer
from app.training.ppo.experience import Experience, make_experience
from app.training.ppo.trainer import Trainer, train_policy
from app.training.reward.network import RewardModel
from tests.training.ppo.papers import Answers, Batch, PaperPPO, Step, flat
from tests.training.tiny import ASSISTANT, BOS, END, ENDS, PAD, USER, NoContext, tiny_model

# No number is 1 where it could be another, no two are equal, and every bound is met by some tokens and not by others.
HPARAMS = FittedPPOHparams(
    total_episodes=48,
    batch_size=16,
    samples_per_prompt=2,
    num_ppo_epochs=3,
    num_mini_batches=3,
    learning_rate=2e-3,
    value_learning_rate=2e-2,
    warmup_batches=2,
    num_frozen_layers=1,
    temperature=0.7,
    max_tokens=9,
    kl_coef=0.15,
    kl_target=2.0,
    kl_horizon=60,
    cliprange=0.1,
    cliprange_value=0.15,
    vf_coef=0.6,
    gamma=0.9,
    lam=0.75,
    whiten_rewards=True,
    baseline_samples=3,
    missing_eos_score=-0.6,
    score_clip=0.25,
    length_penalty=0.05,
    free_tokens=5,
    target_kl=None,
    max_grad_norm=0.4,
    tokens_per_micro_batch=70,
    seed=3,
)
PROMPTS = [[BOS, USER, *range(10, 11 + index % 4), ASSISTANT, 20 + index] for index in range(11)]
TOLERANCE = 2e-5  # fp32 sums in another order, carried through 27 steps of Adam, were off by 1.5e-6 at most


def models(*, shared_lower: bool) -> tuple[Llama, Llama, RewardModel]:
    """Initial, reference, and a reward model from a third; the first two may have their frozen layers in common."""
    initial, reference = tiny_model(seed=1, scale=4.0), tiny_model(seed=2, scale=4.0)
    if shared_lower:
        mine = initial.state_dict()
        lower = {name: mine[name] for name in mine if "embed_tokens" in name or ".layers.0." in name}
        reference.load_state_dict(reference.state_dict() | lower)
    for model in (initial, reference):  # answers of every length: the end is drawn about one time in ten
        with torch.no_grad():
            model.model.norm.weight.mul_(torch.linspace(0.6, 1.4, model.config.hidden_size))
            model.model.embed_tokens.weight[END].mul_(1.3)  # so that half of the reference's to some prompts end
    return initial, reference, RewardModel.from_sft(tiny_model(seed=5, scale=4.0), 2, seed=6)


def close(actual: Tensor | float, expected: Tensor | float, where: str, what: str) -> None:
    left, right = torch.as_tensor(actual).double(), torch.as_tensor(expected).double()
    off = (left - right).abs().max().item()
    size = max(1.0, right.abs().max().item())
    assert off <= TOLERANCE * size, f"{where}: {what} is not the papers', off by {off:.3g}\n{left}\n{right}"


def check_experience(actual: Experience, expected: Batch, batch: int) -> None:
    numbers = {
        "log-probability of the sampled tokens": (actual.old_logprobs, "old"),
        "log-probability under the reference": (actual.rollout.ref_logprobs.flatten(0, 1), "reference"),
        "value": (actual.old_values, "values"),
        "score": (actual.rollout.scores.flatten(), "score"),
        "return (rewards with their KL penalty, discounted)": (actual.returns, "returns"),
        "whitened advantage": (actual.advantages, "advantages"),
    }
    for row, episode in enumerate(expected.episodes):
        count = len(episode.answer)
        assert int(actual.mask[row].sum()) == count, f"batch {batch}: answer {row} has {count} tokens"
        for what, (values, name) in numbers.items():
            one = values[row] if values.dim() == 1 else values[row, :count]
            close(one, getattr(episode, name), f"batch {batch}, answer {row}", what)


def check_step(actual: Step, expected: Step, where: str) -> None:
    for name in sorted(expected.metrics):
        close(actual.metrics[name], expected.metrics[name], where, name)
    for number, (rate, wanted) in enumerate(zip(actual.rates, expected.rates, strict=True)):
        close(1_000 * rate, 1_000 * wanted, where, f"1000 times the learning rate of optimizer {number}")
    close(actual.value_head, expected.value_head, f"after {where}", "value head")
    close(actual.policy, expected.policy, f"after {where}", "policy's weights (gradient, its clip, Adam)")


@pytest.mark.usefixtures("fp32")
@pytest.mark.parametrize(
    ("changes", "shared_lower"),
    [
        ({}, False),
        ({"vf_coef": 0.0, "whiten_rewards": False}, True),
        pytest.param({"num_frozen_layers": 0}, False, marks=pytest.mark.nightly),
        ({"separate_value": True}, True),
        ({"separate_value": True, "num_frozen_layers": 0}, False),
        ({"ptx_coef": 0.3}, False),
        ({"target_kl": 0.003}, False),
        ({"lora_rank": 2, "lora_alpha": 3.0, "lora_places": "all", "learning_rate": 2e-2}, True),
    ],
    ids=[
        "value-in-trunk",
        "shared-lower-layers",
        "nothing-frozen",
        "separate-value",
        "separate-value-nothing-frozen",
        "ptx",
        "updates-end-early",
        "adapters",
    ],
)
def test_every_number_is_that_of_the_papers(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], shared_lower: bool
) -> None:
    hparams = replace(HPARAMS, **changes)
    initial, reference, reward = models(shared_lower=shared_lower)
    sampled: list[tuple[list[list[int]], Answers]] = []
    own: list[Answers] = []
    engines: list[Llama] = []
    experiences: list[Experience] = []
    steps: list[Step] = []
    sample_answers, step = rollout.sample_answers, Trainer.step

    def keep_answers(model: Llama, prompts: list[list[int]], *rest: Any) -> list[list[list[int]]]:
        answers = sample_answers(model, prompts, *rest)
        if model is reference:
            own.append(answers)
        else:
            sampled.append((prompts, answers))
            engines.append(model)
        return answers

    def keep_experience(*arguments: Any) -> Experience:
        experiences.append(make_experience(*arguments))
        return experiences[-1]

    def keep_step(trainer: Trainer, *arguments: Any) -> dict[str, float]:
        metrics = step(trainer, *arguments)
        rates = [each.param_groups[0]["lr"] for each in (part.optimizer for part in trainer.parts())]
        policy, head = trainer.policy.model, trainer.policy.value_head
        steps.append(Step(metrics, rates, flat(whole_weights(policy)), flat(head.parameters())))
        return metrics

    monkeypatch.setattr(rollout, "sample_answers", keep_answers)
    monkeypatch.setattr(Trainer, "step", keep_step)
    monkeypatch.setattr(trainer, "make_experience", keep_experience)
    seen: list[Progress] = []
    task = PolicyTask(initial, reference, reward, PROMPTS, ENDS, PAD)
    result = drain(train_policy(task, hparams, NoContext()), seen.append)

    assert all(model is result.model for model in engines), "the answers are another model's than the policy's"
    added = Trainer(initial, reference, hparams).policy.finished()[1]
    first = {} if added is None else added.factors
    paper = PaperPPO(initial, reference, reward.backbone, reward.head.weight.detach()[0], hparams, END, first)
    batches = list(paper.run(((*each, mine) for each, mine in zip(sampled, own, strict=True)), len(sampled)))
    assert len(seen) == len(batches) == 3
    for number, (experience, progress, batch) in enumerate(zip(experiences, seen, batches, strict=True)):
        check_experience(experience, batch, number)
        for place, expected in enumerate(batch.steps):
            assert steps, f"batch {number}: no step {place}: epochs, mini-batches, or an update that ended too early"
            check_step(steps.pop(0), expected, f"batch {number}, step {place}")
        assert set(batch.metrics) <= set(progress.metrics)
        for name, mean in batch.metrics.items():
            close(progress.metrics[name], mean, f"batch {number}", name)
    assert not steps, "more steps than epochs and mini-batches, or an update went on though it had moved too far"
    if hparams.target_kl is None:
        check_that_it_can_fail(batches)
    for (name, weight), wanted in zip(result.model.named_parameters(), paper.weights(), strict=True):
        close(weight, wanted, "at the end", name)


def whole_weights(model: Llama) -> list[Tensor]:
    """With what is added to them, in the order of a model that has no additions."""
    parts = [(name, *name.rpartition(".")[::2]) for name in model.state_dict() if ".addition." not in name]
    return [
        part.whole if isinstance(part := model.get_submodule(where), Linear) and what == "weight" else weight
        for weight, where, what in ((model.get_parameter(name), where, what) for name, where, what in parts)
    ]


def check_that_it_can_fail(batches: list[Batch]) -> None:
    """Every bound is met by some and not by all: a fault in it would show."""
    episodes = [episode for batch in batches for episode in batch.episodes]
    lengths = [len(episode.answer) for episode in episodes]
    assert len(set(lengths)) > 3, lengths
    assert 0.05 < sum(episode.answer[-1] == END for episode in episodes) / len(episodes) < 0.95
    at_clip = [abs(e.score + 0.05 * max(0, len(e.answer) - 5)) > 0.25 - 1e-6 for e in episodes if e.answer[-1] == END]
    assert 0.1 < sum(at_clip) / len(at_clip) < 0.9, at_clip
    assert 0.02 < sum(e.score == pytest.approx(-0.6) for e in episodes) / len(episodes) < 0.95
    for name in ("policy/clipfrac_avg", "val/clipfrac_avg"):
        assert 0.01 < batches[-1].metrics[name] < 0.9, name
    assert all(batch.metrics["policy/grad_norm"] > 0.4 for batch in batches)
    coefficients = [batch.metrics["kl_coef"] for batch in batches]
    assert len(set(coefficients)) == 3, coefficients
    assert math.isfinite(sum(batches[-1].metrics.values()))
