"""Best-of-n distillation: sample n answers to each prompt, keep what the reward model scores highest, and imitate it.

A generator: one Progress per part of the prompts, then one per step of fine-tuning (app/training/supervised.py), the
result at the end. Best-of-n sampling moves a policy by a KL of at most log n - (n - 1) / n (Gao et al. 2022, section 2;
an upper bound by Beirami et al. 2024), which its imitation may go somewhat beyond. What is sampled stands in the
checkpoint, so that a resumed run equals an uninterrupted one.
"""

import copy
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace

import torch

from app.hparams import ModelConfig, SamplingParams
from app.kinds.train_best_of_n import BestOfNHparams, FittedBestOfNHparams
from app.lm.inference.offline import sample_batch
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.model_info.operations import ImitationOperations
from app.model_info.size import policy_learning_rate
from app.saving import TrainingError
from app.training.best_of_n_state import Sampled, WithSamples
from app.training.context import Answers, Progress, TrainingContext
from app.training.policy.counting import first_written_to
from app.training.policy.drift import Drift, Gains, drift
from app.training.policy.episodes import PolicyResult, PolicyTask
from app.training.reward.scoring import AnswerScorer, Groups, score_answers
from app.training.seeds import part_seed
from app.training.sft import Example, Marks, pack_examples
from app.training.supervised import Batch, Course, FitResult, fit, shuffled
from app.translation import _

PROMPTS_AT_ONCE = 16
LEAST_PAIRS = 8
HELD_OUT_SHARE = 0.1
DRIFT_ANSWERS = 64
LOOK_PROMPTS, LOOK_ANSWERS = 8, 32


@dataclass(frozen=True)
class Schedule:
    """Of the fine-tuning: as app/training/supervised.py reads it."""

    learning_rate: float
    min_learning_rate: float
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float
    eval_every_steps: int
    checkpoint_every_steps: int


def fit_best_of_n(hparams: BestOfNHparams, config: ModelConfig) -> FittedBestOfNHparams:
    given = {name: value for name, value in asdict(hparams).items() if value is not None}
    return FittedBestOfNHparams(**{"learning_rate": policy_learning_rate(config)} | given)


def best_of(scores: Sequence[float], ended: Sequence[bool]) -> int | None:
    """Index of the highest score among answers that ended, the first of equals; None where none ended: it would teach
    to go on for ever."""
    places = [place for place, done in enumerate(ended) if done]
    return max(places, key=lambda place: (scores[place], -place)) if places else None


def sample_part(
    model: Llama,
    reward_model: AnswerScorer,
    prompts: Sequence[list[int]],
    hparams: BestOfNHparams,
    ends: EndTokens,
    sampled: Sampled,
) -> None:
    """The next prompts: their answers, scores, and the best of them."""
    part = [list(p) for p in prompts[sampled.parts * PROMPTS_AT_ONCE : (sampled.parts + 1) * PROMPTS_AT_ONCE]]
    generator = torch.Generator().manual_seed(part_seed(hparams.seed, sampled.parts))
    params = SamplingParams(temperature=hparams.temperature, max_tokens=hparams.max_tokens)
    with torch.no_grad():
        groups = sample_batch(model, ends.all, part, n=hparams.num_answers, params=params, generator=generator)
    answers = [[list(completion.token_ids) for completion in group] for group in groups]
    operations = ImitationOperations(model.config, reward_model.config)
    sampled.flops += operations.tried(first_written_to(part, answers))
    for prompt, group, scores in zip(part, answers, score_answers(reward_model, part, answers, ends=ends), strict=True):
        sampled.total_score += sum(scores)
        sampled.answers += len(scores)
        best = best_of(scores, [ends.ended(answer) for answer in group])
        if best is not None and len(prompt) + len(group[best]) <= hparams.context_tokens:
            sampled.pairs.append([prompt, group[best][:-1]])
            sampled.chosen_score += scores[best]
    sampled.parts += 1


def held_out_pairs(sampled: Sampled) -> int:
    """How many of the chosen answers, the last ones, are not learned from."""
    return max(1, round(HELD_OUT_SHARE * len(sampled.pairs)))


def imitate(
    model: Llama, sampled: Sampled, hparams: FittedBestOfNHparams, marks: Marks, kept: WithSamples
) -> Generator[Progress, None, FitResult]:
    """Fine-tune `model` on the chosen answers."""
    examples = [Example(prompt, answer) for prompt, answer in sampled.pairs]
    held_out = held_out_pairs(sampled)
    packed = pack_examples(examples[:-held_out], hparams.context_tokens, marks)
    other = pack_examples(examples[-held_out:], hparams.context_tokens, marks)
    size = min(hparams.batch_rows, len(packed.ids))
    per_epoch = max(1, len(packed.ids) // size)
    total = per_epoch * hparams.num_epochs
    schedule = Schedule(
        learning_rate=hparams.learning_rate,
        min_learning_rate=hparams.learning_rate / 20,
        warmup_steps=min(10, total // 10 + 1),
        weight_decay=hparams.weight_decay,
        max_grad_norm=hparams.max_grad_norm,
        eval_every_steps=max(1, per_epoch // 2),
        checkpoint_every_steps=hparams.checkpoint_every_steps,
    )

    def batch_at(step: int) -> Batch:
        epoch, place = divmod(step, per_epoch)
        chosen = shuffled(len(packed.ids), epoch, hparams.seed)[place * size : (place + 1) * size]
        batch = Batch(packed.ids[chosen], packed.targets[chosen])
        kept.count(batch, learned=True)
        return batch

    course = Course(batch_at, total, train_probe=[packed], held_out=[other])
    training = fit(model, course, schedule, context=kept)
    return (yield from _judged(training, kept, packed, other))


def _judged(
    training: Generator[Progress, None, FitResult], kept: WithSamples, packed: Batch, other: Batch
) -> Generator[Progress, None, FitResult]:
    """The same, what its evaluations took counted: of held-out answers on the way, of all at the end."""
    while True:
        try:
            progress = next(training)
        except StopIteration as stop:
            for rows in (packed, other):
                kept.count(rows, learned=False)
            result: FitResult = stop.value
            return result
        if "loss/held_out" in progress.metrics:
            kept.count(other, learned=False)
        yield progress


def train_best_of_n(
    task: PolicyTask, hparams: BestOfNHparams, context: TrainingContext
) -> Generator[Progress, None, PolicyResult]:
    """The first `num_prompts` prompts are used; the KL is measured to the reference."""
    if not task.prompts:
        raise TrainingError(_("There are no prompts to train on. Add prompts, then train again."))
    initial, ends = task.initial, task.ends
    fitted, used = fit_best_of_n(hparams, initial.config), task.prompts[: hparams.num_prompts]
    own = {"kind": "best_of_n", "hparams": asdict(fitted)}
    saved = context.load() or own | {"sampled": asdict(Sampled(0, []))}
    if any(saved.get(name) != value for name, value in own.items()):
        raise TrainingError(_("The saved state belongs to another training. Remove it to start this one over."))
    sampled = Sampled(**saved["sampled"])
    parts = math.ceil(len(used) / PROMPTS_AT_ONCE)
    tokens = len(used) * (max(map(len, used)) + hparams.max_tokens // 2)
    steps = max(1, hparams.num_epochs * tokens // (fitted.batch_rows * fitted.context_tokens))  # about
    if not sampled.parts:
        task.say(_("{n} of {all} prompts sampled", n=0, all=len(used)))
    while sampled.parts < parts:
        sample_part(initial, task.reward_model, used, fitted, ends, sampled)
        context.save(own | {"sampled": asdict(sampled)})
        done = min(len(used), sampled.parts * PROMPTS_AT_ONCE)
        said = _("{n} of {all} prompts sampled", n=done, all=len(used))
        yield Progress(sampled.parts, parts + steps, sampled.metrics(fitted.num_answers), said)
    if len(sampled.pairs) < LEAST_PAIRS:
        raise TrainingError(
            _(
                "Only {n} of {all} prompts got an answer that ended by itself and fits in a row, and {least} are "
                "needed. Add prompts, or raise max_tokens, num_answers or context_tokens. Nothing was trained.",
                n=len(sampled.pairs),
                all=len(used),
                least=LEAST_PAIRS,
            )
        )
    state = own | {"sampled": asdict(sampled)}
    marks = Marks(None, ends.written, task.pad_id)
    policy = copy.deepcopy(initial)
    operations = ImitationOperations(initial.config, task.reward_model.config)
    kept = WithSamples(context, state, saved, operations)
    held_out = [prompt for prompt, _answer in sampled.pairs[-held_out_pairs(sampled) :]]
    look = looks_at(policy, task, fitted, held_out[:LOOK_PROMPTS], part_seed(fitted.seed, parts), kept)
    result = yield from _after(imitate(policy, sampled, fitted, marks, kept), parts, look, kept)
    moved = drift_of(result.model, task, fitted, held_out, DRIFT_ANSWERS, part_seed(fitted.seed, parts))
    kept.count_drift(held_out, moved, is_scored=False)
    figures = {"best_of_n/kl": moved.kl, "best_of_n/length": moved.length, "num_pairs": float(len(sampled.pairs))}
    told = sampled.metrics(fitted.num_answers) | result.metrics | figures
    return PolicyResult(result.model, told | {"flops": kept.flops})


def drift_of(
    policy: Llama, task: PolicyTask, hparams: FittedBestOfNHparams, prompts: list[list[int]], answers: int, seed: int
) -> Drift:
    """By so many answers to these prompts."""
    return drift(
        policy,
        task.reference,
        prompts,
        num_answers=answers,
        max_tokens=hparams.max_tokens,
        ends=task.ends,
        pad_id=task.pad_id,
        seed=seed,
    )


def looks_at(
    policy: Llama,
    task: PolicyTask,
    hparams: FittedBestOfNHparams,
    prompts: list[list[int]],
    seed: int,
    kept: WithSamples,
) -> Callable[[int], Answers]:
    """What the policy says to these prompts after so many steps, always by the same random numbers."""

    def score(answers: Groups) -> list[list[float]]:
        return score_answers(task.reward_model, prompts, answers, ends=task.ends)

    at_first = drift_of(task.reference, task, hparams, prompts, LOOK_ANSWERS, seed)
    gains = Gains(score, at_first)
    if kept.saved is None:
        kept.count_drift(prompts, at_first, is_scored=True)

    def look(step: int) -> Answers:
        moved = drift_of(policy, task, hparams, prompts, LOOK_ANSWERS, seed)
        kept.count_drift(prompts, moved, is_scored=True)
        return moved.told(step, prompts, gains.of(moved))

    return look


def _after(
    training: Generator[Progress, None, FitResult], steps: int, look: Callable[[int], Answers], kept: WithSamples
) -> Generator[Progress, None, FitResult]:
    """The same progress, behind so many steps of another phase, with the policy's answers before it, whenever the
    held-out loss is measured, and at its end."""
    answers = [look(steps)] if kept.saved is None else []
    while True:
        try:
            progress = next(training)
        except StopIteration as stop:
            result: FitResult = stop.value
            return result
        said = _("Step {n} of {all} on the best answers", n=progress.step, all=progress.total_steps)
        step, total = steps + progress.step, steps + progress.total_steps
        if step == total or "loss/held_out" in progress.metrics:
            answers.append(look(step))
        kept.keep()
        metrics = progress.metrics | {"flops": kept.flops}
        yield replace(progress, step=step, total_steps=total, metrics=metrics, message=said, answers=tuple(answers))
        answers = []
