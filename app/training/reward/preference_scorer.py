"""The reward model that Fourfold scores by: the frozen SFT model reads, columns are made, a posterior weighs them.

Several of them share what reads and differ in the rankings that they learned from: see `Part`. Scores have mean 0 over
the SFT model's answers, and deviation 1 among its answers to one prompt: between prompts rankings say nothing.

Shapes: N answers, D columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.text.end_tokens import EndTokens
from app.training.reward.columns import Columns
from app.training.reward.head import Posterior
from app.training.reward.reading import Reader
from app.training.reward.scoring import Answered

Part = Literal["whole", "optimized", "judge"]
"""`whole` has learned from every ranking and shows scores to people; a policy is trained by `optimized` and judged by
`judge`, which have no prompt in common."""
PARTS: tuple[Part, ...] = ("whole", "optimized", "judge")
LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class Head:
    """score = (mean . x - shift) / scale, all float64."""

    mean: Tensor  # [D]
    factor: Tensor  # [D,D] lower triangle; the posterior's precision is factor factor'
    shift: float
    scale: float

    @classmethod
    def normalized(cls, posterior: Posterior, samples: Tensor, prompts: Sequence[int]) -> "Head":
        """By the columns [N,D] of the SFT model's answers and the number of each one's prompt."""
        raw = (samples * posterior.mean).sum(1)
        scale = spread_within(raw, prompts)
        return cls(posterior.mean, posterior.factor, float(raw.mean()), scale if scale > LEAST_SPREAD else 1.0)

    def score(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """[N,D] -> [N] scores and [N] deviations in float32. Row by row, a sum and no matrix product: equal rows have
        equal bits."""
        scores = ((columns * self.mean).sum(1) - self.shift) / self.scale
        solved = [torch.linalg.solve_triangular(self.factor, row.unsqueeze(1), upper=False) for row in columns]
        spread = torch.stack([each.square().sum().sqrt() for each in solved]) if solved else torch.zeros(0)
        return scores.float(), (spread / self.scale).float()

    def tensors(self) -> dict[str, Tensor]:
        return {
            "mean": self.mean,
            "factor": self.factor,
            "normalization": torch.tensor([self.shift, self.scale], dtype=torch.float64),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "Head":
        """Raises KeyError where one is missing."""
        shift, scale = tensors["normalization"].tolist()
        return cls(tensors["mean"], tensors["factor"], shift, scale)


def spread_within(values: Tensor, prompts: Sequence[int]) -> float:
    """The deviation among answers to one prompt, from all prompts [N] with several; where there is none, among all."""
    _, place, counts = torch.unique(torch.tensor(list(prompts)), return_inverse=True, return_counts=True)
    means = torch.zeros(len(counts), dtype=values.dtype).index_add_(0, place, values) / counts
    several = counts[place] > 1
    freedom = int((counts - 1).sum())
    if freedom == 0:
        return float(values.std(correction=0))
    return float(((values - means[place])[several].square().sum() / freedom).sqrt())


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
