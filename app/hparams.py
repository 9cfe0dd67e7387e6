"""Hyper-parameters as frozen dataclasses. No torch here: forms and the API describe them too.

Names follow TRL and vwxyzjn/summarize_from_feedback_details so that users of either find their way.
"""

from dataclasses import dataclass, field

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


MIN_TEMPERATURE = 0.001
"""Below it the likeliest token is taken, as at 0: dividing by less makes infinities of logits."""


@dataclass(frozen=True)
class SamplingParams:
    """How the dice are rolled. A temperature below MIN_TEMPERATURE is 0, which is greedy; top_k 0, top_p 1, min_p 0,
    repetition_penalty 1 and the other two penalties at 0 switch theirs off. An answer ends before the first of the
    `stop` strings. `logit_bias`: what is added to the logits of single tokens, as pairs of id and number."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    stop: tuple[str, ...] = ()
    max_tokens: int = 96
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.temperature < MIN_TEMPERATURE:
            object.__setattr__(self, "temperature", 0.0)


@dataclass(frozen=True)
class PretrainHparams:
    """Next-token prediction on packed rows of `context_tokens`. Rates are AdamW's, warm-up then cosine."""

    total_tokens: int = 12_000_000
    context_tokens: int = 256
    batch_rows: int = 32
    learning_rate: float = 2e-3
    min_learning_rate: float = 1e-4
    warmup_steps: int = 100
    weight_decay: float = 0.1
    max_grad_norm: float = 1.0
    eval_every_steps: int = 100
    checkpoint_every_steps: int = 200
    seed: int = 0


@dataclass(frozen=True)
class SFTHparams:
    """Fine-tuning on instruction-answer pairs; loss on the answer's tokens only."""

    total_pairs: int = 60_000
    context_tokens: int = 256
    batch_rows: int = 32
    learning_rate: float = 1e-3
    min_learning_rate: float = 5e-5
    warmup_steps: int = 50
    weight_decay: float = 0.05
    max_grad_norm: float = 1.0
    eval_every_steps: int = 100
    checkpoint_every_steps: int = 200
    seed: int = 0


@dataclass(frozen=True)
class RewardHparams:
    """Reward model: the SFT model's lowest `num_layers` layers and a scalar head (InstructGPT section 3.5).

    The head is solved for `ridge_steps` penalties on its weights, from strong to weak; held-out loss chooses.
    """

    num_layers: int = 1
    ridge_strongest: float = 10.0
    ridge_weakest: float = 0.03
    ridge_steps: int = 9
    ridge_without_held_out: float = 0.5
    held_out_fraction: float = 0.2
    cross_validate_up_to: int = 2_000
    normalization_samples: int = 128
    seed: int = 0


@dataclass(frozen=True)
class PPOHparams:
    """PPO with a KL penalty against the SFT model (Ziegler et al. 2019; Stiennon et al. 2020).

    `batch_size` counts episodes: batch_size / samples_per_prompt prompts with samples_per_prompt answers each.
    Those that are None by default follow the model's size (`app.model_size.fit_ppo`): what serves 7 million parameters
    ruins 135 million. `target_kl` ends the update of a batch before the step whose mini-batch has moved further from
    the policy that sampled, in nats per token (half the mean squared log ratio); None never does.
    `score_clip` bounds the normalized score (its deviation on SFT samples is 1): without it, and with a weak KL
    penalty, "likes short answers" ended in empty ones and "likes lists" in "Some ideas: 1." (docs/metrics.md).
    `kl_horizon` is in episodes, short because a whole run here is.
    """

    total_episodes: int = 1_536
    batch_size: int = 64
    samples_per_prompt: int = 4
    num_ppo_epochs: int = 4
    num_mini_batches: int = 2
    learning_rate: float | None = None
    value_learning_rate: float | None = None
    warmup_batches: int = 2
    adam_eps: float = 1e-5
    num_frozen_layers: int | None = None
    share_trunk_gradient: bool = False
    temperature: float = 1.0
    max_tokens: int = 96
    kl_coef: float = 0.1
    kl_target: float | None = 6.0
    kl_horizon: int = 200
    cliprange: float = 0.2
    cliprange_value: float = 0.2
    target_kl: float | None = 0.1
    vf_coef: float = 0.1
    gamma: float = 1.0
    lam: float = 0.95
    whiten_rewards: bool = False
    missing_eos_penalty: float = 1.0
    score_clip: float | None = 2.0
    max_grad_norm: float = 1.0
    tokens_per_micro_batch: int | None = None
    checkpoint_every_batches: int = 4
    seed: int = 0


@dataclass(frozen=True)
class FittedPPOHparams(PPOHparams):
    """As they are really used: nothing is left to the model's size."""

    learning_rate: float = 4e-4
    value_learning_rate: float = 1e-3
    num_frozen_layers: int = 3
    tokens_per_micro_batch: int = 4_096


@dataclass(frozen=True)
class EvaluationHparams:
    """Held-out comparison of a policy with the reference it came from."""

    num_prompts: int = 80
    samples_per_prompt: int = 2
    shown_prompts: int = 4
    temperature: float = 1.0
    max_tokens: int = 96
    seed: int = 0
