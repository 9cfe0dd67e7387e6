"""Every formula of policy optimization as a pure function: tensors and a mask in, tensors out.

Knows no model, no data, no clock, and no I/O. Masks are bool, True at real tokens; rows hold a completion from
position 0 and padding after it. A padded position never reaches a result. Sums are divided by an explicit number of
global tokens, never by a micro-batch's own mean, so splitting a batch does not change the gradient.

Shapes: B rows (answers), T completion positions, V vocabulary.
Names and defaults follow TRL's PPO and vwxyzjn/summarize_from_feedback_details ("N+", Huang et al. 2024).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST, MOST = 0.25, 40.0
"""Bounds of the KL coefficient, times its first value: too little of a penalty is worse than too much."""


def masked_sum(values: Tensor, mask: Tensor) -> Tensor:
    """Sum over real positions. `where`, not a product: NaN in the padding must not leak (NaN * 0 is NaN)."""
    return torch.where(mask, values, 0.0).sum()


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    return masked_sum(values, mask) / mask.sum().clamp(min=1)


def masked_variance(values: Tensor, mask: Tensor) -> Tensor:
    """Variance with the n-1 of a sample (N+ detail 17); 0 where fewer than two positions are real."""
    centered = torch.where(mask, values - masked_mean(values, mask), 0.0)
    return centered.square().sum() / (mask.sum() - 1).clamp(min=1)


def masked_whiten(values: Tensor, mask: Tensor, *, shift_mean: bool = True) -> Tensor:
    """[B,T] to deviation 1 (and mean 0, unless `shift_mean` is off as for rewards); padding becomes 0."""
    mean = masked_mean(values, mask)
    whitened = (values - mean) * torch.rsqrt(masked_variance(values, mask) + 1e-8)
    return torch.where(mask, whitened if shift_mean else whitened + mean, 0.0)


def last_index(mask: Tensor) -> Tensor:
    """[B,T] -> [B] position of the last real token; a row without any is an error of the caller."""
    assert bool(mask.any(1).all()), "every row needs a real token"
    positions = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask, positions, -1).amax(1)


def kl_estimates(logprobs: Tensor, ref_logprobs: Tensor) -> tuple[Tensor, Tensor]:
    """Per-token estimates k1 and k3 of KL(policy || reference) from the policy's samples.

    Schulman (2020), "Approximating KL divergence": k1 = log p - log q (unbiased, may be negative);
    k3 = (q/p - 1) - log(q/p) (unbiased, never negative, less variance while p and q are near).
    """
    log_ratio = ref_logprobs - logprobs
    return -log_ratio, torch.expm1(log_ratio) - log_ratio


def compute_rewards(scores: Tensor, logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, kl_coef: float) -> Tensor:
    """Per-token rewards [B,T]: -kl_coef * (log p - log q), the score [B] added at the last token.

    Ziegler et al. (2019) section 2.1, eq. 2; Stiennon et al. (2020) section 3.4.
    """
    rewards = torch.where(mask, -kl_coef * (logprobs - ref_logprobs), 0.0)
    return rewards.scatter_add(1, last_index(mask).unsqueeze(1), scores.to(rewards.dtype).unsqueeze(1))


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Generalized advantage estimation, Schulman et al. (2016) eq. 16, as a reverse scan -> advantages, returns
    [B,T].

    delta_t = r_t + gamma V_{t+1} - V_t,  A_t = delta_t + gamma lam A_{t+1}; V and A are 0 after the last token.
    """
    rewards = torch.where(mask, rewards, 0.0)
    values = torch.where(mask, values, 0.0)
    advantages = torch.zeros_like(rewards)
    next_value = torch.zeros_like(rewards[:, 0])
    next_advantage = torch.zeros_like(next_value)
    for step in range(rewards.shape[1] - 1, -1, -1):
        delta = rewards[:, step] + gamma * next_value - values[:, step]
        next_advantage = torch.where(mask[:, step], delta + gamma * lam * next_advantage, 0.0)
        next_value = values[:, step]
        advantages[:, step] = next_advantage
    return advantages, advantages + values


def policy_loss(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, mask: Tensor, cliprange: float, num_tokens: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """Clipped surrogate, Schulman et al. (2017) eq. 7 -> loss, and what is told of the ratio; each a sum / num_tokens,
    names in _max a maximum.

    The approximate KL to the policy that sampled is 0.5 * E[(log ratio)^2] (TRL's policy/approxkl_avg).
    """
    log_ratio = torch.where(mask, logprobs - old_logprobs, 0.0)
    ratio = log_ratio.exp()
    unclipped = -advantages * ratio
    clipped = -advantages * ratio.clamp(1.0 - cliprange, 1.0 + cliprange)
    loss = masked_sum(torch.maximum(unclipped, clipped), mask) / num_tokens
    moved = log_ratio.detach()
    return loss, {
        "policy/clipfrac_avg": (mask & (clipped > unclipped)).sum() / num_tokens,
        "policy/approxkl_avg": 0.5 * moved.square().sum() / num_tokens,
        "policy/log_ratio_max": moved.abs().max(),
        "val/ratio": masked_sum(moved.exp(), mask) / num_tokens,
    }


def value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, cliprange_value: float, num_tokens: int
) -> tuple[Tensor, Tensor]:
    """Clipped squared error (Schulman et al. 2016's GAE code; OpenAI baselines' ppo2) -> loss, clipped share."""
    bounded = values.clamp(old_values - cliprange_value, old_values + cliprange_value)  # exactly the value inside
    error = torch.where(mask, values - returns, 0.0).square()
    clipped_error = torch.where(mask, bounded - returns, 0.0).square()
    loss = 0.5 * masked_sum(torch.maximum(error, clipped_error), mask) / num_tokens
    return loss, (mask & (clipped_error > error)).sum() / num_tokens


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
    """1 - Var(returns - values) / Var(returns): 1 is a perfect value function, 0 is no better than a constant."""
    return 1.0 - masked_variance(returns - values, mask) / masked_variance(returns, mask).clamp(min=1e-8)


@dataclass
class KLController:
    """Adaptive KL coefficient, Ziegler et al. (2019) section 2.2; fixed where `target` is None. `coef` is its whole
    state.

    e = clip((KL - target now) / target, -0.2, 0.2);  coef <- coef * (1 + e * episodes / horizon).

    Theirs is the same with a constant target, in runs of 2,000 batches. In one of 24 the KL, which is 0 at first, lies
    under a constant target for most of the run, so that the coefficient only falls and is gone when it is needed (from
    0.100 to 0.022, with the KL at 15 in longer runs). So the target rises in a line from 0, over the first `ramp`
    episodes, and the coefficient falls only while the policy moves more slowly than that. It stays within LEAST
    and MOST times its first value: the integral of a long error would have to be undone first.
    """

    coef: float
    target: float | None
    horizon: int
    ramp: int = 0

    def __post_init__(self) -> None:
        self._least, self._most = self.coef * LEAST, self.coef * MOST

    def target_at(self, episodes: int) -> float | None:
        """Nats per answer, when so many episodes are done."""
        return None if self.target is None else self.target * min(1.0, episodes / max(1, self.ramp))

    def update(self, kl: float, num_episodes: int, episodes_done: int) -> None:
        """`kl` is the mean over answers of the sum over tokens, in nats, of the last `num_episodes`; `episodes_done`
        are those before them: the policy that was measured had learned from no more."""
        now = self.target_at(episodes_done)
        if self.target is None or now is None:
            return
        error = min(max((kl - now) / self.target, -0.2), 0.2)
        self.coef = min(max(self.coef * (1.0 + error * num_episodes / self.horizon), self._least), self._most)
