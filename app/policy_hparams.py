"""Hyper-parameters of training a policy on answers that it samples: what its trainers have in common, and PPO's own.

As in app/hparams.py: each field with its range, its unit and a sentence. No torch here.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.hparams import (
    SERVED_TEMPERATURE,
    AnswerTokens,
    Count,
    Distance,
    Few,
    FrozenLayers,
    LoraAlpha,
    LoraPlaces,
    MaxGradNorm,
    MicroBatchTokens,
    Rate,
    RecomputeLayers,
    Score,
    Seed,
    Share,
    TrainingTemperature,
    Weight,
    WholeFromZero,
    about,
)

LEAST_KNOWLEDGE = 0.95
"""Share of the SFT model's sure answers (app/training/policy/knowledge.py) under which a policy forgets: its training
stops, another of its versions is kept, and an evaluation flags it."""
Episodes = Annotated[
    Count | None, about("Answers sampled in the whole run; batches are whole; none: by the model's size.")
]
KLCoef = Annotated[Weight, about("The KL penalty's coefficient at the beginning.")]
KLTarget = Annotated[
    Distance | None,
    about(
        "KL to the SFT model, nats per answer, to which the penalty's coefficient steers it, from 0 at the beginning "
        "to this half-way; none: the coefficient stays fixed."
    ),
]
KLBudget = Annotated[
    Distance | None, about("KL to the SFT model, nats per answer, beyond which the training stops; none: never.")
]
ScoreClip = Annotated[
    Distance | None,
    about("Bound of a score, in deviations of the SFT model's answers to the prompt; none: unbounded."),
]
MissingEndScore = Annotated[
    Score | None,
    about(
        "The score of an answer that does not end by itself, whatever it says, where half or more of the SFT model's "
        "own answers to the prompt do; none: as any other's."
    ),
]
EarlyStopping = Annotated[
    bool,
    about("Whether it stops by itself: at a plateau, when reward model and judge part, and when its answers collapse."),
]
MoveBack = Annotated[
    bool,
    about(
        "Whether weights part of the way back to the SFT model are looked at in the end, too, and kept where they keep "
        "more of what it knows."
    ),
]


@dataclass(frozen=True)
class EpisodeHparams:
    """Training a policy on answers that it samples, against a reward model, with a KL penalty against the SFT model:
    what PPO, RLOO and GRPO have in common.

    Those that are None by default follow the model's size (model_info/size.py): what serves 7 million parameters
    ruins 135 million, and what takes those two minutes takes these an hour. Scores count from the SFT model's own
    answers to the same prompt, in their deviations (app/training/policy/scores.py). `score_clip`: without it, and with
    a weak KL penalty, "likes short answers" ended in empty ones and "likes lists" in "Some ideas: 1."
    (docs/metrics.md); at 2 it hid what is rare and liked ("mentions people" came to a gold score of 1.1, at 6 to 1.7).
    `kl_horizon` is short because a whole run here is. `kl_target`: at 6 "brief" went 5.0 nats far, won 0.92 and
    understood 0.75 of the follow-ups; at 2.5 it went 3.2 nats, won 0.91 and understood 0.86, where the SFT model
    understands 0.97.
    """

    total_episodes: Episodes = None
    batch_size: Annotated[Count, about("Answers per batch: a multiple of samples_per_prompt.")] = 64
    samples_per_prompt: Annotated[Few, about("Answers to each prompt of a batch.")] = 4
    drawn_per_prompt: Annotated[
        Annotated[int, Field(ge=0, le=64)] | None,
        about(
            "Answers drawn to each prompt, of which the samples_per_prompt are learned from whose scores differ most; "
            "0: no more than these; none: by the model's size."
        ),
    ] = None
    num_ppo_epochs: Annotated[Few | None, about("Passes over each batch; none: by the model's size.")] = None
    num_mini_batches: Annotated[Few | None, about("Optimizer steps per pass; none: by the model's size.")] = None
    imitated_batches: Annotated[
        WholeFromZero | None,
        about(
            "Batches at the beginning from which the answers with the highest scores are imitated, each the more the "
            "higher it scored, before the method's own loss is used; none: by the model's size."
        ),
    ] = None
    learning_rate: Annotated[Rate | None, about("The policy's rate; none: by the model's size.")] = None
    warmup_batches: Annotated[WholeFromZero, about("Batches over which the rates rise to their full value.")] = 2
    adam_eps: Annotated[Rate, about("AdamW's epsilon.")] = 1e-5
    num_frozen_layers: FrozenLayers = None
    lora_rank: Annotated[
        Annotated[int, Field(ge=0, le=256)] | None,
        about(
            "Rank of what is added to the weights above the frozen layers, which stay as they are (LoRA); 0: these "
            "weights are trained themselves; none: by the model's size."
        ),
    ] = None
    lora_alpha: LoraAlpha = 16.0
    lora_places: LoraPlaces = "all"
    temperature: TrainingTemperature = SERVED_TEMPERATURE
    max_tokens: Annotated[AnswerTokens | None, about("Longest answer, tokens; none: by the model's size.")] = None
    kl_coef: KLCoef = 0.1
    kl_target: KLTarget = 3.0
    kl_horizon: Annotated[
        int, Field(ge=1, le=100_000_000), about("How slowly the coefficient is steered, episodes.")
    ] = 100
    kl_budget: KLBudget = 6.0
    cliprange: Annotated[Share, about("Clip range of a token's probability ratio, on each side of 1.")] = 0.2
    target_kl: Annotated[
        Distance | None,
        about(
            "Nats per token that a mini-batch may have moved from the policy that sampled (half the mean squared log "
            "ratio); one that has moved further ends the batch's update before its own step. None: never."
        ),
    ] = 0.1
    baseline_samples: Annotated[
        Annotated[int, Field(ge=0, le=64)] | None,
        about(
            "Answers of the SFT model to each prompt, from whose mean the scores count; 0: from the mean of the other "
            "answers to the prompt; none: by the model's size."
        ),
    ] = None
    score_clip: ScoreClip = 6.0
    pessimism: Annotated[
        Weight, about("How many of the reward model's deviations are taken off a score that it is unsure of.")
    ] = 0.0
    missing_eos_score: MissingEndScore = -2.0
    length_penalty: Annotated[Weight, about("Taken off the score for each token beyond `free_tokens`; 0 is off.")] = 0.0
    free_tokens: Annotated[
        WholeFromZero | None,
        about("Tokens that cost nothing; none: as many as the SFT model's answers to the prompt have on average."),
    ] = None
    early_stopping: EarlyStopping = True
    validate_every_batches: Annotated[Count, about("Batches between two validations by the judge.")] = 2
    validation_prompts: Annotated[
        WholeFromZero | None,
        about(
            "Prompts of a validation, set aside from training; 0: no validation, the last one is kept; none: by the "
            "model's size."
        ),
    ] = None
    validation_samples: Annotated[Few, about("Answers to each of them.")] = 2
    move_back: MoveBack = True
    patience: Annotated[Few, about("Validations without a better score after which the training stops.")] = 4
    max_grad_norm: MaxGradNorm = 1.0
    recompute_layers: RecomputeLayers = None
    tokens_per_micro_batch: MicroBatchTokens = None
    checkpoint_every_batches: Annotated[Count, about("Batches between two checkpoints.")] = 4
    seed: Seed = 0


@dataclass(frozen=True)
class FittedEpisodeHparams(EpisodeHparams):
    """As they are really used: nothing is left to the model's size. Here are the shipped model's."""

    total_episodes: int = 1_536
    drawn_per_prompt: int = 0
    num_ppo_epochs: int = 4
    num_mini_batches: int = 2
    imitated_batches: int = 0
    lora_rank: int = 0
    max_tokens: int = 96
    baseline_samples: int = 4
    validation_prompts: int = 48
    learning_rate: float = 4e-4
    num_frozen_layers: int = 3
    recompute_layers: bool = False
    tokens_per_micro_batch: int = 4_096

    @property
    def own_samples(self) -> int:
        """Answers of the SFT model to each prompt of a batch."""
        return self.baseline_samples


@dataclass(frozen=True)
class PPOHparams(EpisodeHparams):
    """PPO with a value head (Ziegler et al. 2019; Stiennon et al. 2020).

    `lam` is 1 (as Ahmadian et al. 2024, "Back to basics", recommend), not TRL's 0.95: with 0.95 the first of 40 tokens
    had an eighth of the last one's credit, and a value head of 24 batches makes up for little of it (explained variance
    about 0). From the same 80 rankings, one seed, 0.95 and 1: gold at the end 0.61 and 0.65 ("about 25 words"), 0.59
    and 1.56 ("second sentence begins with I"), 1.81 and 2.17 ("list", its peak 1.88 and 2.55), and less forgotten.
    """

    value_learning_rate: Annotated[Rate | None, about("The value head's rate; none: by the model's size.")] = None
    cliprange_value: Annotated[Share, about("Clip range of the value around its prediction at sampling.")] = 0.2
    vf_coef: Annotated[
        Weight,
        about(
            "Weight of the value's loss in the gradient of the policy's layers; at 0 the value head reads them and "
            "changes nothing."
        ),
    ] = 0.0
    separate_value: Annotated[
        bool, about("Whether the value is told by a network of its own, of the policy's size, in place of a head.")
    ] = False
    ptx_coef: Annotated[
        Weight,
        about(
            "Weight of the SFT model's own answers to the batch's prompts, as text to be learned (PPO-ptx); 0 is off."
        ),
    ] = 0.0
    gamma: Annotated[Share, about("Discount of later rewards.")] = 1.0
    lam: Annotated[
        Share,
        about(
            "Lambda of the generalized advantage estimate; 1: each token is credited with all that came after it, "
            "however little the value head knows."
        ),
    ] = 1.0
    whiten_rewards: Annotated[bool, about("Whether rewards of a batch are scaled to a deviation of 1.")] = False


@dataclass(frozen=True)
class CheatHparams(PPOHparams):
    """PPO with all that holds it taken away, long enough to be seen: over-optimization (Gao et al. 2022)."""

    total_episodes: Episodes = 2_048
    kl_coef: KLCoef = 0.0
    kl_target: KLTarget = None
    kl_budget: KLBudget = None
    score_clip: ScoreClip = None
    missing_eos_score: MissingEndScore = None
    early_stopping: EarlyStopping = False
    move_back: MoveBack = False


@dataclass(frozen=True)
class FittedPPOHparams(FittedEpisodeHparams, PPOHparams):
    """As they are really used."""

    value_learning_rate: float = 1e-3

    @property
    def own_samples(self) -> int:
        """One where they are learned and scores do not count from them."""
        return max(self.baseline_samples, 1 if self.ptx_coef else 0)
