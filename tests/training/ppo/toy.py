"""What tests of PPO on a tiny random model share: its settings, prompts and reward, and a start."""

from collections.abc import Generator, Iterator
from typing import Any

import torch

from app.lm.model import Llama
from app.model_info.size import fit_ppo
from app.policy_hparams import FittedPPOHparams, PPOHparams
from app.training.context import Progress
from app.training.policy.episodes import PolicyResult, PolicyTask
from app.training.policy.rollout import Collector, Rollout
from app.training.policy.validating import Watch
from app.training.ppo.trainer import Trainer, train_policy
from app.training.reward.network import RewardModel
from tests.training.tiny import ASSISTANT, BOS, ENDS, PAD, USER, NoContext, tiny_model

COUNTED = 7  # the toy reward counts this token
SMALL: dict[str, Any] = {
    "total_episodes": 96,
    "batch_size": 16,
    "samples_per_prompt": 4,
    "max_tokens": 8,
    "num_frozen_layers": 1,
    "checkpoint_every_batches": 2,
}
"""Settings of a small training of a policy, by whichever method."""
GIVEN = PPOHparams(**SMALL)
HPARAMS = fit_ppo(GIVEN, tiny_model().config)
PROMPTS = [[BOS, USER, token, ASSISTANT] for token in range(10, 22)] + [[BOS, USER, 30, 31, 32, ASSISTANT]]


class MemoryContext:
    """Keeps the last state, as it would come back from a file; can stop the run after a number of saves."""

    def __init__(self) -> None:
        self.saved: dict[str, Any] | None = None

    def load(self) -> dict[str, Any] | None:
        return self.saved

    def save(self, state: dict[str, Any]) -> None:
        import io

        buffer = io.BytesIO()
        torch.save(state, buffer)
        buffer.seek(0)
        self.saved = torch.load(buffer, weights_only=True)


def reward_model(seed: int = 0) -> RewardModel:
    return RewardModel.from_sft(tiny_model(), 2, seed)


def start(
    initial: Llama, reference: Llama, hparams: PPOHparams = HPARAMS, context: Any = None, watch: Watch | None = None
) -> Generator[Progress, None, PolicyResult]:
    task = PolicyTask(initial, reference, reward_model(), PROMPTS, ENDS, PAD, watch)
    return train_policy(task, hparams, context or NoContext())


def rollout_of(trainer: Trainer, reference: Llama, hparams: FittedPPOHparams = HPARAMS) -> Rollout:
    collector = Collector(trainer.policy, reference, reward_model(), hparams, ENDS, PAD, trainer.shares_lower)
    return collector.collect(PROMPTS, seed=5)


def rises(steps: Iterator[Progress]) -> bool:
    """Whether the mean score of three batches comes to 1 above that of the first three; no further steps are taken."""
    scores: list[float] = []
    for step in steps:
        scores.append(step.metrics["objective/scores"])
        if sum(scores[-3:]) / 3 > sum(scores[:3]) / 3 + 1.0:
            return True
    return False


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
