"""What trainers of a policy on sampled episodes have in common: sample, score, update in mini-batches, save, resume.

An algorithm says what it makes of a rollout (`experience`) and what its loss is (`losses`): app/training/ppo, and
app/training/grpo. All randomness is drawn from seeds made of (seed, batch number), so that a resumed run equals an
uninterrupted one bit for bit without saving any generator. The policy it starts from, the reference and the reward
model are never changed.

Shapes: B prompts, K answers of a prompt, A tokens of the longest answer; R = B * K episodes.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from app.lm.model import Llama
from app.lm.precision import autocast
from app.policy_hparams import FittedEpisodeHparams
from app.saving import TrainingError
from app.training.adam import Adam
from app.training.packing import batches_by_length
from app.training.policy.imitation import imitation_loss, imitation_weights
from app.training.policy.losses import KLController, policy_loss
from app.training.policy.rollout import Policy, Rollout
from app.training.policy.shared_weights import same_lower_layers
from app.translation import _


@dataclass(frozen=True)
class Part:
    """Parameters with an optimizer and a full learning rate of their own; `name` is the optimizer's in a checkpoint."""

    name: str
    optimizer: torch.optim.Optimizer
    parameters: list[nn.Parameter]
    learning_rate: float


class FromRollout(Protocol):
    """What an update reads is made from a rollout, and keeps it."""

    @property
    def rollout(self) -> Rollout: ...


Experience = TypeVar("Experience", bound=FromRollout)


class EpisodeTrainer(ABC, Generic[Experience]):
    """Everything that changes during a run, and how it is saved. `hparams` are fitted to the model's size."""

    name: ClassVar[str]
    """In checkpoints."""
    title: str
    """In sentences."""

    def __init__(self, policy: Policy, hparams: FittedEpisodeHparams, initial: Llama, reference: Llama) -> None:
        self.hparams = hparams
        self.policy = policy
        self.shares_lower = same_lower_layers(initial, reference, policy.num_frozen_layers)
        never_changed = initial.config.num_hidden_layers if hparams.lora_rank else policy.num_frozen_layers
        self.knows_its_way = same_lower_layers(initial, reference, never_changed)
        self.starts_from_reference = initial is reference
        self.optimizer = self.adam(policy.policy_parameters(), hparams.learning_rate)
        self.controller = KLController(
            hparams.kl_coef, hparams.kl_target, hparams.kl_horizon, ramp=hparams.total_episodes // 2
        )
        self.batch = 0  # also the prompt cursor and, with the seed, every random state

    @property
    def is_initial(self) -> bool:
        """Whether the policy is the reference still."""
        return self.batch == 0 and self.starts_from_reference

    @abstractmethod
    def experience(self, rollout: Rollout) -> tuple[Experience, dict[str, float]]:
        """What the update reads of a rollout, and what is told of it."""

    @abstractmethod
    def losses(
        self, experience: Experience, chosen: list[int], rows: list[int], num_tokens: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of the answers `rows` to the prompts `chosen` and what is told of it, each a sum over these tokens
        divided by the mini-batch's number of tokens. Its "policy/approxkl_avg" is what `target_kl` bounds."""

    @property
    def imitates(self) -> bool:
        """Whether this batch's best answers are imitated (imitation.py)."""
        return self.batch < self.hparams.imitated_batches

    def imitating_losses(
        self, experience: Experience, chosen: list[int], rows: list[int], num_tokens: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As `losses`, of the beginning's batches."""
        packed, below = experience.rollout.rows(chosen)
        with autocast():
            logprobs, _, _ = self.policy(packed, below)
        logprobs, mask = logprobs.flatten(0, 1), packed.token_mask.flatten(0, 1)
        old = experience.rollout.logprobs.flatten(0, 1)[rows, : logprobs.shape[1]]
        weights = imitation_weights(experience.rollout.scores.flatten())[rows]
        loss = imitation_loss(logprobs, weights, mask, num_tokens)
        _, moved = policy_loss(logprobs.detach(), old, torch.zeros(()), mask, self.hparams.cliprange, num_tokens)
        return loss, moved | {"loss/policy_avg": loss.detach()}

    def adam(self, parameters: Sequence[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
        return Adam(parameters, lr=learning_rate, eps=self.hparams.adam_eps, weight_decay=0.0, fused=True)

    def parts(self) -> list[Part]:
        """The policy's own first."""
        return [Part("optimizer", self.optimizer, self.policy.policy_parameters(), self.hparams.learning_rate)]

    def trained_weights(self) -> dict[str, Tensor]:
        """Of the policy, and of a value head; the frozen ones are the initial policy's."""
        return {name: weight for name, weight in self.policy.named_parameters() if weight.requires_grad}

    def state(self) -> dict[str, Any]:
        return {
            "kind": self.name,
            "hparams": asdict(self.hparams),
            "batch": self.batch,
            "kl_coef": self.controller.coef,
            "policy": {name: weight.detach() for name, weight in self.trained_weights().items()},
            **{part.name: part.optimizer.state_dict() for part in self.parts()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        if state.get("kind") != self.name or state.get("hparams") != asdict(self.hparams):
            raise TrainingError(_("The saved state belongs to another training. Remove it to start this one over."))
        self.batch, self.controller.coef = state["batch"], state["kl_coef"]
        trained = self.trained_weights()
        with torch.no_grad():
            for name, weight in state["policy"].items():
                trained[name].copy_(weight)
        for part in self.parts():
            part.optimizer.load_state_dict(state[part.name])

    def set_rates(self, num_batches: int) -> None:
        """Linear warm-up, then linear decay to zero (TRL's default schedule)."""
        warmup = min(1.0, (self.batch + 1) / max(1, self.hparams.warmup_batches))
        factor = warmup * (1.0 - self.batch / num_batches)
        for part in self.parts():
            for group in part.optimizer.param_groups:
                group["lr"] = part.learning_rate * factor

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
        for part in self.parts():
            part.optimizer.zero_grad()  # gradients would lie idle while the next answers are sampled
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
        for part in self.parts():
            part.optimizer.zero_grad()
        for places in batches_by_length(lengths, self.hparams.tokens_per_micro_batch):
            chosen = [prompts[place] for place in places]
            rows = [prompt * answers + k for prompt in chosen for k in range(answers)]
            losses = self.imitating_losses if self.imitates else self.losses
            loss, measured = losses(experience, chosen, rows, num_tokens)
            if not math.isfinite(loss.item()):
                raise TrainingError(
                    _("{method}: the loss is not a number. Lower the learning rate and try again.", method=self.title)
                )
            loss.backward()
            for name, value in measured.items():
                known, new = totals.get(name, 0.0), value.item()
                totals[name] = max(known, new) if name.endswith("_max") else known + new
        norm = self.clip_gradients()
        if not math.isfinite(norm):
            raise TrainingError(
                _("{method}: the gradient is not a number. Lower the learning rate and try again.", method=self.title)
            )
        if not self.moved_too_far(totals):
            for part in self.parts():
                part.optimizer.step()
        return totals | {"policy/approxkl_max": totals["policy/approxkl_avg"], "policy/grad_norm": norm}

    def clip_gradients(self) -> float:
        """Each part by itself; the policy's norm before."""
        norms = [torch.nn.utils.clip_grad_norm_(part.parameters, self.hparams.max_grad_norm) for part in self.parts()]
        return norms[0].item()


def means(looks: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each metric over the mini-batches; the largest where its name ends in _max."""
    columns = {name: [look[name] for look in looks] for name in looks[0]}
    return {
        name: max(values) if name.endswith("_max") else sum(values) / len(values) for name, values in columns.items()
    }
