"""From a rollout to what the update reads: rewards, advantages and returns; and what a batch of episodes was like.

Pure functions of a rollout. Knows no model and no optimizer.

Shapes: B prompts, K answers of a prompt, A tokens of the longest answer; R = B * K episodes.
"""

from dataclasses import dataclass

from torch import Tensor

from app.hparams import PPOHparams
from app.training.ppo.losses import (
    compute_rewards,
    explained_variance,
    gae,
    kl_estimates,
    masked_mean,
    masked_sum,
    masked_whiten,
)
from app.training.ppo.rollout import Rollout


@dataclass(frozen=True)
class Experience:
    """What the update reads. [R,A], rows in the rollout's order."""

    rollout: Rollout
    old_logprobs: Tensor
    old_values: Tensor
    advantages: Tensor
    returns: Tensor
    mask: Tensor


def make_experience(rollout: Rollout, hparams: PPOHparams, kl_coef: float) -> Experience:
    """Rewards, advantages and returns; whitening looks at real tokens only."""
    mask = rollout.packed.token_mask.flatten(0, 1)
    logprobs, values = rollout.logprobs.flatten(0, 1), rollout.values.flatten(0, 1)
    rewards = compute_rewards(rollout.scores.flatten(), logprobs, rollout.ref_logprobs.flatten(0, 1), mask, kl_coef)
    if hparams.whiten_rewards:
        rewards = masked_whiten(rewards, mask, shift_mean=False)
    advantages, returns = gae(rewards, values, mask, hparams.gamma, hparams.lam)
    return Experience(rollout, logprobs, values, masked_whiten(advantages, mask), returns, mask)


def rollout_metrics(rollout: Rollout, experience: Experience, kl_coef: float) -> dict[str, float]:
    """Means over answers; kl and entropy are summed over an answer's tokens, in nats, as in TRL."""
    mask = experience.mask
    kl, _ = kl_estimates(experience.old_logprobs, rollout.ref_logprobs.flatten(0, 1))
    kl_mean = (masked_sum(kl, mask) / len(mask)).item()
    scores = rollout.scores.mean().item()
    return {
        "objective/kl": kl_mean,
        "objective/scores": scores,
        "objective/non_score_reward": -kl_coef * kl_mean,
        "objective/rlhf_reward": scores - kl_coef * kl_mean,
        "objective/entropy": (-masked_sum(experience.old_logprobs, mask) / len(mask)).item(),
        "policy/entropy_avg": masked_mean(rollout.entropy.flatten(0, 1), mask).item(),
        "policy/end_rate": rollout.ended.float().mean().item(),
        "policy/length_mean": (mask.sum() / len(mask)).item(),
        "val/explained_variance": explained_variance(experience.old_values, experience.returns, mask).item(),
        "kl_coef": kl_coef,
    }
