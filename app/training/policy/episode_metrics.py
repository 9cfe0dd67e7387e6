"""What a batch of episodes was like: score, KL to the reference, entropy, length. A pure function of a rollout."""

from app.training.policy.losses import kl_estimates, masked_mean, masked_sum
from app.training.policy.rollout import Rollout


def episode_metrics(rollout: Rollout, kl_coef: float) -> dict[str, float]:
    """Means over answers; kl and entropy are summed over an answer's tokens, in nats, as in TRL. Scores, ends and
    lengths are of all answers that were drawn, the rest of those that are learned from."""
    mask = rollout.packed.token_mask.flatten(0, 1)
    logprobs = rollout.logprobs.flatten(0, 1)
    kl, _ = kl_estimates(logprobs, rollout.ref_logprobs.flatten(0, 1))
    kl_mean = (masked_sum(kl, mask) / len(mask)).item()
    drawn = rollout.drawn
    scores = (rollout.scores if drawn is None else drawn.scores).mean().item()
    ended = rollout.ended if drawn is None else drawn.ended
    length = mask.sum() / len(mask) if drawn is None else drawn.lengths.float().mean()
    return {
        "objective/kl": kl_mean,
        "objective/scores": scores,
        "objective/non_score_reward": -kl_coef * kl_mean,
        "objective/rlhf_reward": scores - kl_coef * kl_mean,
        "objective/entropy": (-masked_sum(logprobs, mask) / len(mask)).item(),
        "policy/entropy_avg": masked_mean(rollout.entropy.flatten(0, 1), mask).item(),
        "policy/end_rate": ended.float().mean().item(),
        "objective/deviation": rollout.deviations.mean().item(),
        "policy/length_mean": length.item(),
        "kl_coef": kl_coef,
    }
