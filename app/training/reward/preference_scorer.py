"""The reward model that Fourfold scores by: the frozen SFT model reads, columns are made, a posterior weighs them.

Several of them share what reads and differ in the rankings that they learned from: see `Part`. Scores have mean 0 over
the SFT model's answers, and deviation 1 among its answers to one prompt: between prompts rankings say nothing. So is it
with how far a score may be off: most of the posterior's deviation is what all answers to a prompt have in common, which
nobody asked for. What is told is shortened to the size of what answers to one prompt do not have in common.

Shapes: N answers, D columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.text.end_tokens import EndTokens
from app.training.reward.columns import Columns, within_prompts
from app.training.reward.head import Posterior
from app.training.reward.reading import Reader
from app.training.reward.scoring import Answered

Part = Literal["whole", "optimized", "judge"]
"""`whole` has learned from every ranking and shows scores to people; a policy is trained by `optimized` and judged by
`judge`, which have no prompt in common."""
PARTS: tuple[Part, ...] = ("whole", "optimized", "judge")
LEAST_SPREAD = 1e-6
HEADS = 64
"""Drawn from the posterior, where how sure it is of a difference is asked: a deviation from so many is off by 9%."""


@dataclass(frozen=True)
class Head:
    """score = (mean . x - shift) / scale, all float64."""

    mean: Tensor  # [D]
    factor: Tensor  # [D,D] lower triangle; the posterior's precision is factor factor'
    shift: float
    scale: float
    within: float  # share of the posterior's deviation that lies within prompts

    @classmethod
    def normalized(
        cls, posterior: Posterior, columns: Tensor, prompts: Sequence[int], samples: Sequence[int]
    ) -> "Head":
        """By the columns [N,D] of answers and the number of each one's prompt; the rows `samples`, at least one, are of
        the SFT model's own answers."""
        raw, own = (columns[samples] * posterior.mean).sum(1), [prompts[row] for row in samples]
        scale = spread_within(raw, own)
        solved = torch.linalg.solve_triangular(posterior.curvature.factor, columns.T, upper=False).T  # [N,D]
        apart, whole = spread_within(solved, prompts), float(solved.square().sum(1).mean().sqrt())
        return cls(
            posterior.mean,
            posterior.curvature.factor,
            float(raw.mean()),
            scale if scale > LEAST_SPREAD else 1.0,
            min(1.0, apart / whole) if apart > LEAST_SPREAD else 1.0,
        )

    def scores(self, columns: Tensor) -> Tensor:
        """[N,D] -> [N] in float64."""
        return ((columns * self.mean).sum(1) - self.shift) / self.scale

    def score(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """[N,D] -> [N] scores and [N] deviations in float32. Row by row, a sum and no matrix product: equal rows have
        equal bits."""
        scores = self.scores(columns)
        solved = [torch.linalg.solve_triangular(self.factor, row.unsqueeze(1), upper=False) for row in columns]
        spread = torch.stack([each.square().sum().sqrt() for each in solved]) if solved else torch.zeros(0)
        return scores.float(), (spread * self.within / self.scale).float()

    def drawn(self, columns: Tensor) -> Tensor:
        """[N,D] -> [N,HEADS] scores by weights drawn from the posterior, always the same: with precision F F' the
        weights mean + F'^-1 e have it, for e ~ N(0, 1)."""
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(len(self.mean), HEADS, generator=generator, dtype=self.mean.dtype)
        weights = self.mean.unsqueeze(1) + torch.linalg.solve_triangular(self.factor.T, noise, upper=True)
        scores: Tensor = (columns @ weights - self.shift) / self.scale
        return scores

    def tensors(self) -> dict[str, Tensor]:
        return {
            "mean": self.mean,
            "factor": self.factor,
            "normalization": torch.tensor([self.shift, self.scale, self.within], dtype=torch.float64),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "Head":
        """Raises KeyError where one is missing."""
        shift, scale, within = tensors["normalization"].tolist()
        return cls(tensors["mean"], tensors["factor"], shift, scale, within)


def spread_within(values: Tensor, prompts: Sequence[int]) -> float:
    """The deviation of numbers [N] or vectors [N,F] (of their length) among answers to one prompt, from all prompts [N]
    with several; where there is none, among all."""
    _, place, counts = torch.unique(torch.tensor(list(prompts)), return_inverse=True, return_counts=True)
    apart = within_prompts(values if values.dim() > 1 else values.unsqueeze(1), place)
    freedom = int((counts - 1).sum()) or len(values)
    return float((apart.square().sum() / freedom).sqrt())


class PreferenceScorer:
    """An AnswerScorer."""

    def __init__(self, reader: Reader, columns: Columns, head: Head) -> None:
        self.reader, self.columns, self.head = reader, columns, head

    @property
    def config(self) -> ModelConfig:
        return self.reader.config

    def score(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[Tensor, Tensor]:
        """As `AnswerScorer.score`. Raises TrainingError where the SFT model's states are not numbers."""
        return self.head.score(self.columns.of(self.reader.read(answers, ends)))

    def drawn(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[Tensor, Tensor]:
        """As `HeadDrawer.drawn`."""
        columns = self.columns.of(self.reader.read(answers, ends))
        return self.head.scores(columns).float(), self.head.drawn(columns)
