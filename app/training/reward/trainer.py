"""Train the reward model from rankings. A generator: yields progress, returns the model and what was measured.

Departs from InstructGPT section 3.5 where 20 to 500 rankings ask for it: the lower layers stay frozen, the top layer is
set to read whole answers (pooling_layer.py), and the head is solved exactly (head.py) with ties used (Davidson
1970). Fine-tuning the top layer by AdamW from there never lowered the held-out loss with 60 or 200 rankings
(docs/reward-model.md). Held-out figures come from cross-validation by prompt: each fold is judged by a head that never
saw its prompts, so that accuracy stands on every ranking instead of a fifth of them. The penalty is the one with the
lowest held-out loss over all folds; the head that is kept is then solved with it on all rankings.

Shapes: R rankings, K answers of a ranking, T packed tokens, H hidden size.
"""

import hashlib
import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from app.formats.figures import significant
from app.hparams import RewardHparams
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.preferences import NOTHING_LEARNED
from app.saving import TrainingError
from app.training.context import Progress, TrainingContext
from app.training.reward.data import (
    Fit,
    RankedGroup,
    Rankings,
    prepare,
    set_up_pooling,
)
from app.training.reward.head import penalties, solve
from app.training.reward.network import RewardModel, normalize, states_of
from app.training.reward.pair_loss import Davidson
from app.training.reward.report import PairOutcomes, summarize, verdict
from app.training.reward.scoring import Answered
from app.translation import _

MIN_SAMPLES = 32  # under this many SFT samples the rankings' own answers help to set up the pooling layer


@dataclass(frozen=True)
class RewardResult:
    """`metrics` leaves out what could not be measured (no held-out figures from a single prompt).

    metrics["verdict"] is underfit, good fit, overfit, unknown, or that nothing was learned: the model gives all answers
    of a ranking one score (they were the same, or all ties), and has no accuracy.
    """

    model: RewardModel
    metrics: dict[str, float | str]
    reliability: list[tuple[float, float, int]] = field(default_factory=list)  # stated, observed, comparisons


def split_folds(prompt_ids: Sequence[int], held_out_fraction: float, seed: int) -> list[list[int]]:
    """Indices of rankings in folds by prompt: 1 / held_out_fraction of them, fewer where there are fewer prompts.

    A prompt's place depends on the prompts' ids and the seed alone (the order of their hashes).
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
    normalization: Sequence[Answered],
    hparams: RewardHparams,
    *,
    ends: EndTokens,
    pad_id: int,
    context: TrainingContext,
) -> Generator[Progress, None, RewardResult]:
    """Cross-validate, train on everything, normalize on (prompt, answer) samples of the SFT model.

    Takes seconds, so it keeps no checkpoint of its own: after a crash it begins again and, seeded, ends the same.
    """
    del context
    if not any(len(group.completions) > 1 for group in groups):
        raise TrainingError(_("There is no ranking of two or more answers yet. Rank some answers, then train again."))
    answers = [(group.prompt_tokens, answer) for group in groups for answer in group.completions]
    samples = [pair for pair in normalization if pair[1]] or answers
    model = RewardModel.from_sft(sft, hparams.num_layers, hparams.seed)
    set_up_pooling(model, samples if len(samples) >= MIN_SAMPLES else [*samples, *answers], ends, pad_id)
    data = prepare(model, groups, ends, Davidson.of_tie_share)
    fits = make_fits(groups, hparams)
    path = penalties(hparams.ridge_strongest, hparams.ridge_weakest, hparams.ridge_steps)
    yield from solve_path(fits, data, path)
    best = best_step(fits)
    ridge = path[best] if fits else hparams.ridge_without_held_out
    final = Fit(list(range(len(groups))), [])
    solve_head(final, data, ridge)
    set_head(model, final.weights[-1])
    whole, total = final.train[-1], len(path) + 1
    message = _("all rankings") if whole.margin.any() else _("nothing learned: all answers score the same")
    yield progress([final], total, total, message)
    mean, deviation = normalize(model, states_of(model, samples, ends))
    train, unseen = pooled([fit.train for fit in fits], best), pooled([fit.unseen for fit in fits], best)
    scores_before = {"score_mean_before": mean, "score_std_before": deviation}
    metrics = figures(train, unseen, whole, len(groups)) | {"ridge": ridge} | scores_before
    return RewardResult(model.eval(), metrics, unseen.reliability())


def solve_path(fits: Sequence[Fit], data: Rankings, path: Sequence[float]) -> Generator[Progress, None, None]:
    """A head for each penalty and fold, from the strongest penalty to the weakest."""
    for step, ridge in enumerate(path, start=1):
        for fit in fits:
            solve_head(fit, data, ridge)
        yield progress(fits, step, len(path) + 1, _("penalty {ridge}", ridge=significant(ridge, 2)))


def figures(
    train: PairOutcomes, unseen: PairOutcomes, whole: PairOutcomes, num_rankings: int
) -> dict[str, float | str]:
    """What the version's record says. Without folds the accuracy on all rankings stands for the training one."""
    summary = summarize(train, unseen)
    counts = {"num_rankings": num_rankings, "num_comparisons": whole.num_comparisons, "num_ties": whole.num_ties}
    measured: dict[str, float | str] = {**summary, **{name: float(count) for name, count in counts.items()}}
    if "train_accuracy" not in summary and not math.isnan(whole.accuracy):
        measured["train_accuracy"] = whole.accuracy
    measured["verdict"] = verdict(summary) if whole.margin.any() else NOTHING_LEARNED
    return measured


def make_fits(groups: Sequence[RankedGroup], hparams: RewardHparams) -> list[Fit]:
    """One per fold; a single one where cross-validating so many rankings would take too long."""
    folds = split_folds([group.prompt_id for group in groups], hparams.held_out_fraction, hparams.seed)
    if len(groups) > hparams.cross_validate_up_to:
        folds = folds[:1]
    everything = set(range(len(groups)))
    return [Fit(sorted(everything.difference(held_out)), held_out) for held_out in folds]


def solve_head(fit: Fit, data: Rankings, ridge: float) -> None:
    """Add the head for this penalty, begun at the last one."""
    start = fit.weights[-1] if fit.weights else torch.zeros(data.states.shape[-1])
    weights = solve(data.pairs.of(fit.rows), ridge, data.loss, start)
    if not bool(weights.isfinite().all()):
        raise TrainingError(_("The reward model's loss is not a number: the SFT model's weights may be damaged."))
    fit.weights.append(weights)
    scores = (data.states.double() * weights).sum(-1).float()  # row by row: a product may round equal rows apart
    fit.train.append(data.judged(scores[fit.rows], fit.rows))
    if fit.held_out:
        fit.unseen.append(data.judged(scores[fit.held_out], fit.held_out))


def set_head(model: RewardModel, weights: Tensor) -> None:
    with torch.no_grad():
        model.head.weight.copy_(weights.float().unsqueeze(0))


def pooled(curves: Sequence[Sequence[PairOutcomes]], step: int) -> PairOutcomes:
    return PairOutcomes.joined([curve[step] for curve in curves if curve])


def best_step(fits: Sequence[Fit]) -> int:
    """The step with the lowest held-out loss over all folds together; 0 where nothing is held out."""
    losses = [pooled([fit.unseen for fit in fits], step).loss for step in range(len(fits[0].unseen) if fits else 0)]
    return min(range(len(losses)), key=lambda step: losses[step]) if losses else 0


def progress(fits: Sequence[Fit], step: int, total: int, message: str) -> Progress:
    """Losses and accuracies over all folds at their latest step."""
    train = pooled([fit.train for fit in fits], -1)
    unseen = pooled([fit.unseen for fit in fits], -1)
    figures = {
        "loss/train": train.loss,
        "accuracy/train": train.accuracy,
        "loss/held_out": unseen.loss,
        "accuracy/held_out": unseen.accuracy,
    }
    return Progress(step, total, {name: value for name, value in figures.items() if not math.isnan(value)}, message)
