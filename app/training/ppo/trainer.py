"""PPO of the policy against the reward model. A generator: one Progress per batch of episodes, the result at the end.

Follows TRL's PPO and Huang et al. 2024 ("N+ implementation details") except: the value function is a head on the
policy's trunk, several answers share a prompt's row, the lower layers may stay frozen with their states kept over
the epochs, and all randomness is drawn from seeds made of (seed, batch number), so that a resumed run equals an
uninterrupted one bit for bit without saving any generator. `initial`, `reference` and the reward model are never
changed.

Shapes: B prompts, K answers of a prompt, A tokens of the longest answer; R = B * K episodes.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from app.hparams import PPOHparams
from app.lm.model import Llama
from app.lm.precision import autocast
from app.lm.text.end_tokens import EndTokens
from app.model_info.size import fit_ppo
from app.saving import TrainingError
from app.training.context import Progress, TrainingContext
from app.training.packing import batches_by_length
from app.training.ppo.experience import Experience, make_experience, rollout_metrics
from app.training.ppo.losses import KLController, masked_sum, policy_loss, value_loss
from app.training.ppo.rollout import Collector, PolicyWithValue
from app.training.ppo.shared_weights import same_lower_layers
from app.training.reward.scoring import AnswerScorer
from app.training.seeds import LAP_STRIDE, part_seed
from app.translation import _


@dataclass(frozen=True)
class PolicyResult:
    """`metrics` are the last batch's, under the names that progress uses."""

    model: Llama
    metrics: dict[str, float]


class Trainer:
    """Everything that changes during a run, and how it is saved."""

    def __init__(self, initial: Llama, reference: Llama, hparams: PPOHparams) -> None:
        self.hparams = hparams = fit_ppo(hparams, initial.config)
        self.policy = PolicyWithValue(initial, hparams)
        self.shares_lower = same_lower_layers(initial, reference, self.policy.num_frozen_layers)
        adam: dict[str, Any] = {"eps": hparams.adam_eps, "weight_decay": 0.0}
        self.optimizer = torch.optim.AdamW(self.policy.policy_parameters(), lr=hparams.learning_rate, **adam)
        head = self.policy.value_head.parameters()
        self.value_optimizer = torch.optim.AdamW(head, lr=hparams.value_learning_rate, **adam)
        self.controller = KLController(hparams.kl_coef, hparams.kl_target, hparams.kl_horizon)
        self.batch = 0  # also the prompt cursor and, with the seed, every random state

    def trained_weights(self) -> dict[str, Tensor]:
        """Of policy and value head; the frozen ones are the initial policy's."""
        return {name: weight for name, weight in self.policy.named_parameters() if weight.requires_grad}

    def state(self) -> dict[str, Any]:
        return {
            "kind": "ppo",
            "hparams": asdict(self.hparams),
            "batch": self.batch,
            "kl_coef": self.controller.coef,
            "policy": {name: weight.detach() for name, weight in self.trained_weights().items()},
            "optimizer": self.optimizer.state_dict(),
            "value_optimizer": self.value_optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        if state.get("kind") != "ppo" or state.get("hparams") != asdict(self.hparams):
            raise TrainingError("The saved state belongs to another training. Remove it to start this one over.")
        self.batch, self.controller.coef = state["batch"], state["kl_coef"]
        trained = self.trained_weights()
        with torch.no_grad():
            for name, weight in state["policy"].items():
                trained[name].copy_(weight)
        self.optimizer.load_state_dict(state["optimizer"])
        self.value_optimizer.load_state_dict(state["value_optimizer"])

    def set_rates(self, num_batches: int) -> None:
        """Linear warm-up, then linear decay to zero (TRL's default schedule)."""
        warmup = min(1.0, (self.batch + 1) / max(1, self.hparams.warmup_batches))
        factor = warmup * (1.0 - self.batch / num_batches)
        for optimizer, rate in (
            (self.optimizer, self.hparams.learning_rate),
            (self.value_optimizer, self.hparams.value_learning_rate),
        ):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    def update(self, experience: Experience, seed: int) -> dict[str, float]:
        """`num_ppo_epochs` over the batch in mini-batches of prompts, ended early where the policy has moved too far.

        Metrics are means over all mini-batches that were looked at (names in _max: their largest), the one among them
        whose step was not taken.
        """
        generator = torch.Generator().manual_seed(seed)
        size, looks = experience.rollout.packed.size, list[dict[str, float]]()
        per_step = math.ceil(size / self.hparams.num_mini_batches)
        per_epoch = math.ceil(size / per_step)
        for _epoch in range(self.hparams.num_ppo_epochs):
            order = torch.randperm(size, generator=generator).tolist()
            for first in range(0, size, per_step):
                looks.append(self.step(experience, order[first : first + per_step]))
                if self.moved_too_far(looks[-1]):
                    break
            if self.moved_too_far(looks[-1]):
                break
        self.optimizer.zero_grad()  # gradients would lie idle while the next answers are sampled
        steps = len(looks) - self.moved_too_far(looks[-1])
        return means(looks) | {"val/ratio_first": looks[0]["val/ratio"], "policy/epochs_done": steps / per_epoch}

    def moved_too_far(self, measured: dict[str, float]) -> bool:
        """Whether a mini-batch has left the policy that sampled it by more than `target_kl` (as in OpenAI's Spinning Up
        and Huang et al. 2022, "37 implementation details of PPO", early stopping)."""
        target = self.hparams.target_kl
        return target is not None and measured["policy/approxkl_avg"] > target

    def step(self, experience: Experience, prompts: list[int]) -> dict[str, float]:
        """One optimizer step on these prompts' answers, in micro-batches of similar length whose sums are added; not
        taken where the policy has already moved too far on them."""
        packed, answers = experience.rollout.packed, experience.rollout.packed.last_index.shape[1]
        num_tokens = int(packed.token_mask[prompts].sum())
        lengths = (packed.last_index[prompts].amax(1) + 1).tolist()
        totals: dict[str, float] = {}
        self.optimizer.zero_grad()
        self.value_optimizer.zero_grad()
        for places in batches_by_length(lengths, self.hparams.tokens_per_micro_batch):
            chosen = [prompts[place] for place in places]
            rows = [prompt * answers + k for prompt in chosen for k in range(answers)]
            loss, measured = self.losses(experience, chosen, rows, num_tokens)
            if not math.isfinite(loss.item()):
                raise TrainingError("PPO's loss is not a number. Lower the learning rate and try again.")
            loss.backward()
            for name, value in measured.items():
                known, new = totals.get(name, 0.0), value.item()
                totals[name] = max(known, new) if name.endswith("_max") else known + new
        norm = torch.nn.utils.clip_grad_norm_(self.policy.policy_parameters(), self.hparams.max_grad_norm)
        torch.nn.utils.clip_grad_norm_(self.policy.value_head.parameters(), self.hparams.max_grad_norm)
        if not math.isfinite(norm.item()):
            raise TrainingError("PPO's gradient is not a number. Lower the learning rate and try again.")
        if not self.moved_too_far(totals):
            self.optimizer.step()
            self.value_optimizer.step()
        return totals | {"policy/approxkl_max": totals["policy/approxkl_avg"], "policy/grad_norm": norm.item()}

    def losses(
        self, experience: Experience, chosen: list[int], rows: list[int], num_tokens: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Sums over this micro-batch's tokens, divided by the mini-batch's number of tokens."""
        packed, below = experience.rollout.rows(chosen)
        with autocast():
            logprobs, values, _ = self.policy(packed, below)
        logprobs, values = logprobs.flatten(0, 1), values.flatten(0, 1)  # [R',A']
        mask, span = packed.token_mask.flatten(0, 1), packed.tokens.shape[2]
        old_logprobs, old_values = experience.old_logprobs[rows, :span], experience.old_values[rows, :span]
        advantages, returns = experience.advantages[rows, :span], experience.returns[rows, :span]
        hparams = self.hparams
        policy, clipped, approx_kl = policy_loss(
            logprobs, old_logprobs, advantages, mask, hparams.cliprange, num_tokens
        )
        value, value_clipped = value_loss(values, old_values, returns, mask, hparams.cliprange_value, num_tokens)
        log_ratio = torch.where(mask, logprobs.detach() - old_logprobs, 0.0)
        ratio = masked_sum(log_ratio.exp(), mask) / num_tokens
        return policy + hparams.vf_coef * value, {
            "loss/policy_avg": policy.detach(),
            "loss/value_avg": value.detach(),
            "policy/clipfrac_avg": clipped,
            "policy/approxkl_avg": approx_kl,
            "policy/log_ratio_max": log_ratio.abs().max(),
            "val/clipfrac_avg": value_clipped,
            "val/ratio": ratio,
        }


def means(looks: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each metric over the mini-batches; the largest where its name ends in _max."""
    columns = {name: [look[name] for look in looks] for name in looks[0]}
    return {
        name: max(values) if name.endswith("_max") else sum(values) / len(values) for name, values in columns.items()
    }


def prompts_of_batch(count: int, batch: int, size: int, seed: int) -> list[int]:
    """Indices of a batch's prompts: all prompts in a new order every time round. Depends on the arguments alone."""
    orders: dict[int, list[int]] = {}
    chosen = []
    for cursor in range(batch * size, (batch + 1) * size):
        lap, place = divmod(cursor, count)
        if lap not in orders:
            generator = torch.Generator().manual_seed(part_seed(seed, lap, LAP_STRIDE))
            orders[lap] = torch.randperm(count, generator=generator).tolist()
        chosen.append(orders[lap][place])
    return chosen


def check(prompts: Sequence[list[int]], hparams: PPOHparams) -> None:
    if not prompts:
        raise TrainingError("There are no prompts to train on. Add prompts, then train again.")
    if hparams.batch_size < hparams.samples_per_prompt or hparams.batch_size % hparams.samples_per_prompt:
        raise TrainingError(
            f"batch_size {hparams.batch_size} is not a multiple of samples_per_prompt {hparams.samples_per_prompt}."
        )


def train_policy(
    initial: Llama,
    reference: Llama,
    reward_model: AnswerScorer,
    prompts: Sequence[list[int]],
    hparams: PPOHparams,
    *,
    ends: EndTokens,
    pad_id: int,
    context: TrainingContext,
) -> Generator[Progress, None, PolicyResult]:
    """Sample, score, update, until `total_episodes` are used up. Saves itself through `context` between batches."""
    check(prompts, hparams)
    hparams = fit_ppo(hparams, initial.config)
    num_batches = max(1, math.ceil(hparams.total_episodes / hparams.batch_size))
    per_batch = hparams.batch_size // hparams.samples_per_prompt
    trainer = Trainer(initial, reference, hparams)
    collector = Collector(trainer.policy, reference, reward_model, hparams, ends, pad_id, trainer.shares_lower)
    saved = context.load()
    metrics: dict[str, float] = {}
    if saved is not None:
        trainer.restore(saved)
        metrics = dict(saved["metrics"])
    while trainer.batch < num_batches:
        batch, kl_coef = trainer.batch, trainer.controller.coef
        trainer.set_rates(num_batches)
        chosen = [list(prompts[i]) for i in prompts_of_batch(len(prompts), batch, per_batch, hparams.seed)]
        seed = part_seed(hparams.seed, batch)
        rollout = collector.collect(chosen, seed)
        experience = make_experience(rollout, hparams, kl_coef)
        moved = metrics.get("policy/approxkl_max", 0.0)
        metrics = rollout_metrics(rollout, experience, kl_coef) | trainer.update(experience, seed)
        metrics["policy/approxkl_max"] = max(moved, metrics["policy/approxkl_max"])
        trainer.controller.update(metrics["objective/kl"], hparams.batch_size)
        trainer.batch += 1
        if trainer.batch % hparams.checkpoint_every_batches == 0 and trainer.batch < num_batches:
            context.save(trainer.state() | {"metrics": metrics})
        yield Progress(
            trainer.batch, num_batches, metrics, _("{n} episodes", n=f"{trainer.batch * hparams.batch_size:,}")
        )
    trainer.policy.model.requires_grad_(True)
    return PolicyResult(trainer.policy.model, metrics)
