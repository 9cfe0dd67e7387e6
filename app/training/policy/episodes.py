"""The loop of every training of a policy on episodes: sample, score, update, validate, stop, keep the best, resume.

Works on any EpisodeTrainer (trainer.py). A resumed run equals an uninterrupted one bit for bit, the best checkpoint
included: what decides is in the checkpoint.
"""

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from app.lm.adapters import Adapter
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.model_info.operations import EpisodeOperations
from app.policy_hparams import EpisodeHparams
from app.saving import TrainingError
from app.training.context import Answers, Progress, Say, TrainingContext, quiet
from app.training.policy.counting import asked_at, asked_in, operations_of
from app.training.policy.rollout import Collector
from app.training.policy.trainer import EpisodeTrainer
from app.training.policy.validating import Example, Look, Validator, Watch, stop_rules, told
from app.training.policy.way_back import SHARES, part_of_the_way
from app.training.reward.scoring import AnswerScorer
from app.training.seeds import LAP_STRIDE, part_seed
from app.training.stopping import (
    Reason,
    StopRules,
    Validation,
    best_validation,
    best_way,
    kl_is_used_up,
    reason_to_stop,
)
from app.training.verdict import Verdict, verdict_of
from app.translation import N_, _

BASELINE = N_("1 of 3: the SFT model answers {n} prompts that are set aside, to compare with")
BEFORE = N_("2 of 3: the judge reads {n} answers of the policy as it is before the training")
FIRST_BATCH = N_("3 of 3: {n} answers of the first batch are sampled, scored and learned from")
UNWATCHED = N_("{n} answers of the first batch are sampled, scored and learned from")
GOING_ON = N_("Goes on after {n} episodes")


@dataclass(frozen=True)
class PolicyResult:
    """The version that is kept: the judge's best, or the last where nobody watched. `metrics` are the last batch's,
    under the names that progress uses."""

    model: Llama
    metrics: dict[str, float]
    verdict: Verdict | None = None
    history: list[Validation] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    """Answers of the policy as it was at the end, which the verdict is about."""
    ways: list[Validation] = field(default_factory=list)
    """The best version's, with all of its way from the SFT model and with parts of it; one of them was kept."""
    adapter: Adapter | None = None
    """What was learned, where it was learned beside the weights (LoRA); it is merged into the model."""


@dataclass(frozen=True)
class PolicyTask:
    """What every trainer of a policy on episodes works on, whatever its algorithm."""

    initial: Llama
    """The weights that it starts from."""
    reference: Llama
    """The SFT model: KL and scores count from it."""
    reward_model: AnswerScorer
    prompts: Sequence[list[int]]
    ends: EndTokens
    pad_id: int
    watch: Watch | None = None
    """Without it nothing is validated, and the last weights are kept."""
    say: Say = quiet
    """Told what is done before the first step."""


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


def check(prompts: Sequence[list[int]], hparams: EpisodeHparams) -> None:
    if not prompts:
        raise TrainingError(_("There are no prompts to train on. Add prompts, then train again."))
    if hparams.batch_size < hparams.samples_per_prompt or hparams.batch_size % hparams.samples_per_prompt:
        raise TrainingError(
            _(
                "batch_size {batch} is not a multiple of samples_per_prompt {samples}. Choose one that is.",
                batch=hparams.batch_size,
                samples=hparams.samples_per_prompt,
            )
        )


class Validations:
    """What a run's validations have shown so far, and the weights of the best one: a part of its checkpoint."""

    def __init__(self, trainer: EpisodeTrainer[Any], watch: Watch | None, operations: EpisodeOperations) -> None:
        self.trainer, self.operations = trainer, operations
        self.validator = None if watch is None else Validator(watch, trainer.hparams.seed)
        self.history: list[Validation] = []
        self.examples: list[Example] = []
        self.best: dict[str, Tensor] = {}
        self.answers: list[Answers] = []
        """Since they were told."""
        self.flops = 0.0
        """Since they were counted."""

    def state(self) -> dict[str, Any]:
        return {"history": [each.as_json() for each in self.history], "best": self.best}

    def restore(self, state: dict[str, Any]) -> None:
        self.history = [Validation.from_json(each) for each in state["history"]]
        self.best = dict(state["best"])

    def look(self) -> dict[str, float]:
        """At the policy as it is; nothing where nobody watches, or where it was looked at already."""
        episodes = self.trainer.batch * self.trainer.hparams.batch_size
        was_made = bool(self.history) and self.history[-1].episodes == episodes
        if self.validator is None or (was_made and self.examples):
            return {}
        counted = self.flops
        look = self.seen(self.validator, episodes)
        if was_made:  # before this attempt, which was resumed here, and it was counted then
            self.flops = counted
        self.examples = look.examples
        self.answers.append(look.told(self.trainer.batch))
        self.history = [*(each for each in self.history if each.episodes < episodes), look.validation]
        if best_validation(self.history) == len(self.history) - 1:
            self.best = {name: weight.detach().clone() for name, weight in self.trainer.trained_weights().items()}
        return told(look.validation)

    def seen(self, validator: Validator, episodes: int) -> Look:
        """The policy as it is, and what that took."""
        if self.trainer.is_initial:  # the SFT model's weights, and it was asked already
            return validator.look(validator.watch.comparison.reference, episodes)
        look = validator.look(self.trainer.policy.model, episodes)
        self.flops += self.operations.validation(asked_at(look, validator.watch))
        return look

    def counted(self, metrics: dict[str, float]) -> dict[str, float]:
        """With the looks since they were counted last."""
        flops, self.flops = metrics.get("flops", 0.0) + self.flops, 0.0
        return metrics | {"flops": flops}

    def take_answers(self) -> tuple[Answers, ...]:
        """Of the looks since they were taken last."""
        taken, self.answers = tuple(self.answers), []
        return taken

    def is_due(self) -> bool:
        return self.trainer.batch % self.trainer.hparams.validate_every_batches == 0

    def result(self, metrics: dict[str, float], reason: Reason, reference: Llama) -> PolicyResult:
        """With the best weights, moved back to the part of their way that keeps most."""
        ways, weights, verdict = self.ways(reference), self.best, None
        if ways:
            kept = ways[best_way(ways)]
            if kept.way < 1.0:
                weights = part_of_the_way(self.best, reference, kept.way)
            other = self.validator is not None and self.validator.judge_is_other
            verdict = verdict_of(self.history, reason, judge_is_other=other, ways=ways)
            metrics = metrics | {"way": kept.way}
        self.take(weights)
        model, adapter = self.trainer.policy.finished()
        return PolicyResult(model, self.counted(metrics), verdict, self.history, self.examples, ways, adapter)

    def ways(self, reference: Llama) -> list[Validation]:
        """Of the best weights with all of their way, and with parts of it, which it has in the end; with all alone
        where it may not be moved back, or where the weights that never change are not the SFT model's."""
        if not self.history:
            return []
        whole = self.history[best_validation(self.history)]
        if self.validator is None or not (self.trainer.hparams.move_back and self.trainer.knows_its_way and self.best):
            return [whole]
        ways = [whole]
        for share in SHARES:
            self.take(part_of_the_way(self.best, reference, share))
            look = self.seen(self.validator, whole.episodes)
            ways.append(replace(look.validation, way=share))
        return ways

    @torch.no_grad()
    def take(self, weights: Mapping[str, Tensor]) -> None:
        trained = self.trainer.trained_weights()
        for name, weight in weights.items():
            trained[name].copy_(weight)


def train_on_episodes(
    trainer: EpisodeTrainer[Any], task: PolicyTask, context: TrainingContext
) -> Generator[Progress, None, PolicyResult]:
    """Sample, score, update, until `total_episodes` are used up or there is a reason to stop. Saves itself through
    `context` between batches."""
    hparams, rules = trainer.hparams, stop_rules(trainer.hparams)
    check(task.prompts, hparams)
    num_batches = max(1, math.ceil(hparams.total_episodes / hparams.batch_size))
    collector = Collector(
        trainer.policy, task.reference, task.reward_model, hparams, task.ends, task.pad_id, trainer.shares_lower
    )
    saved = context.load()
    if task.watch is not None:
        task.say(_(BASELINE, n=len(task.watch.prompts)))
    operations = operations_of(trainer, task.reward_model.config)
    validations = Validations(trainer, task.watch, operations)
    metrics: dict[str, float] = {}
    if saved is not None:
        trainer.restore(saved)
        validations.restore(saved)
        metrics = dict(saved["metrics"])
        task.say(_(GOING_ON, n=f"{trainer.batch * hparams.batch_size:,}"))
    if trainer.batch == 0:
        if task.watch is not None:
            task.say(_(BEFORE, n=len(task.watch.prompts) * hparams.validation_samples))
        validations.look()
        task.say(_(UNWATCHED if task.watch is None else FIRST_BATCH, n=hparams.batch_size))
    reason = reason_after(metrics, validations, rules)
    while trainer.batch < num_batches and reason is None:
        metrics = one_batch(trainer, collector, task.prompts, num_batches, metrics, operations)
        if validations.is_due():
            metrics |= validations.look()
        metrics = validations.counted(metrics)
        reason = reason_after(metrics, validations, rules)
        if trainer.batch % hparams.checkpoint_every_batches == 0 and trainer.batch < num_batches:
            context.save(trainer.state() | validations.state() | {"metrics": metrics})
        if reason is not None or trainer.batch == num_batches:
            metrics = validations.counted(metrics | validations.look())
        said = _("{n} episodes", n=f"{trainer.batch * hparams.batch_size:,}")
        yield Progress(trainer.batch, num_batches, metrics, said, validations.take_answers())
    metrics |= validations.look()  # where it was resumed at its end
    return validations.result(metrics, reason or Reason.EPISODES, task.reference)


def reason_after(metrics: dict[str, float], validations: Validations, rules: StopRules) -> Reason | None:
    """From what a checkpoint holds alone, so that a resumed run stops where an uninterrupted one does."""
    if kl_is_used_up(metrics.get("objective/kl", 0.0), rules):
        return Reason.KL
    return reason_to_stop(validations.history, rules)


def one_batch(
    trainer: EpisodeTrainer[Any],
    collector: Collector,
    prompts: Sequence[list[int]],
    num_batches: int,
    before: dict[str, float],
    operations: EpisodeOperations,
) -> dict[str, float]:
    """A batch of episodes and its update; returns its metrics. `before`: those of the last batch."""
    hparams, batch = trainer.hparams, trainer.batch
    trainer.set_rates(num_batches)
    per_batch = hparams.batch_size // hparams.samples_per_prompt
    chosen = [list(prompts[i]) for i in prompts_of_batch(len(prompts), batch, per_batch, hparams.seed)]
    seed = part_seed(hparams.seed, batch)
    rollout = collector.collect(chosen, seed, highest=trainer.imitates)
    experience, measured = trainer.experience(rollout)
    metrics = measured | trainer.update(experience, seed)
    flops = operations.batch(asked_in(rollout), metrics["policy/epochs_done"])
    metrics["flops"] = before.get("flops", 0.0) + flops
    metrics["policy/approxkl_max"] = max(before.get("policy/approxkl_max", 0.0), metrics["policy/approxkl_max"])
    trainer.controller.update(metrics["objective/kl"], hparams.batch_size, batch * hparams.batch_size)
    trainer.batch += 1
    return metrics
