"""From what the SFT model noticed to the columns that a score is linear in, block by block, in float64.

Large blocks are turned to their principal components, small ones are standardized, each block has an expected squared
size of 1, so that the precisions of a prior can be compared. Length stands on overlapping bumps of its logarithm:
"about 25 words" is not monotone. Products of the prompt's strongest components with the small blocks let a taste
depend on the kind of prompt. Fitted without any ranking. Every row is computed alone, so that its bits are its own.

Shapes: N answers, F features of a block, D columns of all blocks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.training.reward.reading import Blocks

COMPONENTS = {"mean 0": 48, "mean 1": 48, "mean 2": 48, "end": 32, "beginning": 32, "finish": 32, "second": 32}
STANDARDIZED = ("length", "likelihood", "similarity", "shape")
PROMPT_COMPONENTS = 4  # of the prompt's states: what kind of prompt it is
PRODUCTS = ("length", "likelihood")
BUMPS, WIDTH = 8, 0.5  # of the log of the length in tokens
SHORTEST, LONGEST = 3.0, 100.0  # tokens, of the outermost bumps
TINY = 1e-6
BLOCKS = (*STANDARDIZED, *COMPONENTS, "products")


@dataclass(frozen=True)
class Scaling:
    """x -> matrix (x - mean); [F] and [columns,F]."""

    mean: Tensor
    matrix: Tensor

    def of(self, features: Tensor) -> Tensor:
        return (self.matrix * (features - self.mean)).sum(1)  # not a matrix product: that of a library rounds by shape


class Columns:
    """`scalings` by block; `fit` makes them, `tensors` keeps them."""

    def __init__(self, scalings: dict[str, Scaling]) -> None:
        self._scalings = scalings

    @classmethod
    def fit(cls, answers: Sequence[Blocks]) -> "Columns":
        """From the answers of samples and rankings, at least one. What never differs among them counts nothing."""
        columns = cls({})
        for block in (*STANDARDIZED, *COMPONENTS, "prompt", "products"):
            features = torch.stack([columns._features(block, answer) for answer in answers])
            most = PROMPT_COMPONENTS if block == "prompt" else COMPONENTS.get(block)
            columns._scalings[block] = _standard(features) if most is None else _components(features, most)
        return columns

    @property
    def sizes(self) -> list[int]:
        """Columns of each of `BLOCKS`."""
        return [len(self._scalings[block].matrix) for block in BLOCKS]

    def of(self, answers: Sequence[Blocks]) -> Tensor:
        """[N,D]."""
        rows = [torch.cat([self._part(block, answer) for block in BLOCKS]) for answer in answers]
        return torch.stack(rows) if rows else torch.zeros(0, sum(self.sizes), dtype=torch.float64)

    def _part(self, block: str, answer: Blocks) -> Tensor:
        return self._scalings[block].of(self._features(block, answer))

    def _features(self, block: str, answer: Blocks) -> Tensor:
        if block == "length":
            return _bumps(answer["shape"][0].double())
        if block == "products":
            small = torch.cat([self._part(name, answer) for name in PRODUCTS])
            return torch.outer(self._part("prompt", answer), small).flatten()
        return answer[block].double()

    def tensors(self) -> dict[str, Tensor]:
        """By name, as files keep them; `from_tensors` takes them back to the bit."""
        named = {f"columns.{block}.mean": scaling.mean for block, scaling in self._scalings.items()}
        return named | {f"columns.{block}.matrix": scaling.matrix for block, scaling in self._scalings.items()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "Columns":
        """Raises KeyError where one is missing."""
        blocks = (*BLOCKS, "prompt")
        return cls({b: Scaling(tensors[f"columns.{b}.mean"], tensors[f"columns.{b}.matrix"]) for b in blocks})


def _bumps(log_length: Tensor) -> Tensor:
    centers = torch.linspace(math.log(SHORTEST), math.log(LONGEST), BUMPS, dtype=torch.float64)
    return torch.cat([torch.exp(-0.5 * ((log_length - centers) / WIDTH).square()), log_length.unsqueeze(0)])


def _standard(features: Tensor) -> Scaling:
    """[N,F]: each column with deviation 1, all together with size 1."""
    deviations = features.std(0, correction=0)
    gains = torch.where(deviations > TINY, 1.0 / deviations.clamp(min=TINY), 0.0)
    return Scaling(features.mean(0), torch.diag(gains / math.sqrt(features.shape[1])))


def _components(features: Tensor, most: int) -> Scaling:
    """[N,F]: the strongest principal components, in proportion to their deviations."""
    mean = features.mean(0)
    _, sizes, directions = torch.linalg.svd(features - mean, full_matrices=False)
    kept = int((sizes[:most] > TINY * sizes[0].clamp(min=TINY)).sum())
    if kept == 0:
        return Scaling(mean, torch.zeros(1, features.shape[1], dtype=torch.float64))
    total = (sizes[:kept].square().sum() / len(features)).sqrt()
    return Scaling(mean, directions[:kept] / total)
