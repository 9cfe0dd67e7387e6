"""Compare a policy with the reference it came from, on held-out prompts. A generator: progress, then an Evaluation.

Judged by a reward model that learned from other rankings than the one that was optimized; the figures of both stand
side by side. Changes neither model and knows nothing of versions.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import torch

from app.chat import Scored
from app.hparams import EvaluationHparams, SamplingParams
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.saving import TrainingError
from app.training.context import Progress
from app.training.policy.comparison import Comparison, Measured, figures_of, gains_of
from app.training.policy.knowledge import NO_QUESTIONS, Again, Questions, knowledge_figures, knows, memory_of
from app.training.reward.scoring import AnswerScorer
from app.training.seeds import part_seed
from app.training.stopping import Validation
from app.translation import _

PROMPTS_PER_STEP = 16


@dataclass(frozen=True)
class Scorers:
    """`optimized`: the reward model that the policy was trained with. `judge`: the one that decides."""

    optimized: AnswerScorer
    judge: AnswerScorer


@dataclass(frozen=True)
class EvaluationSample:
    """One shown prompt: its index, both models' first answers as token ids, and the optimized scorer's word on them."""

    prompt_index: int
    before: list[int]
    after: list[int]
    before_scored: Scored
    after_scored: Scored


@dataclass(frozen=True)
class Evaluation:
    metrics: dict[str, float]
    samples: list[EvaluationSample]
    before: Measured = field(default_factory=Measured)
    after: Measured = field(default_factory=Measured)

    def history(self, signs: Sequence[str]) -> list[Validation]:
        """As a verdict reads it (app/training/verdict.py): the SFT model, and the policy as it was measured."""

        def gains(after: list[list[float]], before: list[list[float]]) -> tuple[float, ...]:
            return tuple(gains_of(torch.tensor(after), torch.tensor(before)).tolist())

        optimized = gains(self.after.scores, self.before.scores)
        judged = gains(self.after.judged, self.before.judged)
        nothing = (0.0,) * len(judged)
        measured = Validation(1, self.metrics["kl"], optimized, judged, self.metrics, tuple(signs))
        return [Validation(0, 0.0, nothing, nothing), measured]


def evaluate_policy(
    policy: Llama,
    reference: Llama,
    scorers: Scorers,
    prompts: Sequence[list[int]],
    hparams: EvaluationHparams,
    *,
    ends: EndTokens,
    pad_id: int,
    again: Again = NO_QUESTIONS.again,
) -> Generator[Progress, None, Evaluation]:
    """`prompts` are held-out ones; the first `num_prompts` of them are used. `again` makes conversations of several
    turns of them, by which it is measured, too, what the policy has forgotten."""
    used = [list(prompt) for prompt in prompts[: hparams.num_prompts]]
    if not used:
        raise TrainingError(_("There are no held-out prompts to evaluate on. Add some, then evaluate again."))
    params = SamplingParams(temperature=hparams.temperature, max_tokens=hparams.max_tokens)
    comparison = Comparison(
        reference, scorers.optimized, scorers.judge, params, hparams.samples_per_prompt, ends, pad_id
    )
    before, after = Measured(), Measured()
    starts = range(0, len(used), PROMPTS_PER_STEP)
    for step, first in enumerate(starts, start=1):
        chosen = used[first : first + PROMPTS_PER_STEP]
        others = [used[(place + 1) % len(used)] for place in range(first, first + len(chosen))]
        for model, so_far in ((reference, before), (policy, after)):
            so_far.extend(comparison.measured(model, chosen, others, part_seed(hparams.seed, first)))
        yield Progress(step, len(starts), {}, _("{n} of {all} prompts", n=first + len(chosen), all=len(used)))
    metrics = figures_of(after, before, ends) | {"judge/is_other": float(scorers.judge is not scorers.optimized)}
    memory = memory_of(reference, Questions(used, again), max_tokens=hparams.max_tokens, ends=ends, pad_id=pad_id)
    if memory is not None:
        metrics |= knowledge_figures(knows(policy, memory), memory)
    return Evaluation(metrics, shown(before, after, hparams.shown_prompts), before, after)


def shown(before: Measured, after: Measured, count: int) -> list[EvaluationSample]:
    """Spread over the prompts, the same ones every time."""
    total = len(after.answers)
    picked = sorted({round(place * (total - 1) / max(1, count - 1)) for place in range(min(count, total))})
    return [
        EvaluationSample(
            index, before.answers[index][0], after.answers[index][0], _scored(before, index), _scored(after, index)
        )
        for index in picked
    ]


def _scored(measured: Measured, index: int) -> Scored:
    """Of the first answer; a network alone says 0, and knows no deviation (app/training/reward/network.py)."""
    return Scored(measured.scores[index][0], measured.deviations[index][0] or None)
