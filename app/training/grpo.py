"""RLOO and GRPO of the policy against the reward model: an answer is compared with the others to its prompt.

Neither has a value function: an answer is one action. RLOO (Ahmadian et al. 2024, "Back to basics", eq. 9): REINFORCE
with the mean reward of the prompt's other answers as baseline, the KL penalty in the reward. GRPO (Shao et al. 2024,
"DeepSeekMath", eq. 3 and 4): the score less the prompt's mean in its deviations, the KL penalty (k3) in the loss. Both
with PPO's clipped ratio, so that a batch serves several steps (RLOO's single step on fresh answers is the case where
the ratio is 1), and with the loss a mean over the mini-batch's tokens. Sampling, the update in mini-batches,
checkpoints and exact resumption are those of every trainer on episodes (app/training/policy/trainer.py).

Shapes: B prompts, K answers of a prompt, A tokens of the longest answer; R = B * K episodes.
"""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from app.kinds.train_grpo import FittedGRPOHparams, GRPOHparams
from app.lm.model import Llama
from app.lm.precision import autocast
from app.model_info.size import fitted_values
from app.training.context import Progress, TrainingContext
from app.training.policy.episode_metrics import episode_metrics
from app.training.policy.episodes import PolicyResult, PolicyTask, train_on_episodes
from app.training.policy.losses import kl_estimates, masked_sum, policy_loss
from app.training.policy.rollout import Policy, Rollout
from app.training.policy.scores import leave_one_out
from app.training.policy.trainer import EpisodeTrainer

FLAT = 1e-6  # a deviation below this is rounding: all answers are worth the same


@dataclass(frozen=True)
class Experience:
    """What the update reads. [R,A], rows in the rollout's order; an answer's tokens have one advantage, [R]."""

    rollout: Rollout
    old_logprobs: Tensor
    ref_logprobs: Tensor
    advantages: Tensor


def group_normalized(rewards: Tensor) -> Tensor:
    """[B,K] -> each less the prompt's mean, in its (population) deviations; 0 where all are alike."""
    centered = rewards - rewards.mean(1, keepdim=True)
    deviation = centered.square().mean(1, keepdim=True).sqrt()
    return torch.where(deviation > FLAT, centered / deviation.clamp(min=FLAT), 0.0)


def make_experience(rollout: Rollout, baseline: str, kl_coef: float) -> tuple[Experience, dict[str, float]]:
    mask = rollout.packed.token_mask
    if baseline == "rloo":
        kl, _ = kl_estimates(rollout.logprobs, rollout.ref_logprobs)
        rewards = rollout.scores - kl_coef * torch.where(mask, kl, 0.0).sum(-1)
        advantages = leave_one_out(rewards)
    else:
        rewards = rollout.scores
        advantages = group_normalized(rewards)
    flat = (rewards.amax(1) - rewards.amin(1)) <= FLAT
    told = {
        "grpo/advantage_std": advantages.std(correction=0).item(),
        "grpo/flat_groups": flat.float().mean().item(),
    }
    logprobs, reference = rollout.logprobs.flatten(0, 1), rollout.ref_logprobs.flatten(0, 1)
    return Experience(rollout, logprobs, reference, advantages.flatten()), told


class Trainer(EpisodeTrainer[Experience]):
    """The policy alone."""

    name = "grpo"
    hparams: FittedGRPOHparams

    def __init__(self, initial: Llama, reference: Llama, hparams: GRPOHparams) -> None:
        fitted = FittedGRPOHparams(**fitted_values(hparams, initial.config))
        self.title = fitted.baseline.upper()
        policy = Policy(initial, fitted, fitted.temperature)
        super().__init__(policy, fitted, initial, reference)

    def experience(self, rollout: Rollout) -> tuple[Experience, dict[str, float]]:
        coefficient = self.controller.coef
        experience, told = make_experience(rollout, self.hparams.baseline, coefficient)
        return experience, episode_metrics(rollout, coefficient) | told

    def losses(
        self, experience: Experience, chosen: list[int], rows: list[int], num_tokens: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        packed, below = experience.rollout.rows(chosen)
        with autocast():
            logprobs, _, _ = self.policy(packed, below)
        logprobs = logprobs.flatten(0, 1)  # [R',A']
        mask, span = packed.token_mask.flatten(0, 1), packed.tokens.shape[2]
        old_logprobs, advantages = experience.old_logprobs[rows, :span], experience.advantages[rows, None]
        loss, moved = policy_loss(logprobs, old_logprobs, advantages, mask, self.hparams.cliprange, num_tokens)
        if self.hparams.baseline == "grpo":
            _, k3 = kl_estimates(logprobs, experience.ref_logprobs[rows, :span])
            loss = loss + self.controller.coef * masked_sum(k3, mask) / num_tokens
        return loss, moved | {"loss/policy_avg": loss.detach()}


def train_grpo(
    task: PolicyTask, hparams: GRPOHparams, context: TrainingContext
) -> Generator[Progress, None, PolicyResult]:
    """Sample, score, update, until `total_episodes` are used up or there is a reason to stop. Saves itself through
    `context` between batches."""
    return train_on_episodes(Trainer(task.initial, task.reference, hparams), task, context)
