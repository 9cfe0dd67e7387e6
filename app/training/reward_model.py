"""Train the reward model from rankings. A generator: yields progress, returns the model and what was measured.

Departs from InstructGPT section 3.5 where 20 to 500 rankings ask for it: the lower layers stay frozen (their states
are computed once, the top layer is run at the answers' last tokens only), ties are used (Davidson 1970), and the
held-out figures come from cross-validation by prompt: each fold is trained from the SFT model and measured on
prompts it never saw, so that accuracy stands on every ranking instead of a fifth of them. The number of epochs is
where the folds' mean held-out loss is lowest (early stopping), and the model that is kept is then trained on all
rankings for that many epochs.

Shapes: B rankings, K answers of a ranking, H hidden size, N rankings in all.
"""

import hashlib
import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from app.hparams import RewardHparams
from app.lm.model import Llama
from app.lm.precision import autocast
from app.training.context import Progress, TrainingContext, TrainingError
from app.training.losses import pair_mask, reward_loss, tie_strength
from app.training.packing import Packed, pack
from app.training.reward_network import (
    RewardModel,
    batches_by_length,
    ended,
    load_reward_model,
    normalize,
    save_reward_model,
    score_answers,
)
from app.training.reward_report import PairOutcomes, outcomes, summarize, verdict

__all__ = [
    "RankedGroup",
    "RewardModel",
    "RewardResult",
    "load_reward_model",
    "save_reward_model",
    "score_answers",
    "split_folds",
    "train_reward_model",
]


@dataclass(frozen=True)
class RankedGroup:
    """One ranking. rank 1 is best, equal ranks are ties; the completions are token ids."""

    prompt_id: int
    prompt_tokens: list[int]
    completions: list[list[int]]
    ranks: list[int]


@dataclass(frozen=True)
class RewardResult:
    """`metrics` leaves out what could not be measured (no held-out figures from a single prompt).

    metrics["verdict"] is underfit, good fit, overfit, or unknown.
    """

    model: RewardModel
    metrics: dict[str, float | str]
    reliability: list[tuple[float, float, int]] = field(default_factory=list)  # stated, observed, comparisons


@dataclass(frozen=True)
class Rankings:
    """All rankings as tensors, with the frozen states below the top layer."""

    packed: Packed
    states: Tensor  # [N,T,H]
    ranks: Tensor  # [N,K]
    nu: float

    def batch(self, rows: Sequence[int]) -> tuple[Packed, Tensor, Tensor]:
        packed = self.packed.rows(rows)
        return packed, self.states[list(rows), : packed.ids.shape[1]], self.ranks[list(rows)]


@dataclass
class Fit:
    """One training from the SFT weights: the model, and per epoch the losses and the pairs' outcomes."""

    model: RewardModel
    train_losses: list[float] = field(default_factory=list)
    train_outcomes: list[PairOutcomes] = field(default_factory=list)
    held_out_outcomes: list[PairOutcomes] = field(default_factory=list)


def split_folds(prompt_ids: Sequence[int], held_out_fraction: float, seed: int) -> list[list[int]]:
    """Indices of rankings in folds by prompt: 1 / held_out_fraction of them, fewer where there are fewer prompts.

    A prompt's place depends on its id and the seed alone (by the order of their hashes), never on the rankings.
    """
    prompts = sorted(set(prompt_ids), key=lambda prompt: hashlib.sha256(f"{seed}:{prompt}".encode()).digest())
    count = min(len(prompts), max(2, round(1.0 / held_out_fraction)))
    if count < 2:
        return []
    fold_of = {prompt: index % count for index, prompt in enumerate(prompts)}
    return [[i for i, prompt in enumerate(prompt_ids) if fold_of[prompt] == fold] for fold in range(count)]


def train_reward_model(
    sft: Llama,
    groups: Sequence[RankedGroup],
    normalization: Sequence[tuple[list[int], list[int]]],
    hparams: RewardHparams,
    *,
    end_id: int,
    pad_id: int,
    context: TrainingContext,
) -> Generator[Progress, None, RewardResult]:
    """Cross-validate, train on everything, normalize on (prompt, answer) samples of the SFT model.

    Takes seconds, so it keeps no checkpoint of its own: after a crash it begins again and, seeded, ends the same.
    """
    del context
    if not any(len(group.completions) > 1 for group in groups):
        raise TrainingError("There is no ranking of two or more answers yet. Rank some answers, then train again.")
    start = RewardModel.from_sft(sft, hparams.num_layers, hparams.seed)
    data = prepare(start, groups, end_id, pad_id)
    folds = split_folds([group.prompt_id for group in groups], hparams.held_out_fraction, hparams.seed)
    if len(groups) > hparams.cross_validate_up_to:
        folds = folds[:1]
    total = hparams.max_epochs * (len(folds) + 1)
    everything = list(range(len(groups)))
    fits: list[Fit] = []
    for number, held_out in enumerate(folds):
        rows = [row for row in everything if row not in set(held_out)]
        fit = Fit(clone(start))
        for epoch in fit_epochs(fit, data, rows, held_out, hparams, hparams.max_epochs):
            yield progress(fit, number * hparams.max_epochs + epoch, total, f"fold {number + 1} of {len(folds)}")
        fits.append(fit)
    epochs, summary = choose_epochs(fits, hparams)
    final = Fit(start)
    for epoch in fit_epochs(final, data, everything, [], hparams, epochs):
        yield progress(final, len(folds) * hparams.max_epochs + epoch, total, "all rankings")
    samples = [pair for pair in normalization if pair[1]] or [
        (group.prompt_tokens, answer) for group in groups for answer in group.completions
    ]
    mean, deviation = normalize(start, states_of(start, samples, end_id, pad_id))
    metrics: dict[str, float | str] = {
        **summary,
        "train_accuracy": summary.get("train_accuracy", final.train_outcomes[-1].accuracy),
        "num_rankings": float(len(groups)),
        "num_comparisons": float(final.train_outcomes[-1].num_comparisons),
        "num_ties": float(final.train_outcomes[-1].num_ties),
        "epochs": float(epochs),
        "score_mean_before": mean,
        "score_std_before": deviation,
    }
    metrics["verdict"] = verdict(summary)
    pooled = PairOutcomes.joined([fit.held_out_outcomes[epochs - 1] for fit in fits])
    return RewardResult(start.eval(), metrics, pooled.reliability())


def prepare(model: RewardModel, groups: Sequence[RankedGroup], end_id: int, pad_id: int) -> Rankings:
    """Tensors of all rankings; the states below the top layer are computed once, short rows together."""
    answers = [[ended(answer, end_id) for answer in group.completions] for group in groups]
    packed = pack([group.prompt_tokens for group in groups], answers, pad_id)
    ranks = torch.zeros(packed.last_index.shape, dtype=torch.int64)
    for row, group in enumerate(groups):
        ranks[row, : len(group.ranks)] = torch.tensor(group.ranks)
    states = torch.zeros(*packed.ids.shape, model.config.hidden_size)
    for rows in batches_by_length((packed.last_index.amax(1) + 1).tolist()):
        part = packed.rows(rows)
        with torch.no_grad(), autocast():
            states[rows, : part.ids.shape[1]] = model.lower_states(part).float()
    pairs = pair_mask(packed.answer_mask)
    ties = pairs & (ranks.unsqueeze(1) == ranks.unsqueeze(2))
    return Rankings(packed, states, ranks, tie_strength(float(ties.sum() / pairs.sum().clamp(min=1))))


def clone(model: RewardModel) -> RewardModel:
    twin = RewardModel(model.config)
    twin.load_state_dict(model.state_dict())
    return twin.eval()


def fit_epochs(
    fit: Fit, data: Rankings, rows: Sequence[int], held_out: Sequence[int], hparams: RewardHparams, epochs: int
) -> Generator[int, None, None]:
    """Train the top layer, the norm and the head on these rankings; measure after every epoch."""
    model = fit.model
    backbone = model.backbone.model
    trained = [*backbone.layers[-1].parameters(), *backbone.norm.parameters(), *model.head.parameters()]
    model.requires_grad_(False)
    for parameter in trained:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(trained, lr=hparams.learning_rate, weight_decay=hparams.weight_decay)
    generator = torch.Generator().manual_seed(hparams.seed)
    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(rows), generator=generator).tolist()
        for first in range(0, len(rows), hparams.batch_rankings):
            packed, states, ranks = data.batch([rows[i] for i in order[first : first + hparams.batch_rankings]])
            with autocast():
                scores = model(packed, states)
            loss = reward_loss(scores, ranks, packed.answer_mask, data.nu)
            if not math.isfinite(loss.item()):
                raise TrainingError("The reward model's loss is not a number. Lower its learning rate and try again.")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(trained, hparams.max_grad_norm)
            optimizer.step()
        fit.train_outcomes.append(measure(model, data, rows))
        if held_out:
            fit.held_out_outcomes.append(measure(model, data, held_out))
        yield epoch


@torch.no_grad()
def measure(model: RewardModel, data: Rankings, rows: Sequence[int]) -> PairOutcomes:
    found = []
    for first in range(0, len(rows), 16):
        packed, states, ranks = data.batch(rows[first : first + 16])
        with autocast():
            scores = model(packed, states)
        found.append(outcomes(scores, ranks, packed.answer_mask, data.nu))
    return PairOutcomes.joined(found)


def choose_epochs(fits: Sequence[Fit], hparams: RewardHparams) -> tuple[int, dict[str, float]]:
    """The epoch with the lowest held-out loss over all folds together, and the figures measured there."""
    if not fits:
        return hparams.epochs_without_held_out, {}
    held_out = [
        PairOutcomes.joined(list(epoch)) for epoch in zip(*(fit.held_out_outcomes for fit in fits), strict=True)
    ]
    best = min(range(len(held_out)), key=lambda epoch: held_out[epoch].loss)
    train = PairOutcomes.joined([fit.train_outcomes[best] for fit in fits])
    return best + 1, summarize(train, held_out[best])


def progress(fit: Fit, step: int, total: int, message: str) -> Progress:
    metrics = {"loss/train": fit.train_outcomes[-1].loss, "accuracy/train": fit.train_outcomes[-1].accuracy}
    if fit.held_out_outcomes:
        metrics["loss/held_out"] = fit.held_out_outcomes[-1].loss
        metrics["accuracy/held_out"] = fit.held_out_outcomes[-1].accuracy
    return Progress(step, total, metrics, message)


@torch.no_grad()
def states_of(model: RewardModel, samples: Sequence[tuple[list[int], list[int]]], end_id: int, pad_id: int) -> Tensor:
    """[N,H] final states at the end of each (prompt, answer)."""
    found = []
    for rows in batches_by_length([len(prompt) + len(answer) + 1 for prompt, answer in samples]):
        packed = pack([samples[i][0] for i in rows], [[ended(samples[i][1], end_id)] for i in rows], pad_id)
        with autocast():
            found.append(model.final_states(packed).float().squeeze(1))
    return torch.cat(found)
