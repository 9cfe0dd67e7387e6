"""What every reward model can do: score answers to prompts, each score with its deviation.

Policies are trained and judged through these functions alone, whatever the scorer is made of. Knows no model.

Shapes: P prompts, K answers of a prompt, N answers.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.text.end_tokens import EndTokens

Answered = tuple[Sequence[int], Sequence[int]]  # a prompt's and an answer's tokens
Groups = Sequence[Sequence[Sequence[int]]]  # answers as token ids, those to one prompt together


class AnswerScorer(Protocol):
    """A reward model. Equal inputs have equal scores, whatever is scored beside them."""

    @property
    def config(self) -> ModelConfig:
        """Of the model that reads the answers: how many tokens it reads at most."""
        ...

    def score(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[Tensor, Tensor]:
        """Scores [N] and their deviations [N], both in deviations of the SFT model's answers to one prompt; an answer
        is read as its template would write it, whichever token ended it."""
        ...


@runtime_checkable
class HeadDrawer(Protocol):
    """A scorer that knows how sure it is of its weights."""

    def drawn(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[Tensor, Tensor]:
        """Scores [N], and [N,S] by heads drawn from the posterior, the same S heads at each call. Only differences of
        scores of one head mean anything."""
        ...


def score_with_draws(
    model: AnswerScorer, prompts: Sequence[Sequence[int]], answers: Groups, *, ends: EndTokens
) -> tuple[list[list[float]], Tensor]:
    """Scores [P][K] as `score_answers` gives them, and [P,S]: by each of the drawn heads, the mean of each prompt's
    answers; S is 0 where the scorer has no posterior."""
    if not isinstance(model, HeadDrawer):
        return score_answers(model, prompts, answers, ends=ends), torch.zeros(len(prompts), 0)
    pairs = [(prompt, answer) for prompt, group in zip(prompts, answers, strict=True) for answer in group]
    scores, draws = model.drawn(pairs, ends)
    means = [each.mean(0) for each in draws.split([len(group) for group in answers])]
    return _grouped(scores, answers), torch.stack(means)


def score_answers(
    model: AnswerScorer, prompts: Sequence[Sequence[int]], answers: Groups, *, ends: EndTokens
) -> list[list[float]]:
    """A score for each of `answers[i]` to `prompts[i]`, given as token ids."""
    return score_with_deviations(model, prompts, answers, ends=ends)[0]


def score_with_deviations(
    model: AnswerScorer, prompts: Sequence[Sequence[int]], answers: Groups, *, ends: EndTokens
) -> tuple[list[list[float]], list[list[float]]]:
    """Scores [P][K] as `score_answers` gives them, and the posterior deviation of each: how far it may be off, given
    the rankings. A policy that shuns what is unknown takes the score less some deviations (Coste et al. 2024)."""
    pairs = [(prompt, answer) for prompt, group in zip(prompts, answers, strict=True) for answer in group]
    scores, deviations = model.score(pairs, ends)
    return _grouped(scores, answers), _grouped(deviations, answers)


def _grouped(values: Tensor, answers: Groups) -> list[list[float]]:
    each = iter(values.tolist())
    return [[next(each) for _ in group] for group in answers]
