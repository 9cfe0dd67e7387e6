"""Train the reward model from rankings. A generator: yields progress, returns the model and what was measured.

Departs from InstructGPT section 3.5 where 20 to 500 rankings ask for it: the SFT model stays frozen and reads each
answer once (reading.py), and a posterior over linear scores of what it noticed is solved exactly, ties used (head.py).
Held-out figures come from cross-validation by prompt: each fold is judged by weights that never saw its prompts. The
blocks' precisions alone, a dozen numbers, are begun from those of all rankings. The margins' temperature is that under
which the held-out comparisons are most probable (Guo et al. 2017, section 4.2).

Shapes: R rankings, K answers of a ranking, N answers, D columns.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from app.hparams import RewardHparams
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.preferences import NOTHING_LEARNED, Influence
from app.saving import TrainingError
from app.training.context import Progress, TrainingContext
from app.training.reward.columns import BLOCKS, Columns, within_prompts
from app.training.reward.data import RankedGroup, Rankings, prepare
from app.training.reward.folds import Fold, judge_split, make_folds
from app.training.reward.head import Posterior, Prior, learn
from app.training.reward.network import RewardModel
from app.training.reward.penalty import PenaltyPoint, penalty_curve
from app.training.reward.preference_scorer import Head, Part, PreferenceScorer
from app.training.reward.reading import Blocks, Reader
from app.training.reward.report import PairOutcomes, summarize, verdict
from app.training.reward.scoring import Answered
from app.training.reward.student import teach
from app.training.reward.validation import CrossValidation, cross_validate
from app.translation import _

READ_AT_ONCE = 32  # answers between two steps of progress: seconds, of a published model, too
ROUNDS_OF_PARTS = 4  # of the precisions, begun where those of all rankings ended


@dataclass(frozen=True)
class RewardResult:
    """`metrics` leaves out what could not be measured (no held-out figures from a single prompt).

    metrics["verdict"] is underfit, good fit, overfit, unknown, or that nothing was learned: the model gives all answers
    of a ranking one score (they were the same, or all ties), and has no accuracy.
    """

    scorers: dict[Part, PreferenceScorer]
    student: RewardModel
    metrics: dict[str, float | str]
    reliability: list[tuple[float, float, int]] = field(default_factory=list)  # stated, observed, comparisons
    learning_curve: list[tuple[int, float]] = field(default_factory=list)  # rankings, held-out accuracy
    blocks: dict[str, float] = field(default_factory=dict)  # what of the answers decided, shares
    penalty_curve: list[PenaltyPoint] = field(default_factory=list)
    influences: list[Influence | None] = field(default_factory=list)  # of each ranking, in their order
    surprises: list[float | None] = field(default_factory=list)  # the loss of each before it was learned from, nats

    @property
    def model(self) -> PreferenceScorer:
        """The scorer that has learned from all rankings."""
        return self.scorers["whole"]


def posteriors_of_parts(data: Rankings, prior: Prior, whole: Posterior, split: Fold) -> dict[Part, Posterior]:
    """For people, for training a policy and for judging it: the same for all where the prompts are too few to share."""
    posteriors: dict[Part, Posterior] = {"whole": whole, "optimized": whole, "judge": whole}
    if split.held_out:
        apart: dict[Part, list[int]] = {"optimized": split.rows, "judge": split.held_out}
        for part, rows in apart.items():
            posteriors[part] = learn(data.likelihood.of(rows), prior, whole, ROUNDS_OF_PARTS)
    return posteriors


def train_reward_model(
    sft: Llama,
    groups: Sequence[RankedGroup],
    normalization: Sequence[Answered],
    hparams: RewardHparams,
    *,
    ends: EndTokens,
    pad_id: int,
    context: TrainingContext,
    reader: Reader | None = None,
) -> Generator[Progress, None, RewardResult]:
    """Read everything, learn from all rankings, cross-validate, normalize on (prompt, answer) samples of the SFT model.
    `reader` reads with `sft` and knows its template; without it the template is what all prompts have in common.

    Takes seconds, so it keeps no checkpoint of its own: after a crash it begins again and, seeded, ends the same.
    """
    del context
    if not any(len(group.completions) > 1 for group in groups):
        raise TrainingError(_("There is no ranking of two or more answers yet. Rank some answers, then train again."))
    answers = [(group.prompt_tokens, answer) for group in groups for answer in group.completions]
    samples = [pair for pair in normalization if pair[1]] or answers
    with_reader = reader or Reader(sft, common_frame([group.prompt_tokens for group in groups]), frozenset())
    prompt_ids = [group.prompt_id for group in groups]
    folds, split = make_folds(prompt_ids, hparams), judge_split(prompt_ids, hparams)
    total = math.ceil((len(answers) + len(samples)) / READ_AT_ONCE) + len(folds) + 2
    blocks = yield from read_all(with_reader, [*answers, *samples], ends, total)
    places = prompt_numbers([*answers, *samples])
    columns, made = Columns.fit(blocks, places)
    prior = columns.prior
    data, checks = prepare(made[: len(answers)], groups, hparams), CrossValidation()
    whole = checked(learn(data.likelihood, prior))
    for number, checks in enumerate(cross_validate(data, folds, prior, whole), start=1):
        said = _("{n} of {all} parts held out", n=number, all=len(folds))
        yield Progress(total - len(folds) - 2 + number, total, progress_figures(checks), said)
    on_all = data.judged(whole.mean, range(len(groups)))
    message = _("all rankings") if on_all.margin.any() else _("nothing learned: all answers score the same")
    yield Progress(total - 1, total, progress_figures(CrossValidation([on_all])), message)
    posteriors = posteriors_of_parts(data, prior, whole, split)
    own = range(len(answers), len(made))
    heads = {part: Head.normalized(each, made, places, own) for part, each in posteriors.items()}
    scores = heads["whole"].score(made)[0]
    student, agreement = teach(sft, hparams.num_layers, [*answers, *samples], scores, ends=ends, pad_id=pad_id)
    yield Progress(total, total, {}, message)
    known = figures(checks, on_all, len(groups)) | {"log_evidence": whole.log_evidence, "flops": with_reader.flops}
    known |= {"judge_rankings": float(len(split.held_out)), "score_scale": heads["whole"].scale}
    known |= {} if math.isnan(agreement) else {"student_agreement": agreement}
    return RewardResult(
        {part: PreferenceScorer(with_reader, columns, head) for part, head in heads.items()},
        student,
        known,
        checks.on_unseen.at_temperature(checks.temperature).reliability(),
        checks.learning_curve(),
        block_shares(made[: len(answers)], places[: len(answers)], whole.mean, prior.sizes),
        penalty_curve(checks.by_penalty, data, whole, prior),
        checks.influences,
        checks.surprises,
    )


def read_all(
    reader: Reader, answers: Sequence[Answered], ends: EndTokens, total: int
) -> Generator[Progress, None, list[Blocks]]:
    blocks: list[Blocks] = []
    for step, first in enumerate(range(0, len(answers), READ_AT_ONCE), start=1):
        blocks += reader.read(answers[first : first + READ_AT_ONCE], ends)
        yield Progress(step, total, {}, _("{n} of {all} answers read", n=len(blocks), all=len(answers)))
    return blocks


def checked(posterior: Posterior) -> Posterior:
    if not bool(posterior.mean.isfinite().all()):
        raise TrainingError(_("The reward model's loss is not a number: the SFT model's weights may be damaged."))
    return posterior


def common_frame(prompts: Sequence[Sequence[int]]) -> list[int]:
    """What all prompts begin and end with: the template around an empty question. Of equal ones the first token."""
    shortest = min(prompts, key=len)
    if all(list(prompt) == list(shortest) for prompt in prompts):
        return list(shortest[:1])
    longest = len(shortest) - 1
    start = next((n for n in range(longest) if any(prompt[n] != shortest[n] for prompt in prompts)), longest)
    rest = longest - start
    end = next((n for n in range(rest) if any(prompt[-1 - n] != shortest[-1 - n] for prompt in prompts)), rest)
    frame = [*shortest[:start], *shortest[len(shortest) - end :]]
    return frame or list(shortest[:1])


def prompt_numbers(samples: Sequence[Answered]) -> list[int]:
    """Equal prompts have equal numbers."""
    numbers: dict[tuple[int, ...], int] = {}
    return [numbers.setdefault(tuple(prompt), len(numbers)) for prompt, _answer in samples]


def block_shares(columns: Tensor, prompts: Sequence[int], weights: Tensor, sizes: Sequence[int]) -> dict[str, float]:
    """How much of what the scores of answers [N,D] to one prompt differ by comes from each block of features: shares of
    the sum of mean squares."""
    parts = (within_prompts(columns, torch.tensor(list(prompts))) * weights).split(list(sizes), dim=1)
    squares = torch.stack([part.sum(1).square().mean() for part in parts])
    total = float(squares.sum())
    return {block: float(each) / total for block, each in zip(BLOCKS, squares, strict=True)} if total > 0 else {}


def figures(checks: CrossValidation, on_all: PairOutcomes, num_rankings: int) -> dict[str, float | str]:
    """What the version's record says. Without folds the accuracy on all rankings stands for the training one."""
    unseen = checks.on_unseen
    summary = summarize(checks.on_train, replace(unseen, margin=unseen.margin / checks.temperature))
    counts = {"num_rankings": num_rankings, "num_comparisons": on_all.num_comparisons, "num_ties": on_all.num_ties}
    measured: dict[str, float | str] = {**summary, **{name: float(count) for name, count in counts.items()}}
    if "train_accuracy" not in summary and not math.isnan(on_all.accuracy):
        measured["train_accuracy"] = on_all.accuracy
    if len(unseen.margin):
        measured["temperature"] = checks.temperature
    measured["verdict"] = verdict(summary) if on_all.margin.any() else NOTHING_LEARNED
    return measured


def progress_figures(checks: CrossValidation) -> dict[str, float]:
    """Losses and accuracies over the folds so far."""
    train, unseen = checks.on_train, checks.on_unseen
    known = {
        "loss/train": train.loss,
        "accuracy/train": train.accuracy,
        "loss/held_out": unseen.loss,
        "accuracy/held_out": unseen.accuracy,
    }
    return {name: value for name, value in known.items() if not math.isnan(value)}
