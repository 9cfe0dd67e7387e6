"""What a policy says while it learns from rankings: the same prompts by the same random numbers at each look, its KL to
the SFT model, its length, and, where there is a scorer, how its answers score. Nothing here is learned from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.kinds.train_dpo import DPOHparams
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.model_info.operations import drifted, scored
from app.training.context import SHOWN_PROMPTS, Answers
from app.training.policy.counting import first_written_to, written_to
from app.training.policy.drift import Drift, Gains, drift
from app.training.reward.scoring import AnswerScorer, Groups, score_answers
from app.training.seeds import part_seed

OWN_ANSWERS = 4  # of the SFT model to a prompt whose answers are scored


@dataclass
class Looks:
    """`prompts`: all that are answered; the first few are told, with scores where there is a `scorer`."""

    policy: Llama
    reference: Llama
    prompts: Sequence[list[int]]
    hparams: DPOHparams
    ends: EndTokens
    pad_id: int
    scorer: AnswerScorer | None = None
    flops: float = 0.0
    """Of what was done since they were counted."""
    _gains: Gains | None = None

    def begin(self, *, again: bool) -> list[Answers]:
        """The SFT model's own answers, from which scores count, and the first look. `again`: of a run that goes on,
        which has counted and told both."""
        if not self.prompts:
            return []
        if self.scorer is not None:
            own = self._drift(self.reference, self._shown, OWN_ANSWERS * len(self._shown))
            self.flops += scored(self.scorer.config, first_written_to(self._shown, own.answers))
            self._gains = Gains(self._score, own)
        if again:
            self.flops = 0.0
            return []
        return self.at(0)[1]

    def at(self, step: int) -> tuple[dict[str, float], list[Answers]]:
        """The figures, and the first answers; none without a prompt."""
        if not self.prompts:
            return {}, []
        moved = self._drift(self.policy, self.prompts, self.hparams.sampled_answers)
        figures = {"dpo/kl": moved.kl, "dpo/length": moved.length, "dpo/end_rate": moved.end_rate}
        return figures, [self._told(step, moved)]

    def _told(self, step: int, moved: Drift) -> Answers:
        if self._gains is None or self.scorer is None:
            return moved.told(step, self.prompts)
        asked = written_to(self._shown, moved.answers[: len(self._shown)])
        self.flops += scored(self.scorer.config, asked)
        return moved.told(step, self.prompts, self._gains.of(moved))

    def counted(self) -> float:
        """The operations since they were counted last."""
        flops, self.flops = self.flops, 0.0
        return flops

    @property
    def _shown(self) -> Sequence[list[int]]:
        return self.prompts[:SHOWN_PROMPTS]

    def _score(self, answers: Groups) -> list[list[float]]:
        assert self.scorer is not None
        return score_answers(self.scorer, self._shown, answers, ends=self.ends)

    def _drift(self, policy: Llama, prompts: Sequence[list[int]], count: int) -> Drift:
        moved = drift(
            policy,
            self.reference,
            prompts,
            num_answers=count,
            max_tokens=self.hparams.max_tokens,
            ends=self.ends,
            pad_id=self.pad_id,
            seed=part_seed(self.hparams.seed, 0),
        )
        self.flops += drifted(policy.config, written_to(prompts, moved.answers))
        return moved
