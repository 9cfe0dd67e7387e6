"""DPO of the policy on rankings (Rafailov et al. 2023). A generator: one Progress per step, the result at the end.

Every pair of answers of a ranking is an element of the loss, and a ranking's pairs weigh 1 together, as in the reward
model. A ranking's answers are packed behind its prompt; the reference's log-probabilities and the frozen layers' states
are computed once. Held out are prompts, never pairs; the policy with the lowest held-out loss is kept. All orders and
samples come from (seed, number), so that a resumed run equals an uninterrupted one bit for bit.

Shapes: R rankings, B of a step, K answers of a ranking, A tokens of the longest answer, T packed tokens, H hidden size.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from app.kinds.train_dpo import DPOHparams, FittedDPOHparams
from app.lm.model import Llama
from app.lm.precision import autocast
from app.lm.text.end_tokens import EndTokens
from app.model_info.operations import LEARN, LEARN_BESIDE, PreferenceOperations
from app.model_info.size import fitted_values
from app.saving import TrainingError
from app.training.adam import Adam
from app.training.context import Progress, TrainingContext
from app.training.dpo_looks import Looks
from app.training.dpo_rankings import batch_of_step, rate_factor, split_by_prompt, told_apart
from app.training.packing import Packed, batches_by_length, pack
from app.training.policy.counting import asked_of
from app.training.policy.drift import answer_logprobs
from app.training.policy.episodes import PolicyResult
from app.training.policy.rollout import Policy
from app.training.preference_loss import Preferences, preference_loss, preference_metrics
from app.training.reward.data import RankedGroup
from app.training.reward.scoring import AnswerScorer
from app.translation import _, ngettext

KEPT_BYTES = 1 << 30  # of frozen layers' states; those of further rankings are computed anew each time


@dataclass(frozen=True)
class Ranked:
    """Rankings as an update reads them, one row each."""

    packed: Packed
    ranks: Tensor  # [R,K] int64
    reference: Tensor  # [R,K] log-probability under the SFT model, nats
    lower: list[Tensor | None]  # [T,H] states above the frozen layers; None where they are not kept

    @property
    def sizes(self) -> list[int]:
        """Packed tokens of each."""
        longest: list[int] = (self.packed.last_index.amax(1) + 1).tolist()
        return longest

    def kept(self, rows: Sequence[int]) -> Tensor | None:
        """[B,T,H] of these; None where one is not kept."""
        states = [state for row in rows if (state := self.lower[row]) is not None]
        return pad_sequence(states, batch_first=True) if len(states) == len(rows) else None


@dataclass
class Run:
    """What changes beside weights and optimizer, as a checkpoint holds it."""

    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    flops: float = 0.0
    best_loss: float = math.inf
    best_step: int = 0
    looks_since: int = 0
    ended: bool = False


class Trainer:
    """Policy, reference, optimizer and the rankings."""

    def __init__(self, sft: Llama, hparams: DPOHparams, pad_id: int) -> None:
        self.hparams = FittedDPOHparams(**fitted_values(hparams, sft.config))
        self.policy, self.reference, self.pad_id = Policy(sft, self.hparams, 1.0), sft, pad_id
        self.optimizer = Adam(
            self.policy.policy_parameters(), lr=self.hparams.learning_rate, weight_decay=0.0, fused=True
        )
        learning = LEARN_BESIDE if hparams.lora_rank else LEARN
        self.operations = PreferenceOperations(sft.config, self.hparams.num_frozen_layers, learning)
        self.best: dict[str, Tensor] = {}
        self.run = Run()

    @torch.no_grad()
    def read(self, groups: Sequence[RankedGroup], ends: EndTokens) -> Ranked:
        """Runs the reference over every ranking, once."""
        answers = [[answer or ends.as_written(answer) for answer in group.completions] for group in groups]
        packed = pack([group.prompt_tokens for group in groups], answers, self.pad_id)
        self.run.flops += self.operations.measured(asked_of(packed))
        ranks = torch.zeros(packed.last_index.shape, dtype=torch.int64)
        for row, group in enumerate(groups):
            ranks[row, : len(group.ranks)] = torch.tensor(group.ranks)
        ranked = Ranked(packed, ranks, torch.zeros(ranks.shape), [None] * len(groups))
        kept = 0
        for rows in batches_by_length(ranked.sizes, self.hparams.tokens_per_micro_batch):
            part = packed.rows(rows)
            below = self.lower_states(part)
            ranked.reference[rows] = self.logprobs(self.reference, part, below)
            for place, row in enumerate(rows):
                size = ranked.sizes[row]
                kept += size * below.shape[2] * below.element_size()
                if self.hparams.num_frozen_layers and kept <= KEPT_BYTES:
                    ranked.lower[row] = below[place, :size].clone()
        if not ranked.reference[packed.answer_mask].isfinite().all():
            raise TrainingError(_("The SFT model's states are not numbers. Its weights are damaged: restore them."))
        return ranked

    def lower_states(self, packed: Packed) -> Tensor:
        with autocast():
            return self.policy.lower_states(packed)

    def logprobs(self, model: Llama, packed: Packed, below: Tensor) -> Tensor:
        """[B,K] of each answer, summed over its tokens."""
        again = self.hparams.recompute_layers
        return answer_logprobs(model, packed, below, self.hparams.num_frozen_layers, recompute=again)

    def preferences(self, ranked: Ranked, rows: list[int]) -> Preferences:
        """What the policy makes of these rankings now."""
        packed = ranked.packed.rows(rows)
        kept, learned = ranked.kept(rows), torch.is_grad_enabled()
        self.run.flops += self.operations.compared(asked_of(packed), kept=kept is not None, learned=learned)
        below = self.lower_states(packed) if kept is None else kept
        changes = self.logprobs(self.policy.model, packed, below) - ranked.reference[rows]
        lengths = packed.token_mask.sum(-1).clamp(min=1) if self.hparams.length_normalized else torch.ones(())
        return Preferences(changes, self.hparams.beta * changes / lengths, ranked.ranks[rows], packed.answer_mask)

    def step(self, ranked: Ranked, rows: list[int], nu: float) -> dict[str, float]:
        """One optimizer step on these rankings, in micro-batches of similar length."""
        self.optimizer.zero_grad()
        sizes, looks = ranked.sizes, list[dict[str, float]]()
        for places in batches_by_length([sizes[row] for row in rows], self.hparams.tokens_per_micro_batch):
            preferences = self.preferences(ranked, [rows[place] for place in places])
            loss = preference_loss(preferences, self.hparams, nu).sum() / len(rows)
            if not math.isfinite(loss.item()):
                raise TrainingError(
                    _("{method}: the loss is not a number. Lower the learning rate and try again.", method="DPO")
                )
            loss.backward()
            looks.append(preference_metrics(preferences, self.hparams, nu))
        norm = torch.nn.utils.clip_grad_norm_(self.policy.policy_parameters(), self.hparams.max_grad_norm).item()
        if not math.isfinite(norm):
            raise TrainingError(
                _("{method}: the gradient is not a number. Lower the learning rate and try again.", method="DPO")
            )
        self.optimizer.step()
        return told(looks) | {"dpo/grad_norm": norm}

    @torch.no_grad()
    def judged(self, ranked: Ranked, nu: float) -> dict[str, float]:
        """The held-out rankings' figures."""
        batches = batches_by_length(ranked.sizes, self.hparams.tokens_per_micro_batch)
        looks = [preference_metrics(self.preferences(ranked, rows), self.hparams, nu) for rows in batches]
        wanted = {
            "dpo/loss": "dpo/loss_held_out",
            "dpo/accuracy": "dpo/accuracy_held_out",
            "dpo/margin": "dpo/margin_held_out",
        }
        figures = told(looks)
        return {there: figures[name] for name, there in wanted.items()}

    def trained_weights(self) -> dict[str, Tensor]:
        return {name: weight for name, weight in self.policy.named_parameters() if weight.requires_grad}

    def keep_if_best(self, metrics: dict[str, float]) -> None:
        """By the held-out loss, within the KL budget; where nothing is held out, the latest within it."""
        run, beyond = self.run, self.is_beyond(metrics)
        loss = metrics.get("dpo/loss_held_out", -float(run.step))
        if not beyond and loss < run.best_loss:
            run.best_loss, run.best_step, run.looks_since = loss, run.step, 0
            self.best = {name: weight.detach().clone() for name, weight in self.trained_weights().items()}
        else:
            run.looks_since += 1
        run.ended = beyond or run.looks_since >= self.hparams.patience

    def is_beyond(self, metrics: dict[str, float]) -> bool:
        """Its KL budget."""
        budget = self.hparams.kl_budget
        return budget is not None and metrics.get("dpo/kl", 0.0) > budget

    def take(self, weights: dict[str, Tensor]) -> None:
        trained = self.trained_weights()
        with torch.no_grad():
            for name, weight in weights.items():
                trained[name].copy_(weight)

    def state(self) -> dict[str, Any]:
        weights = {name: weight.detach() for name, weight in self.trained_weights().items()}
        own = {"kind": "dpo", "hparams": asdict(self.hparams), "run": asdict(self.run)}
        return own | {"policy": weights, "best": self.best, "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        if state.get("kind") != "dpo" or state.get("hparams") != asdict(self.hparams):
            raise TrainingError(_("The saved state belongs to another training. Remove it to start this one over."))
        self.run, self.best = Run(**state["run"]), state["best"]
        self.take(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])


def told(looks: Sequence[dict[str, float]]) -> dict[str, float]:
    """Sums over micro-batches -> means: over rankings of the loss, over untied pairs of the rest."""
    total = {name: sum(look[name] for look in looks) for name in looks[0]}
    rankings, pairs = total.pop("rankings"), max(1.0, total.pop("pairs"))
    return {name: value / (rankings if name == "dpo/loss" else pairs) for name, value in total.items()}


def prompts_of(groups: Sequence[RankedGroup], room: int) -> list[list[int]]:
    """Each prompt once, where there is room for an answer behind it."""
    each = {group.prompt_id: group.prompt_tokens for group in groups}
    return [prompt for prompt in each.values() if len(prompt) <= room]


def train_dpo(
    sft: Llama,
    groups: Sequence[RankedGroup],
    hparams: DPOHparams,
    *,
    ends: EndTokens,
    pad_id: int,
    context: TrainingContext,
    scorer: AnswerScorer | None = None,
) -> Generator[Progress, None, PolicyResult]:
    """`sft` is the reference, and is never changed. A `scorer` only says what it thinks of the answers at each look."""
    training, held_out = split_by_prompt(told_apart(groups, hparams), hparams)
    if all(len(set(group.ranks)) == 1 for group in training):
        training, held_out = training + held_out, []
    trainer = Trainer(sft, hparams, pad_id)
    ranked = trainer.read(training, ends)
    unseen = trainer.read(held_out, ends) if held_out else None
    if (saved := context.load()) is not None:  # after the reading: it is by layers as they were before the training
        trainer.restore(saved)
    fitted, run = trainer.hparams, trainer.run
    counts = Preferences(ranked.reference, ranked.reference, ranked.ranks, ranked.packed.answer_mask).counts()
    nu = counts.tie_strength if hparams.ties == "davidson" else 0.0
    asked = prompts_of([*held_out, *training], sft.config.context_tokens - fitted.max_tokens - 1)
    per_epoch = math.ceil(len(training) / fitted.batch_rankings)
    total = per_epoch * fitted.max_epochs
    every = max(1, per_epoch // fitted.looks_per_epoch)
    looks = Looks(trainer.policy.model, sft, asked[: fitted.sampled_answers], fitted, ends, pad_id, scorer)
    said = looks.begin(again=run.step > 0)
    while run.step < total and not run.ended:
        for group in trainer.optimizer.param_groups:
            group["lr"] = fitted.learning_rate * rate_factor(run.step, total, fitted.warmup_steps)
        rows = batch_of_step(len(training), run.step, fitted.batch_rankings, fitted.seed)
        metrics = trainer.step(ranked, rows, nu)
        run.step += 1
        if run.step % every == 0 or run.step == total:
            metrics |= trainer.judged(unseen, nu) if unseen else {}
            figures, answers = looks.at(run.step)
            metrics |= figures
            said += answers
            trainer.keep_if_best(metrics)
        run.flops += looks.counted()
        metrics["flops"] = run.flops
        run.metrics |= metrics
        if run.step % fitted.checkpoint_every_steps == 0 or run.ended:
            context.save(trainer.state())
        seen = run.step * fitted.batch_rankings
        message = ngettext("{n} ranking", "{n} rankings", seen, n=f"{seen:,}")
        yield Progress(run.step, run.step if run.ended else total, metrics, message, tuple(said))
        said = []
    if not trainer.best:
        raise TrainingError(
            _(
                "DPO was beyond its KL budget at its first look already. Lower the learning rate or raise beta, then "
                "train again. No version was made."
            )
        )
    trainer.take(trainer.best)
    model, adapter = trainer.policy.finished()
    figures = {"num_rankings": float(len(training)), "num_pairs": counts.pairs, "num_ties": counts.ties}
    return PolicyResult(model, run.metrics | figures | {"kept_step": float(run.best_step)}, adapter=adapter)
