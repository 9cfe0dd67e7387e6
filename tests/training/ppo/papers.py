"""PPO from preferences as the papers write it, slow and plain: one answer at a time, no packing, no shared code.

What `train_policy` is measured against (test_golden.py). Nothing of app.training is used: forward passes are
those of the plain Llama model. It takes from the run what sampling gave: the answers of every batch.

  Ziegler et al. (2019), "Fine-tuning language models from human preferences": reward less the KL penalty (section 2.1,
      eq. 2), adaptive coefficient (section 2.2)
  Stiennon et al. (2020), "Learning to summarize from human feedback": the penalty per token, the score at the end
  Schulman et al. (2016), "High-dimensional continuous control using GAE": eq. 16 as a sum
  Schulman et al. (2017), "Proximal policy optimization algorithms": eq. 7
  Huang et al. (2024), "The N+ implementation details of RLHF with PPO": whitening, the value's clip, Adam's epsilon,
      the fixed score of answers without an end, rates
  Hu et al. (2021), "LoRA": section 4.1, the weight written out as W + (alpha / r) B A
  Ouyang et al. (2022), "Training language models to follow instructions": section 3.4, eq. 2 (ptx)
"""

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from app.lm.model import Llama
from app.policy_hparams import FittedPPOHparams


@dataclass
class Episode:
    """One answer; tensors are [T], one number per token of the answer."""

    prompt: list[int]
    answer: list[int]
    old: Tensor
    reference: Tensor
    values: Tensor
    entropy: Tensor
    score: float
    rewards: Tensor
    returns: Tensor
    advantages: Tensor
    own: list[list[int]]  # the SFT model's answers to the prompt


@dataclass
class Step:
    """What one optimizer step found, and what it left: rates and weights of policy and value head."""

    metrics: dict[str, float]
    rates: list[float]
    policy: Tensor
    value_head: Tensor


@dataclass
class Batch:
    episodes: list[Episode]
    steps: list[Step]
    metrics: dict[str, float]


NOTHING: Mapping[str, tuple[Tensor, Tensor]] = MappingProxyType({})
Answers = list[list[list[int]]]
Sampled = tuple[list[list[int]], Answers, Answers]  # a batch's prompts, the policy's answers, the SFT model's


def flat(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def read(model: Llama, prompt: list[int], answer: list[int], temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities of the answer's tokens, entropies and final states, where each token is predicted."""
    states = model.hidden_states(torch.tensor([prompt + answer]))[0, len(prompt) - 1 : -1]
    logprobs = torch.log_softmax(model.logits(states) / temperature, dim=-1)
    entropy = -(logprobs.exp() * logprobs).sum(-1)
    return logprobs[torch.arange(len(answer)), torch.tensor(answer)], entropy, states


def whitened(parts: list[Tensor], *, shift_mean: bool) -> list[Tensor]:
    """All tokens of the batch to deviation 1, and to mean 0 if asked."""
    together = torch.cat(parts)
    mean, deviation = together.mean(), together.std()
    return [(part - mean) / deviation + (0.0 if shift_mean else mean) for part in parts]


def discounted(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    """A_t = sum over l of (gamma lambda)^l (r_{t+l} + gamma V_{t+l+1} - V_{t+l}); V is 0 after the end."""
    after = torch.cat((values[1:], torch.zeros(1)))
    deltas = rewards + gamma * after - values
    count = len(deltas)
    weights = [[(gamma * lam) ** (j - t) if j >= t else 0.0 for j in range(count)] for t in range(count)]
    return torch.tensor(weights) @ deltas


class Added(nn.Module):
    """LoRA: the weight as the formula has it."""

    def __init__(self, down: Tensor, up: Tensor, scale: float) -> None:
        super().__init__()
        self.down, self.up, self.scale = nn.Parameter(down), nn.Parameter(up), scale

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * self.up @ self.down


class PaperPPO:
    """`reward`: a plain model whose final state at the end token gives, by `reward_head` [H], the score."""

    def __init__(
        self,
        initial: Llama,
        reference: Llama,
        reward: Llama,
        reward_head: Tensor,
        hparams: FittedPPOHparams,
        end_id: int,
        additions: Mapping[str, tuple[Tensor, Tensor]] = NOTHING,
    ) -> None:
        """`additions`: A and B as they are at first, by the name of the linear map they are added to."""
        self.h, self.reference, self.reward, self.reward_head, self.end_id = (
            hparams,
            reference,
            reward,
            reward_head,
            end_id,
        )
        self.policy = copy.deepcopy(initial)
        frozen = [f"model.layers.{n}." for n in range(hparams.num_frozen_layers)]
        frozen += ["model.embed_tokens."] if frozen else []
        self.trained = [p for name, p in self.policy.named_parameters() if not name.startswith(tuple(frozen or ["-"]))]
        self.names = [name for name, _ in initial.named_parameters()]
        if additions:
            self.policy.requires_grad_(False)
            self.trained = [weight for name in additions for weight in self.added_to(name, *additions[name])]
        width = initial.config.hidden_size
        self.head = [torch.zeros(width, requires_grad=True), torch.zeros(1, requires_grad=True)]
        self.optimizers: list[tuple[torch.optim.Optimizer, list[Any], float]] = [
            (torch.optim.Adam(self.trained, eps=hparams.adam_eps), self.trained, hparams.learning_rate),
            (torch.optim.Adam(self.head, eps=hparams.adam_eps), self.head, hparams.value_learning_rate),
        ]
        self.value_model = copy.deepcopy(initial) if hparams.separate_value else None
        if self.value_model is not None:
            named = self.value_model.named_parameters()
            network = [p for name, p in named if not name.startswith(tuple(frozen or ["-"]))]
            adam = torch.optim.Adam(network, eps=hparams.adam_eps)
            self.optimizers.append((adam, network, hparams.learning_rate))
        self.kl_coef = hparams.kl_coef
        self.farthest = 0.0  # the largest approximate KL of any step so far

    def added_to(self, name: str, down: Tensor, up: Tensor) -> list[nn.Parameter]:
        """What learns there; all else of the policy does not."""
        added = Added(down.clone(), up.clone(), self.h.lora_alpha / self.h.lora_rank)
        register_parametrization(self.policy.get_submodule(name), "weight", added)
        return [added.down, added.up]

    def weights(self) -> list[Tensor]:
        """Of the policy, whole."""
        return [attrgetter(name)(self.policy).detach() for name in self.names]

    def run(self, sampled: Iterator[Sampled], batches: int) -> Iterator[Batch]:
        for number, (prompts, answers, own) in enumerate(sampled):
            groups = [
                [self.episode(prompt, answer, mine) for answer in group]
                for prompt, group, mine in zip(prompts, answers, own, strict=True)
            ]
            episodes = [episode for group in groups for episode in group]
            self.reward_and_advantage(episodes)
            rate = min(1.0, (number + 1) / self.h.warmup_batches) * (1.0 - number / batches)
            metrics = self.measured(episodes)
            steps = self.update(groups, rate, self.h.seed * 1_000_003 + number)
            columns = {name: [step.metrics[name] for step in steps] for name in steps[0].metrics}
            metrics |= {name: sum(column) / len(column) for name, column in columns.items()}
            metrics["val/ratio_first"] = steps[0].metrics["val/ratio"]
            metrics["policy/log_ratio_max"] = max(columns["policy/log_ratio_max"])
            self.farthest = max(self.farthest, *columns["policy/approxkl_avg"])
            metrics["policy/approxkl_max"] = self.farthest
            taken = len(steps) - self.too_far(steps[-1].metrics)
            metrics["policy/epochs_done"] = taken / math.ceil(len(groups) / self.mini_batch(groups))
            yield Batch(episodes, steps, metrics)
            target = self.h.kl_target or math.inf
            now = min(1.0, number * len(episodes) / (self.h.total_episodes // 2))
            error = min(max(metrics["objective/kl"] / target - now, -0.2), 0.2)
            self.kl_coef *= 1.0 + error * len(episodes) / self.h.kl_horizon

    @torch.no_grad()
    def episode(self, prompt: list[int], answer: list[int], mine: list[list[int]]) -> Episode:
        old, entropy, states = read(self.policy, prompt, answer, self.h.temperature)
        reference, _, _ = read(self.reference, prompt, answer, self.h.temperature)
        ended = answer[-1] == self.end_id
        own = [self.raw_score(prompt, written) for written in mine]
        clip = self.h.score_clip or math.inf
        score = min(max(self.raw_score(prompt, answer) - sum(own) / len(own), -clip), clip)
        score -= self.h.length_penalty * max(0, len(answer) - (self.h.free_tokens or 0))
        usually_end = sum(written[-1] == self.end_id for written in mine) >= len(mine) / 2
        if not ended and usually_end and self.h.missing_eos_score is not None:
            score = self.h.missing_eos_score
        blank = torch.zeros(len(answer))
        values = self.value_states(prompt, answer, states) @ self.head[0] + self.head[1]
        return Episode(prompt, answer, old, reference, values, entropy, score, blank, blank, blank, mine)

    def raw_score(self, prompt: list[int], answer: list[int]) -> float:
        whole = prompt + answer + ([] if answer[-1] == self.end_id else [self.end_id])
        return float(self.reward.hidden_states(torch.tensor([whole]))[0, -1] @ self.reward_head)

    def value_states(self, prompt: list[int], answer: list[int], states: Tensor) -> Tensor:
        """Of the policy, with `vf_coef` of the gradient, or of the value network."""
        if self.value_model is None:
            return states.detach() + self.h.vf_coef * (states - states.detach())
        return self.value_model.hidden_states(torch.tensor([prompt + answer]))[0, len(prompt) - 1 : -1]

    def reward_and_advantage(self, episodes: Sequence[Episode]) -> None:
        for episode in episodes:
            episode.rewards = -self.kl_coef * (episode.old - episode.reference)
            episode.rewards[-1] += episode.score
        if self.h.whiten_rewards:
            changed = whitened([episode.rewards for episode in episodes], shift_mean=False)
            for episode, rewards in zip(episodes, changed, strict=True):
                episode.rewards = rewards
        plain = [discounted(episode.rewards, episode.values, self.h.gamma, self.h.lam) for episode in episodes]
        for episode, advantages, white in zip(episodes, plain, whitened(plain, shift_mean=True), strict=True):
            episode.returns, episode.advantages = advantages + episode.values, white

    def measured(self, episodes: Sequence[Episode]) -> dict[str, float]:
        count, tokens = len(episodes), sum(len(episode.answer) for episode in episodes)
        kl = sum(float((episode.old - episode.reference).sum()) for episode in episodes) / count
        score = sum(episode.score for episode in episodes) / count
        values, returns = (torch.cat([getattr(e, name) for e in episodes]) for name in ("values", "returns"))
        return {
            "objective/kl": kl,
            "objective/scores": score,
            "objective/non_score_reward": -self.kl_coef * kl,
            "objective/rlhf_reward": score - self.kl_coef * kl,
            "objective/entropy": -sum(float(episode.old.sum()) for episode in episodes) / count,
            "policy/entropy_avg": sum(float(episode.entropy.sum()) for episode in episodes) / tokens,
            "policy/end_rate": sum(episode.answer[-1] == self.end_id for episode in episodes) / count,
            "policy/length_mean": tokens / count,
            "val/explained_variance": 1.0 - float((returns - values).var() / returns.var()),
            "kl_coef": self.kl_coef,
        }

    def update(self, groups: list[list[Episode]], rate: float, seed: int) -> list[Step]:
        """The prompts are shuffled for every epoch."""
        generator, steps = torch.Generator().manual_seed(seed), list[Step]()
        size = self.mini_batch(groups)
        for _ in range(self.h.num_ppo_epochs):
            order = torch.randperm(len(groups), generator=generator).tolist()
            for first in range(0, len(groups), size):
                steps.append(self.step([e for place in order[first : first + size] for e in groups[place]], rate))
                if self.too_far(steps[-1].metrics):
                    return steps
        return steps

    def ptx(self, episodes: Sequence[Episode]) -> Tensor:
        """Minus the log-probability of the SFT model's answers to the same prompts, per token of the episodes."""
        read_once = {id(episode.own): episode for episode in episodes}.values()
        logprobs = [
            read(self.policy, episode.prompt, answer, self.h.temperature)[0].sum()
            for episode in read_once
            for answer in episode.own
        ]
        return -torch.stack(logprobs).sum() / sum(len(episode.answer) for episode in episodes)

    def mini_batch(self, groups: list[list[Episode]]) -> int:
        return math.ceil(len(groups) / self.h.num_mini_batches)

    def too_far(self, metrics: dict[str, float]) -> bool:
        """Huang et al. (2022), "The 37 implementation details of PPO": early stopping. That step is not taken."""
        return self.h.target_kl is not None and metrics["policy/approxkl_avg"] > self.h.target_kl

    def step(self, episodes: list[Episode], rate: float) -> Step:
        h, rows = self.h, []
        for e in episodes:
            new, _, states = read(self.policy, e.prompt, e.answer, h.temperature)
            values = self.value_states(e.prompt, e.answer, states) @ self.head[0] + self.head[1]
            ratio = (new - e.old).exp()
            bounded = values.clamp(e.values - h.cliprange_value, e.values + h.cliprange_value)
            surrogate, clipped = ratio * e.advantages, ratio.clamp(1 - h.cliprange, 1 + h.cliprange) * e.advantages
            error, clipped_error = (values - e.returns) ** 2, (bounded - e.returns) ** 2
            rows.append(
                {
                    "loss/policy_avg": -torch.minimum(surrogate, clipped),
                    "loss/value_avg": torch.maximum(error, clipped_error) / 2,
                    "policy/clipfrac_avg": (clipped < surrogate).float(),
                    "policy/approxkl_avg": (new - e.old) ** 2 / 2,
                    "val/clipfrac_avg": (clipped_error > error).float(),
                    "policy/log_ratio_max": (new - e.old).abs(),
                    "val/ratio": ratio,
                }
            )
        means = {name: torch.cat([row[name] for row in rows]).mean() for name in rows[0]}
        (means["loss/policy_avg"] + means["loss/value_avg"] + h.ptx_coef * self.ptx(episodes)).backward()
        found = {name: mean.item() for name, mean in means.items()}
        found["policy/log_ratio_max"] = max(row["policy/log_ratio_max"].max().item() for row in rows)
        norms = []
        for optimizer, parameters, full_rate in self.optimizers:
            gradients = [p.grad for p in parameters if p.grad is not None]
            norms.append(math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients)))
            for gradient in gradients:
                gradient *= min(1.0, h.max_grad_norm / max(norms[-1], 1e-6))
            optimizer.param_groups[0]["lr"] = full_rate * rate
            if not self.too_far(found):
                optimizer.step()
            optimizer.zero_grad()
        metrics = found | {"policy/grad_norm": norms[0]}
        rates = [optimizer.param_groups[0]["lr"] for optimizer, _, _ in self.optimizers]
        return Step(metrics, rates, flat(self.weights()), flat(self.head))
