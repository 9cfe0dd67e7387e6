"""Validations during a policy's training: judged on prompts set aside, so that it can stop and keep the best.

What follows from them is in stopping.py and verdict.py, pure functions of their history.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import torch

from app.lm.model import Llama
from app.policy_hparams import EpisodeHparams
from app.training.context import SHOWN_PROMPTS, Answer, Answers
from app.training.policy.comparison import Comparison, Measured, drawn_gains, figures_of, gains_of
from app.training.policy.knowledge import NO_QUESTIONS, Questions, knowledge_figures, knows, memory_of
from app.training.seeds import part_seed
from app.training.stopping import StopRules, Validation

Signs = Callable[[Measured, Measured, dict[str, float]], Sequence[str]]
"""Of the policy's answers, the SFT model's, and the figures: sentences about what has left its bounds."""
STRIDE = 500_009  # validations draw other numbers than the episodes do
SHOWN = 4


@dataclass(frozen=True)
class Watch:
    """What a training is watched with. `comparison` has the judge."""

    comparison: Comparison
    prompts: Sequence[list[int]]
    """None of them is trained on."""
    signs: Signs = lambda _after, _before, _figures: ()
    questions: Questions = NO_QUESTIONS
    """By which it is measured what was forgotten."""


@dataclass(frozen=True)
class Example:
    """An answer that shows what became of the policy: index of the prompt, the SFT model's answer and the policy's as
    token ids, and the gains of the policy's answers to that prompt."""

    prompt_index: int
    before: list[int]
    after: list[int]
    optimized: float
    judged: float


@dataclass(frozen=True)
class Look:
    """What one validation has shown."""

    validation: Validation
    examples: list[Example]
    answers: tuple[Answer, ...]
    """To the first few prompts: the same ones at each look, drawn by the same random numbers."""

    def told(self, step: int) -> Answers:
        return Answers(step, self.validation.kl, self.answers)


class Validator:
    """Answers of the SFT model are drawn once; all validations use the same random numbers."""

    def __init__(self, watch: Watch, seed: int) -> None:
        self.watch = watch
        self.seed = part_seed(seed, 1, STRIDE)
        self.others = [*watch.prompts[1:], *watch.prompts[:1]]
        self.before = self._measured(watch.comparison.reference)
        asked = watch.comparison
        self.memory = memory_of(
            asked.reference, watch.questions, max_tokens=asked.params.max_tokens, ends=asked.ends, pad_id=asked.pad_id
        )

    @property
    def judge_is_other(self) -> bool:
        """Than the scorer that is optimized."""
        return self.watch.comparison.judge is not self.watch.comparison.scorer

    def look(self, model: Llama, episodes: int) -> Look:
        """At the SFT model itself without asking it again: it would say what it said."""
        is_reference = model is self.watch.comparison.reference
        after = self.before if is_reference else self._measured(model)
        figures = figures_of(after, self.before, self.watch.comparison.ends)
        if self.memory is not None:
            known = torch.ones(len(self.memory.sure)).bool() if is_reference else knows(model, self.memory)
            figures |= knowledge_figures(known, self.memory)
        optimized = gains_of(torch.tensor(after.scores), torch.tensor(self.before.scores)).tolist()
        judged = gains_of(torch.tensor(after.judged), torch.tensor(self.before.judged)).tolist()
        signs = tuple(self.watch.signs(after, self.before, figures))
        draws = tuple(drawn_gains(after, self.before))
        kl = figures["kl"]
        validation = Validation(episodes, kl, tuple(optimized), tuple(judged), figures, signs, judged_draws=draws)
        return Look(validation, self._examples(after, optimized, judged), self._answers(after))

    def _measured(self, model: Llama) -> Measured:
        return self.watch.comparison.measured(model, self.watch.prompts, self.others, self.seed)

    def _answers(self, after: Measured) -> tuple[Answer, ...]:
        """The first one to each of the first prompts."""
        own = torch.tensor([group[:1] for group in after.scores])
        gains = gains_of(own, torch.tensor(self.before.scores)).tolist()
        shown = zip(self.watch.prompts, after.answers, gains, strict=True)
        return tuple(Answer(prompt, group[0], gain) for prompt, group, gain in islice(shown, SHOWN_PROMPTS))

    def _examples(self, after: Measured, optimized: list[float], judged: list[float]) -> list[Example]:
        """Those that the optimized scorer praises most beyond the judge's praise; of equals, those that it praises
        most."""
        order = sorted(range(len(optimized)), key=lambda i: (judged[i] - optimized[i], -optimized[i], i))
        return [
            Example(i, self.before.answers[i][0], after.answers[i][0], optimized[i], judged[i]) for i in order[:SHOWN]
        ]


def stop_rules(hparams: EpisodeHparams) -> StopRules:
    stops = hparams.early_stopping
    return StopRules(hparams.kl_budget, hparams.patience if stops else None, on_cheating=stops)


def told(validation: Validation) -> dict[str, float]:
    """For the curves, beside the batch's own metrics."""
    known = {} if "knowledge" not in validation.figures else {"validation/knowledge": validation.figures["knowledge"]}
    return known | {
        "validation/reward_gain": validation.optimized_gain,
        "validation/judge_gain": validation.judged_gain,
        "validation/win_rate": validation.figures["win_rate"],
        "validation/kl": validation.kl,
    }
