"""What best-of-n distillation has made so far, as its checkpoints hold it: what was sampled, the fine-tuning's own
state, and the operations that both took.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.model_info.operations import ImitationOperations, drifted
from app.training.context import TrainingContext
from app.training.policy.counting import written_to
from app.training.policy.drift import Drift
from app.training.supervised import IGNORED, Batch


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
    flops: float = 0.0

    def metrics(self, num_answers: int) -> dict[str, float]:
        return {
            "best_of_n/mean_score": self.total_score / max(1, self.answers),
            "best_of_n/chosen_score": self.chosen_score / max(1, len(self.pairs)),
            "best_of_n/most_kl": math.log(num_answers) - (num_answers - 1) / num_answers,
            "flops": self.flops,
        }


class WithSamples:
    """The checkpoint of the second phase: the fine-tuning's own state beside what was sampled, and the operations of
    both so far. It is kept once the look at this step is made, so that a resumed run has counted it."""

    def __init__(
        self, context: TrainingContext, state: dict[str, Any], saved: dict[str, Any], operations: ImitationOperations
    ) -> None:
        self.context, self.state, self.operations = context, state, operations
        self.saved: dict[str, Any] | None = saved.get("fit")
        self.flops: float = saved.get("flops", state["sampled"]["flops"])
        self._fresh: dict[str, Any] | None = None

    def load(self) -> dict[str, Any] | None:
        return self.saved

    def save(self, state: dict[str, Any]) -> None:
        self._fresh = state

    def keep(self) -> None:
        if self._fresh is not None:
            self.context.save(self.state | {"fit": self._fresh, "flops": self.flops})
        self._fresh = None

    def count(self, rows: Batch, *, learned: bool) -> None:
        targets = int((rows.targets != IGNORED).sum())
        self.flops += self.operations.imitated(rows.ids.numel(), targets, learned=learned)

    def count_drift(self, prompts: Sequence[list[int]], moved: Drift, *, is_scored: bool) -> None:
        asked = written_to(prompts, moved.answers)
        self.flops += self.operations.look(asked) if is_scored else drifted(self.operations.policy, asked)
