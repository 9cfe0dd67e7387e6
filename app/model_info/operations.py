"""Floating-point operations of trainings, counted from the models' shapes. No torch here.

For each weight that a token meets 2 forward (a multiplication and an addition) and 4 more backward (Kaplan et al. 2020,
section 2.1): 6 N D where all of N weights learn from D tokens. Embeddings are looked up, and count where their matrix
makes the next token's distribution alone. Left out, as there: the products among tokens in attention, a few hundredths
at such lengths.
"""

from dataclasses import dataclass

from app.hparams import ModelConfig
from app.model_info.size import embedding_parameters, layer_parameters

READ, LEARN = 2, 6
LEARN_BESIDE = 4
"""Where the weights stay and adapters beside them learn: no gradient is made for the weights themselves."""


def passed(config: ModelConfig, tokens: float, outputs: float, *, layers: int | None = None, each: int = READ) -> float:
    """Of so many tokens through so many layers, all of them unless said, of which `outputs` have a distribution made of
    the next one."""
    through = config.num_hidden_layers if layers is None else layers
    return each * (tokens * through * layer_parameters(config) + outputs * embedding_parameters(config))


@dataclass(frozen=True)
class Asked:
    """Tokens of prompts, each once, of all answers to them, of the SFT model's answers to them, of those that the
    scorer's reader writes itself to score beside (app/training/reward/references.py), and of answers that were drawn
    and scored alone, since others are learned from."""

    prompts: float
    answers: float
    own: float = 0.0
    references: float = 0.0
    left_out: float = 0.0


def scored(reader: ModelConfig, asked: Asked) -> float:
    """Answers read behind their prompts and alone, and references sampled."""
    read = passed(reader, asked.prompts + 2 * asked.answers, 2 * asked.answers)
    return read + (passed(reader, asked.prompts + asked.references, asked.references) if asked.references else 0.0)


def drifted(policy: ModelConfig, asked: Asked) -> float:
    """Answers sampled, and measured by policy and reference (app/training/policy/drift.py)."""
    return 3 * passed(policy, asked.prompts + asked.answers, asked.answers)


@dataclass(frozen=True)
class ImitationOperations:
    """Of a training of a policy on the best of its own answers (best of n). `reader` reads for the scorer."""

    policy: ModelConfig
    reader: ModelConfig

    def tried(self, asked: Asked) -> float:
        """Answers sampled and scored."""
        return passed(self.policy, asked.prompts + asked.answers, asked.answers) + scored(self.reader, asked)

    def imitated(self, tokens: int, targets: int, *, learned: bool) -> float:
        """Whole rows, their padding included, of which `targets` tokens are guessed."""
        return passed(self.policy, tokens, targets, each=LEARN if learned else READ)

    def look(self, asked: Asked) -> float:
        """Answers sampled, measured and scored."""
        return drifted(self.policy, asked) + scored(self.reader, asked)


@dataclass(frozen=True)
class PreferenceOperations:
    """Of a training of a policy on answers that somebody ranked (DPO), of which `frozen` layers do not learn."""

    policy: ModelConfig
    frozen: int
    learning: int = LEARN

    def measured(self, asked: Asked) -> float:
        """By the reference, which reads each ranking once."""
        return passed(self.policy, asked.prompts + asked.answers, asked.answers)

    def compared(self, asked: Asked, *, kept: bool, learned: bool) -> float:
        """By the policy: states of the frozen layers are `kept` from the reference's reading, or made anew."""
        tokens, each = asked.prompts + asked.answers, self.learning if learned else READ
        below = 0.0 if kept else passed(self.policy, tokens, 0, layers=self.frozen)
        upper = self.policy.num_hidden_layers - self.frozen
        return below + passed(self.policy, tokens, asked.answers, layers=upper, each=each)


@dataclass(frozen=True)
class EpisodeOperations:
    """Of a training of a policy on its own answers. `reader` reads for the scorer; of `frozen` layers the states are
    kept, which the reference `shares`. `networks` with the layers that learn; `learns_own`: the SFT model's answers are
    learned from, too."""

    policy: ModelConfig
    reader: ModelConfig
    frozen: int
    shares: bool
    networks: int = 1
    learns_own: bool = False
    learning: int = LEARN

    def batch(self, asked: Asked, epochs: float) -> float:
        """Sample, score, measure by policy and reference, and learn for so many epochs."""
        policy, upper = self.policy, self.policy.num_hidden_layers - self.frozen
        tokens, with_own = asked.prompts + asked.answers, asked.prompts + asked.own
        done = 2 * passed(policy, tokens, asked.answers) + scored(self.reader, asked)
        done += passed(policy, tokens, asked.answers, layers=upper if self.shares else None)
        learned = passed(policy, self.networks * tokens, asked.answers, layers=upper, each=self.learning)
        if asked.left_out:
            done += passed(policy, asked.left_out, asked.left_out) + scored(self.reader, Asked(0, asked.left_out))
        if asked.own:
            done += passed(policy, with_own, asked.own) + scored(self.reader, Asked(asked.prompts, asked.own))
        if self.learns_own:
            learned += passed(policy, with_own, asked.own, layers=upper, each=self.learning)
        return done + epochs * learned

    def validation(self, asked: Asked) -> float:
        """Sample, score, and measure by policy and reference, and by the reference behind another prompt."""
        return 4 * passed(self.policy, asked.prompts + asked.answers, asked.answers) + scored(self.reader, asked)
