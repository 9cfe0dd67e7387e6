"""Hyper-parameters as frozen dataclasses: each field with its range, its unit and a sentence. No torch here.

Names follow TRL and vwxyzjn/summarize_from_feedback_details so that users of either find their way. What a field says
of itself is read by app/hparam_fields.py: checks, forms, the API's description and the docs come from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

CONTEXT_LIMIT = 4_096  # tokens: rotary tables and caches grow with it, and nothing here needs more


@dataclass(frozen=True)
class Rope:
    """How rotary frequencies are stretched for longer contexts; numbers as in transformers' `rope_parameters`.

    `rope_type` is default, linear, llama3 or yarn; each reads only its own numbers.
    """

    rope_type: str = "default"
    factor: float = 1.0
    original_max_position_embeddings: int = 0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    attention_factor: float | None = None
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: bool = True


@dataclass(frozen=True)
class ModelConfig:
    """Llama architecture (Touvron et al. 2023) and its relatives. Sizes in elements, not bytes.

    The defaults of all fields from `head_dim` on are the architecture of the models trained here; the others are for
    imported ones (app/lm/files/families.py). head_dim 0 means hidden_size / num_attention_heads.
    """

    vocab_size: int = 4096
    hidden_size: int = 256
    intermediate_size: int = 704
    num_hidden_layers: int = 6
    num_attention_heads: int = 8
    num_key_value_heads: int = 4
    max_position_embeddings: int = 512
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-5
    head_dim: int = 0
    attention_bias: bool = False
    """Of the query, key and value projections."""
    attention_out_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    """RMSNorm over each query's and key's head before it is rotated (Qwen3)."""
    tie_word_embeddings: bool = True
    rope: Rope = Rope()
    unrotated_layers: tuple[int, ...] = ()
    """Layers without rotary positions (SmolLM3); may name more layers than a cut model has."""
    sliding_window: int = 0
    """Tokens; 0 is none. Never reached: `context_tokens` is at most this."""
    model_type: str = "llama"
    source: str = field(default="", compare=False, repr=False)
    """config.json as it was read: what is saved again says what this program need not know, too."""

    def __post_init__(self) -> None:
        if self.head_dim == 0:
            object.__setattr__(self, "head_dim", self.hidden_size // self.num_attention_heads)

    @property
    def context_tokens(self) -> int:
        """Prompt and answer together: what the tables are made for."""
        window = self.sliding_window or CONTEXT_LIMIT
        return min(CONTEXT_LIMIT, self.max_position_embeddings, window)


HEAD_DIM = 64  # half as many heads of 64 train faster than twice as many of 32, and no worse (docs/model.md)


def model_config(hidden_size: int, layers: int, vocab_size: int) -> ModelConfig:
    """The shape of the models trained here: heads of 64, two of them to a key-value head where that divides."""
    heads = hidden_size // HEAD_DIM
    return ModelConfig(
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        intermediate_size=hidden_size * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2 if heads % 2 == 0 else heads,
    )


MAX_SEED = 2**31 - 1
MAX_ANSWER_TOKENS = 256
MAX_TOP_K = 1_000_000
MIN_TEMPERATURE = 0.001
"""Below it the likeliest token is taken, as at 0: dividing by less makes infinities of logits."""


def about(text: str) -> Any:
    """What a field means, with its unit."""
    return Field(description=text)


Count = Annotated[int, Field(ge=1, le=100_000)]
Few = Annotated[int, Field(ge=1, le=64)]
WholeFromZero = Annotated[int, Field(ge=0, le=1_000)]
Rate = Annotated[float, Field(ge=1e-10, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=100)]
Distance = Annotated[float, Field(ge=1e-3, le=1_000)]
Steps = Annotated[int, Field(ge=1)]
RowTokens = Annotated[int, Field(ge=16, le=512)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED), about("Seed of all random choices.")]
Temperature = Annotated[float, Field(ge=0, le=2)]
TopK = Annotated[int, Field(ge=0, le=MAX_TOP_K)]
TopP = Annotated[float, Field(gt=0, le=1)]
RepetitionPenalty = Annotated[float, Field(ge=0.5, le=2)]
TokenPenalty = Annotated[float, Field(ge=-2, le=2)]
TrainingTemperature = Annotated[float, Field(ge=0.05, le=2), about("Sampling temperature.")]
SERVED_TEMPERATURE = 0.8
"""At which people read and rank answers unless they set another one: that distribution is trained and judged."""
Score = Annotated[float, Field(ge=-100, le=100)]
AnswerTokens = Annotated[int, Field(ge=1, le=MAX_ANSWER_TOKENS), about("Longest answer, tokens.")]
MaxGradNorm = Annotated[
    float, Field(ge=1e-6, le=1_000), about("Largest norm of a gradient; a larger one is scaled down.")
]
FrozenLayers = Annotated[
    WholeFromZero | None, about("How many of the lowest layers are frozen; none: by the model's size.")
]
LoraRank = Annotated[
    int,
    Field(ge=0, le=256),
    about(
        "Rank of what is added to the weights above the frozen layers, which stay as they are (LoRA); 0: these weights "
        "are trained themselves."
    ),
]
LoraAlpha = Annotated[
    float, Field(ge=0.01, le=1_000), about("What is added is multiplied with this over the rank (LoRA).")
]
LoraPlaces = Annotated[
    Literal["qv", "attention", "mlp", "all"],
    about("Which weights of a layer are added to (LoRA): queries and values, attention's four, the MLP's three, all."),
]
LORA_PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "qv": ("q_proj", "v_proj"),
        "attention": ("q_proj", "k_proj", "v_proj", "o_proj"),
        "mlp": ("gate_proj", "up_proj", "down_proj"),
        "all": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    }
)
"""As layers name them."""
RecomputeLayers = Annotated[
    bool | None,
    about(
        "Whether an update keeps only what goes into each layer and computes the rest again: less memory, a third more "
        "time; none: by the model's size."
    ),
]
MicroBatchTokens = Annotated[
    int | None,
    Field(ge=64, le=1_000_000),
    about("Tokens that go through the model at once (memory); none: by the model's size."),
]


@dataclass(frozen=True)
class SamplingParams:
    """How tokens are drawn. A temperature below MIN_TEMPERATURE is 0, which is greedy; top_k 0, top_p 1, min_p 0,
    repetition_penalty 1 and the other two penalties at 0 switch theirs off."""

    temperature: Annotated[Temperature, about(f"Below {MIN_TEMPERATURE} the likeliest token is taken, as at 0.")] = 1.0
    top_k: Annotated[TopK, about("How many of the likeliest tokens are drawn from; 0 is off.")] = 0
    top_p: Annotated[TopP, about("The likeliest tokens, until their probabilities add up to this; 1 is off.")] = 1.0
    min_p: Annotated[Share, about("Least share of the likeliest token's probability.")] = 0.0
    repetition_penalty: Annotated[RepetitionPenalty, about("1 is off.")] = 1.0
    frequency_penalty: Annotated[TokenPenalty, about("Off the logit, for each time it was written; 0 is off.")] = 0.0
    presence_penalty: Annotated[TokenPenalty, about("Off the logit, if it was written at all; 0 is off.")] = 0.0
    logit_bias: Annotated[
        tuple[tuple[int, float], ...], about("What is added to the logits of single tokens: pairs of id and number.")
    ] = ()
    stop: Annotated[tuple[str, ...], about("The answer ends before the first of these.")] = ()
    max_tokens: AnswerTokens = 96
    seed: Annotated[
        int | None, Field(ge=0, le=MAX_SEED), about("The same seed, version and number format give the same text.")
    ] = None

    def __post_init__(self) -> None:
        if self.temperature < MIN_TEMPERATURE:
            object.__setattr__(self, "temperature", 0.0)


TailPenalty = Annotated[
    float, Field(ge=0, le=100), about("How much the chance of words that nearly never come adds to the loss.")
]


@dataclass(frozen=True)
class PretrainHparams:
    """Next-token prediction on packed rows of `context_tokens`. Rates are AdamW's: warm-up, then cosine."""

    total_tokens: Annotated[int, Field(ge=1_000), about("Tokens to train on.")] = 12_000_000
    context_tokens: Annotated[RowTokens, about("Tokens per row.")] = 256
    batch_rows: Annotated[int, Field(ge=1), about("Rows per step.")] = 32
    learning_rate: Annotated[Rate, about("AdamW's peak learning rate.")] = 2e-3
    min_learning_rate: Annotated[Rate, about("The rate at the end of the cosine.")] = 1e-4
    warmup_steps: Annotated[int, Field(ge=0), about("Steps over which the rate rises to its highest.")] = 100
    weight_decay: Annotated[Share, about("AdamW's weight decay.")] = 0.1
    tail_penalty: TailPenalty = 0.0
    max_grad_norm: MaxGradNorm = 1.0
    eval_every_steps: Annotated[Steps, about("Steps between two looks at the held-out loss.")] = 100
    checkpoint_every_steps: Annotated[Steps, about("Steps between two checkpoints.")] = 200
    seed: Seed = 0


@dataclass(frozen=True)
class SFTHparams:
    """Fine-tuning on instruction-answer pairs; loss on the answer's tokens only."""

    total_pairs: Annotated[int, Field(ge=64), about("Pairs to train on; a pair that is seen twice counts twice.")] = (
        60_000
    )
    context_tokens: Annotated[RowTokens, about("Tokens per row; longer conversations are left out.")] = 256
    batch_rows: Annotated[int, Field(ge=1), about("Rows per step.")] = 32
    learning_rate: Annotated[Rate, about("AdamW's peak learning rate.")] = 1e-3
    min_learning_rate: Annotated[Rate, about("The rate at the end of the cosine.")] = 5e-5
    warmup_steps: Annotated[int, Field(ge=0), about("Steps over which the rate rises to its highest.")] = 50
    weight_decay: Annotated[Share, about("AdamW's weight decay.")] = 0.05
    tail_penalty: TailPenalty = 0.0
    unheard_penalty: Annotated[
        float, Field(ge=0, le=1_000), about("How much the chance of tokens that never go on so adds to the loss.")
    ] = 0.0
    max_grad_norm: MaxGradNorm = 1.0
    eval_every_steps: Annotated[Steps, about("Steps between two looks at the held-out loss.")] = 100
    checkpoint_every_steps: Annotated[Steps, about("Steps between two checkpoints.")] = 200
    seed: Seed = 0


@dataclass(frozen=True)
class RewardHparams:
    """Reward model: a posterior over scores that are linear in what the SFT model notices (docs/reward-model.md)."""

    num_layers: Annotated[
        Few, about("How many of the SFT model's lowest layers the network has that other programs open.")
    ] = 1
    loss: Annotated[
        Literal["davidson", "rao-kupper", "plackett-luce"],
        about(
            "How rankings become probabilities: pair by pair, with ties after Davidson or after Rao and Kupper, or as "
            "a whole, one rank after the other (Plackett and Luce, with ties)."
        ),
    ] = "davidson"
    comparisons: Annotated[
        Literal["all", "best"],
        about("What is learned from a ranking: all its pairs, or only that the first is better than the others."),
    ] = "all"
    held_out_fraction: Annotated[float, Field(ge=0.01, le=0.9), about("Share of the prompts that is held out.")] = 0.2
    cross_validate_up_to: Annotated[Count, about("Up to this many rankings, every prompt is held out once.")] = 2_000
    normalization_samples: Annotated[
        int,
        Field(ge=0, le=10_000),
        about("Answers of the SFT model whose scores become 0 on average, with a deviation of 1."),
    ] = 128
    judge_fraction: Annotated[
        float,
        Field(ge=0, le=0.5),
        about("Share of the prompts whose rankings teach no policy: they teach the one that judges it."),
    ] = 0.25
    seed: Seed = 0


@dataclass(frozen=True)
class EvaluationHparams:
    """Held-out comparison of a policy with the reference it came from."""

    num_prompts: Annotated[Count, about("Held-out prompts that both models answer.")] = 80
    samples_per_prompt: Annotated[Few, about("Answers of each model to a prompt.")] = 2
    shown_prompts: Annotated[WholeFromZero, about("Prompts whose answers are kept for reading.")] = 4
    temperature: TrainingTemperature = SERVED_TEMPERATURE
    max_tokens: AnswerTokens = 96
    seed: Seed = 0
