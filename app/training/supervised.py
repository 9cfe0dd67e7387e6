"""The loop that pretraining and fine-tuning share: next-token loss on chosen targets, AdamW, warm-up and cosine.

Knows no text and no files: batches come from a function of the step alone, so that a resumed run repeats an
uninterrupted one exactly. Weights are fp32, products bf16 where that is fast, losses fp32.

Shapes: B rows, T tokens, N targets, V vocabulary, H hidden size.
"""

import math
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from app.lm.model import Llama
from app.lm.precision import autocast, matmul_dtype
from app.saving import TrainingError
from app.training.adam import Adam
from app.training.context import Progress, TrainingContext
from app.training.linear_cross_entropy import NO_PENALTIES, Penalties, linear_cross_entropy
from app.training.seeds import part_seed

IGNORED = -100  # cross_entropy's own word for "no target here"
OVERFIT_RATIO = 1.10
UNDERFIT_GAIN = 0.03
COMPILERS = ("g++", "clang++")


@dataclass(frozen=True)
class Batch:
    """ids [B,T] and the token wanted after each, targets [B,T], IGNORED where nothing is wanted; `unheard` [B,T]: what
    never follows each, if that is known."""

    ids: Tensor
    targets: Tensor
    unheard: Tensor | None = None

    def rows(self, chosen: Tensor) -> "Batch":
        numbers = None if self.unheard is None else self.unheard[chosen]
        return Batch(self.ids[chosen], self.targets[chosen], numbers)


class Schedule(Protocol):
    """What PretrainHparams and SFTHparams have in common."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def min_learning_rate(self) -> float: ...
    @property
    def warmup_steps(self) -> int: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def max_grad_norm(self) -> float: ...
    @property
    def eval_every_steps(self) -> int: ...
    @property
    def checkpoint_every_steps(self) -> int: ...


@dataclass(frozen=True)
class FitResult:
    """The trained model and the last measurements; `verdict` is underfit, good fit or overfit. `curve` has a point
    (tokens seen, loss of that step's batch, held-out loss) per evaluation; `seconds` counts all sittings."""

    model: Llama
    metrics: dict[str, float]
    verdict: str
    tokens_seen: int
    seconds: float
    curve: list[tuple[int, float, float]]


def learning_rate_at(step: int, total_steps: int, schedule: Schedule) -> float:
    """Linear warm-up, then a cosine down to the minimum (Loshchilov & Hutter 2017)."""
    if step < schedule.warmup_steps:
        return schedule.learning_rate * (step + 1) / schedule.warmup_steps
    share = (step - schedule.warmup_steps) / max(1, total_steps - schedule.warmup_steps)
    span = schedule.learning_rate - schedule.min_learning_rate
    return schedule.min_learning_rate + span * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def verdict_of(train_loss: float, held_out_loss: float, earlier_held_out_loss: float) -> str:
    """Overfit: held-out loss more than 10% above the training loss. Underfit: it still fell by more than 3% in the
    last fifth of the steps. Else a good fit."""
    if held_out_loss > OVERFIT_RATIO * train_loss:
        return "overfit"
    if held_out_loss < (1 - UNDERFIT_GAIN) * earlier_held_out_loss:
        return "underfit"
    return "good fit"


States = Callable[[Tensor], Tensor]  # ids [B,T] -> states [B,T,H]


def compiled_states(model: Llama) -> States:
    """The model's states through torch.compile: half the processor time here, for batches of one shape. Wants a C++
    compiler; the first call takes about a minute."""
    if not any(map(shutil.which, COMPILERS)):
        raise TrainingError("--compile needs a C++ compiler (g++ or clang++). Install one, or leave --compile out.")
    compiled: States = torch.compile(model.hidden_states, dynamic=False)
    return compiled


def batch_loss(
    model: Llama,
    batch: Batch,
    states_of: States | None = None,
    dtype: torch.dtype | None = None,
    penalties: Penalties = NO_PENALTIES,
) -> Tensor:
    """Mean cross-entropy over the targets, with the penalties of linear_cross_entropy; logits are computed for those
    positions alone. Products in `dtype`, or in what is fast here."""
    wanted, chosen = batch.targets != IGNORED, dtype or matmul_dtype()
    with autocast(chosen):
        states = (states_of or model.hidden_states)(batch.ids)[wanted]  # [B,T,H] -> [N,H]
    if batch.unheard is not None:
        penalties = replace(penalties, numbers=batch.unheard[wanted])
    return linear_cross_entropy(states, model.output_weight, batch.targets[wanted], chosen, penalties)


@torch.no_grad()
def mean_loss(model: Llama, batches: Sequence[Batch], states_of: States | None = None) -> float:
    """Loss over all targets of the batches, each target counting the same."""
    total, count = 0.0, 0
    for batch in batches:
        targets = int((batch.targets != IGNORED).sum())
        total += float(batch_loss(model, batch, states_of)) * targets
        count += targets
    return total / max(1, count)


def make_optimizer(model: Llama, weight_decay: float) -> Adam:
    """Decay for matrices only: norms and other vectors have no reason to shrink."""
    matrices = [weight for weight in model.parameters() if weight.dim() >= 2]
    vectors = [weight for weight in model.parameters() if weight.dim() < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return Adam(groups, lr=0.0, betas=(0.9, 0.95), fused=True)


@dataclass(frozen=True)
class Course:
    """What is learned from: `batch_at(step)` must depend on the step alone. Losses are measured on the other two."""

    batch_at: Callable[[int], Batch]
    total_steps: int
    train_probe: Sequence[Batch]
    held_out: Sequence[Batch]
    penalties: Penalties = NO_PENALTIES


@dataclass
class _Run:
    """What a checkpoint holds beside weights and optimizer."""

    step: int = 0
    tokens_seen: int = 0
    seconds: float = 0.0
    earlier_held_out: float = math.inf
    curve: list[tuple[int, float, float]] = field(default_factory=list)


def fit(
    model: Llama, course: Course, schedule: Schedule, *, context: TrainingContext, compiled: bool = False
) -> Generator[Progress, None, FitResult]:
    """Train for the course's steps. Yields after every one."""
    total_steps = course.total_steps
    states_of = compiled_states(model) if compiled else model.hidden_states
    optimizer = make_optimizer(model, schedule.weight_decay)
    settings = {"total_steps": total_steps, **vars(schedule)}
    run = _restore(model, optimizer, context, settings)
    model.train()
    while run.step < total_steps:
        started = time.perf_counter()
        batch = course.batch_at(run.step)
        rate = learning_rate_at(run.step, total_steps, schedule)
        loss = batch_loss(model, batch, states_of, penalties=course.penalties)
        value = _update(model, optimizer, loss, rate, schedule.max_grad_norm, run.step)
        run.step += 1
        run.tokens_seen += batch.ids.numel()
        metrics = {
            "loss/train": value,
            "learning_rate": rate,
            "tokens_per_second": batch.ids.numel() / (time.perf_counter() - started),
        }
        if run.step % schedule.eval_every_steps == 0 or run.step == math.ceil(0.8 * total_steps):
            metrics["loss/held_out"] = mean_loss(model, course.held_out, states_of)
            run.curve.append((run.tokens_seen, value, metrics["loss/held_out"]))
            if run.step <= math.ceil(0.8 * total_steps):
                run.earlier_held_out = metrics["loss/held_out"]
        run.seconds += time.perf_counter() - started
        if run.step % schedule.checkpoint_every_steps == 0 or run.step == total_steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "run": vars(run)}
            context.save({**state, "settings": settings})
        yield Progress(run.step, total_steps, metrics)
    model.eval()
    final = {
        "loss/train": mean_loss(model, course.train_probe, states_of),
        "loss/held_out": mean_loss(model, course.held_out, states_of),
    }
    verdict = verdict_of(final["loss/train"], final["loss/held_out"], run.earlier_held_out)
    return FitResult(model, final, verdict, run.tokens_seen, run.seconds, run.curve)


def _restore(
    model: Llama, optimizer: torch.optim.Optimizer, context: TrainingContext, settings: dict[str, float]
) -> _Run:
    """Where the last sitting stood. Raises TrainingError for one with other settings: half of each would be neither."""
    state = context.load()
    if state is None:
        return _Run()
    begun = state.get("settings", {})
    other = sorted(name for name, value in settings.items() if begun.get(name) != value)
    if other:
        was = ", ".join(f"{name} {begun.get(name, 'not told')}" for name in other)
        raise TrainingError(
            f"An unfinished training with other settings is here ({was}). Give the same settings to resume it,"
            " or another --work folder to leave it, or remove its folder."
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return _Run(**state["run"])


def _update(
    model: Llama, optimizer: torch.optim.Optimizer, loss: Tensor, rate: float, max_grad_norm: float, step: int
) -> float:
    """One step of AdamW; returns the loss before it. A loss that is not a number changes nothing."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    value = float(loss.detach())
    if not math.isfinite(value):
        raise TrainingError(
            f"The loss became {value} at step {step}. The last checkpoint is kept; lower learning_rate and start again."
        )
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()
    return value


def shuffled(count: int, epoch: int, seed: int) -> Tensor:
    """The order of one epoch: a function of seed and epoch alone."""
    generator = torch.Generator().manual_seed(part_seed(seed, epoch))
    return torch.randperm(count, generator=generator)
