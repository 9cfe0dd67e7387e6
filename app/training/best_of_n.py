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
from typing import Any

import torch

from app.hparams import ModelConfig, SamplingParams
from app.kinds.train_best_of_n import BestOfNHparams, FittedBestOfNHparams
from app.lm.inference.offline import sample_batch
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.model_info.size import policy_learning_rate
from app.saving import TrainingError
from app.training.context import Answers, Progress, TrainingContext
from app.training.policy.comparison import gains_of
from app.training.policy.drift import Drift, drift
from app.training.policy.episodes import PolicyResult, PolicyTask
from app.training.reward.scoring import AnswerScorer, score_answers
from app.training.seeds import part_seed
from app.training.sft import Example, Marks, pack_examples
from app.training.supervised import Batch, FitResult, fit, shuffled
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


@dataclass
class Sampled:
    """What the first phase has made so far, as a checkpoint holds it."""

    parts: int
    pairs: list[list[list[int]]]
    """[prompt, chosen answer] of each prompt that has one that fits in a row, in the prompts' order; the end is left
    out."""
    total_score: float = 0.0
    answers: int = 0
    chosen_score: float = 0.0

    def metrics(self, num_answers: int) -> dict[str, float]:
        return {
            "best_of_n/mean_score": self.total_score / max(1, self.answers),
            "best_of_n/chosen_score": self.chosen_score / max(1, len(self.pairs)),
            "best_of_n/most_kl": math.log(num_answers) - (num_answers - 1) / num_answers,
        }


class WithSamples:
    """The checkpoint of the second phase: the fine-tuning's own state beside what was sampled."""

    def __init__(self, context: TrainingContext, state: dict[str, Any], saved: dict[str, Any] | None) -> None:
        self.context, self.state, self.saved = context, state, saved

    def load(self) -> dict[str, Any] | None:
        return self.saved

    def save(self, state: dict[str, Any]) -> None:
        self.context.save(self.state | {"fit": state})


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
    model: Llama, sampled: Sampled, hparams: FittedBestOfNHparams, marks: Marks, context: TrainingContext
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
        return Batch(packed.ids[chosen], packed.targets[chosen])

    return (yield from fit(model, batch_at, total, schedule, train_probe=[packed], held_out=[other], context=context))


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
    policy, fit_state = copy.deepcopy(initial), saved.get("fit")
    held_out = [prompt for prompt, _answer in sampled.pairs[-held_out_pairs(sampled) :]]
    look = looks_at(policy, task, fitted, held_out[:LOOK_PROMPTS], part_seed(fitted.seed, parts))
    training = imitate(policy, sampled, fitted, marks, WithSamples(context, state, fit_state))
    result = yield from _after(training, parts, look, from_its_start=fit_state is None)
    moved = drift_of(result.model, task, fitted, held_out, DRIFT_ANSWERS, part_seed(fitted.seed, parts))
    figures = {"best_of_n/kl": moved.kl, "best_of_n/length": moved.length, "num_pairs": float(len(sampled.pairs))}
    return PolicyResult(result.model, sampled.metrics(fitted.num_answers) | result.metrics | figures)


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
    policy: Llama, task: PolicyTask, hparams: FittedBestOfNHparams, prompts: list[list[int]], seed: int
) -> Callable[[int], Answers]:
    """What the policy says to these prompts after so many steps, always by the same random numbers."""

    def scores(moved: Drift) -> torch.Tensor:
        return torch.tensor(score_answers(task.reward_model, prompts, moved.answers, ends=task.ends))

    before = scores(drift_of(task.reference, task, hparams, prompts, LOOK_ANSWERS, seed))

    def look(step: int) -> Answers:
        moved = drift_of(policy, task, hparams, prompts, LOOK_ANSWERS, seed)
        return moved.told(step, prompts, gains_of(scores(moved)[:, :1], before).tolist())

    return look


def _after(
    training: Generator[Progress, None, FitResult], steps: int, look: Callable[[int], Answers], *, from_its_start: bool
) -> Generator[Progress, None, FitResult]:
    """The same progress, behind so many steps of another phase, with the policy's answers before it, whenever the
    held-out loss is measured, and at its end."""
    answers = [look(steps)] if from_its_start else []
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
        yield replace(progress, step=step, total_steps=total, message=said, answers=tuple(answers))
        answers = []
