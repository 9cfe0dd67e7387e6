"""PPO of the policy against the reward model. A generator: one Progress per batch of episodes, the result at the end.

Follows TRL's PPO and Huang et al. 2024 ("N+ implementation details") except: the value function is a head on the
policy's trunk, several answers share a prompt's row, and the lower layers may stay frozen with their states kept over
the epochs. Sampling, the update in mini-batches, checkpoints and exact resumption are those of every trainer on
episodes (app/training/policy/trainer.py).

Shapes: B prompts, K answers of a prompt, A tokens of the longest answer; R = B * K episodes.
"""

from collections.abc import Generator

from torch import Tensor

from app.lm.model import Llama
from app.lm.precision import autocast
from app.model_info.size import fit_ppo
from app.policy_hparams import FittedPPOHparams, PPOHparams
from app.training.context import Progress, TrainingContext
from app.training.packing import pack
from app.training.policy.episodes import PolicyResult, PolicyTask, train_on_episodes
from app.training.policy.losses import masked_sum, policy_loss, value_loss
from app.training.policy.rollout import Rollout
from app.training.policy.trainer import EpisodeTrainer, Part
from app.training.ppo.experience import Experience, make_experience, rollout_metrics
from app.training.ppo.value_head import PolicyWithValue


class Trainer(EpisodeTrainer[Experience]):
    """The policy with its value head, and an optimizer for each."""

    name, title = "ppo", "PPO"
    hparams: FittedPPOHparams
    policy: PolicyWithValue

    def __init__(self, initial: Llama, reference: Llama, hparams: PPOHparams) -> None:
        fitted = fit_ppo(hparams, initial.config)
        super().__init__(PolicyWithValue(initial, fitted), fitted, initial, reference)
        self.value_optimizer = self.adam(list(self.policy.value_head.parameters()), fitted.value_learning_rate)
        network = self.policy.value_network_parameters()
        self.network_optimizer = self.adam(network, fitted.learning_rate) if network else None

    def parts(self) -> list[Part]:
        head, rate = list(self.policy.value_head.parameters()), self.hparams.value_learning_rate
        parts = [*super().parts(), Part("value_optimizer", self.value_optimizer, head, rate)]
        if self.network_optimizer is None:
            return parts
        network, rate = self.policy.value_network_parameters(), self.hparams.learning_rate
        return [*parts, Part("network_optimizer", self.network_optimizer, network, rate)]

    def experience(self, rollout: Rollout) -> tuple[Experience, dict[str, float]]:
        experience = make_experience(rollout, self.hparams, self.controller.coef)
        return experience, rollout_metrics(rollout, experience, self.controller.coef)

    def losses(
        self, experience: Experience, chosen: list[int], rows: list[int], num_tokens: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        packed, below = experience.rollout.rows(chosen)
        with autocast():
            logprobs, values, _ = self.policy(packed, below)
        logprobs, values = logprobs.flatten(0, 1), values.flatten(0, 1)  # [R',A']
        mask, span = packed.token_mask.flatten(0, 1), packed.tokens.shape[2]
        old_logprobs, old_values = experience.old_logprobs[rows, :span], experience.old_values[rows, :span]
        advantages, returns = experience.advantages[rows, :span], experience.returns[rows, :span]
        hparams = self.hparams
        policy, moved = policy_loss(logprobs, old_logprobs, advantages, mask, hparams.cliprange, num_tokens)
        value, value_clipped = value_loss(values, old_values, returns, mask, hparams.cliprange_value, num_tokens)
        loss = policy + value
        if hparams.ptx_coef:
            loss = loss + hparams.ptx_coef * self.own_answers_loss(experience, chosen, num_tokens)
        return loss, moved | {
            "loss/policy_avg": policy.detach(),
            "loss/value_avg": value.detach(),
            "val/clipfrac_avg": value_clipped,
        }

    def own_answers_loss(self, experience: Experience, chosen: list[int], num_tokens: int) -> Tensor:
        """Negative log-likelihood of the SFT model's answers to these prompts: PPO-ptx (Ouyang et al. 2022, section 3.4
        and eq. 2) with what every installation has in the place of the pretraining data, which most have not."""
        rollout = experience.rollout
        packed = pack(rollout.prompts(chosen), [rollout.own_answers[prompt] for prompt in chosen], 0)
        with autocast():
            logprobs, _, _ = self.policy(packed)
        return -masked_sum(logprobs, packed.token_mask) / num_tokens


def train_policy(
    task: PolicyTask, hparams: PPOHparams, context: TrainingContext
) -> Generator[Progress, None, PolicyResult]:
    """Sample, score, update, until `total_episodes` are used up or there is a reason to stop. Saves itself through
    `context` between batches."""
    return train_on_episodes(Trainer(task.initial, task.reference, hparams), task, context)
