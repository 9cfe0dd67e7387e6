"""From a rollout to what PPO's update reads: rewards, advantages and returns.

Pure functions of a rollout. Knows no model and no optimizer.

Shapes: B prompts, K answers of a prompt, A tokens of the longest answer; R = B * K episodes.
"""

from dataclasses import dataclass

from torch import Tensor

from app.policy_hparams import PPOHparams
from app.training.policy.episode_metrics import episode_metrics
from app.training.policy.losses import (
    compute_rewards,
    explained_variance,
    gae,
    masked_whiten,
)
from app.training.policy.rollout import Rollout


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
    assert rollout.values is not None, "PPO's policy has a value head"
    logprobs, values = rollout.logprobs.flatten(0, 1), rollout.values.flatten(0, 1)
    rewards = compute_rewards(rollout.scores.flatten(), logprobs, rollout.ref_logprobs.flatten(0, 1), mask, kl_coef)
    if hparams.whiten_rewards:
        rewards = masked_whiten(rewards, mask, shift_mean=False)
    advantages, returns = gae(rewards, values, mask, hparams.gamma, hparams.lam)
    return Experience(rollout, logprobs, values, masked_whiten(advantages, mask), returns, mask)


def rollout_metrics(rollout: Rollout, experience: Experience, kl_coef: float) -> dict[str, float]:
    explained = explained_variance(experience.old_values, experience.returns, experience.mask)
    return episode_metrics(rollout, kl_coef) | {"val/explained_variance": explained.item()}
