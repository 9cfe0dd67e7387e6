"""What follows from a model's size: how many parameters it has, and how PPO treats it. No torch here: pages show it.

PPO's defaults were measured on the shipped model of 7 million parameters. Each rule below gives that model's measured
value at its size and says how it goes on from there.
"""

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from app.hparams import LORA_PARTS, ModelConfig
from app.policy_hparams import FittedEpisodeHparams, FittedPPOHparams, PPOHparams

SHIPPED_LAYER_PARAMETERS = 5_902_336  # of models/sft, without its embeddings and its last norm
SHIPPED_PARAMETERS = 6_951_168  # with both
SHIPPED_WIDTH = 256
LEARNING_RATE = 4e-4
LEARNING_RATES = (3e-6, 1e-3)
VALUE_LEARNING_RATE = 1e-3
ADAPTED = 45.0  # times as high a rate for adapters (LoRA starts at nothing, and few steps are taken)
USUAL = MappingProxyType({
    name: getattr(FittedEpisodeHparams, name)
    for name in (
        "total_episodes", "drawn_per_prompt", "num_ppo_epochs", "num_mini_batches", "imitated_batches", "lora_rank",
        "max_tokens", "baseline_samples", "validation_prompts",
    )
})  # fmt: skip
THRIFTY = MappingProxyType(
    {
        "total_episodes": 512,
        "drawn_per_prompt": 0,
        "num_ppo_epochs": 2,
        "num_mini_batches": 2,
        "imitated_batches": 0,
        "lora_rank": 16,
        "max_tokens": 64,
        "baseline_samples": 2,
        "validation_prompts": 24,
    }
)
"""Of SmolLM2-135M (docs/other-models.md has what was measured)."""
LARGE_FROM = 25_000_000  # parameters in the layers
MOST_TOKENS = 4_096  # in a micro-batch: more is not faster
LEAST_TOKENS = 768
ACTIVATION_BYTES = 1 << 30  # of a micro-batch, at most, unless a single prompt with its answers takes more


def head_widths(config: ModelConfig) -> tuple[int, int]:
    """Of all queries together, and of all keys."""
    return config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim


def layer_parameters(config: ModelConfig) -> int:
    """Of one layer: matrices, biases and norms."""
    width, narrow = head_widths(config)
    hidden, inner = config.hidden_size, config.intermediate_size
    matrices = hidden * (2 * width + 2 * narrow) + 3 * hidden * inner
    biases = config.attention_bias * (width + 2 * narrow) + config.attention_out_bias * hidden
    biases += config.mlp_bias * (2 * inner + hidden)
    norms = 2 * hidden + config.qk_norm * 2 * config.head_dim
    return matrices + biases + norms


def adapter_parameters(config: ModelConfig, rank: int, places: str) -> int:
    """Of the adapters of one layer (LoRA): what goes into each map, and what comes out of it, at each rank."""
    width, narrow = head_widths(config)
    hidden, inner = config.hidden_size, config.intermediate_size
    outside = {"q_proj": width, "o_proj": width, "k_proj": narrow, "v_proj": narrow}
    return rank * sum(hidden + outside.get(part, inner) for part in LORA_PARTS[places])


def embedding_parameters(config: ModelConfig) -> int:
    """Of the embeddings, which are the output matrix too where both are tied."""
    return config.vocab_size * config.hidden_size


def all_parameters(config: ModelConfig) -> int:
    outputs = 1 if config.tie_word_embeddings else 2
    layers = config.num_hidden_layers * layer_parameters(config)
    return layers + outputs * embedding_parameters(config) + config.hidden_size


def policy_learning_rate(config: ModelConfig, *, adapted: bool = False) -> float:
    """One over the number of parameters in the layers (as Kaplan et al. 2020 count them): 4e-4 for the shipped model,
    2.2e-5 for SmolLM2-135M, and the 3e-6 of TRL and Huang et al. (2024) from 780 million on, where it stops.

    Adam moves every weight by about the rate, whatever its gradient is: the more weights move together, the further the
    answers move. Three points lie on this line: 4e-4 at 7 million (measured here), 2e-5 at 135 million (measured:
    approximate KL 0.002 to 0.004; at 4e-4 it was 0.6 in the first batch and the model was ruined), 3e-6 at 1 billion.
    """
    layers = config.num_hidden_layers * layer_parameters(config)
    lowest, highest = LEARNING_RATES
    rate = min(max(LEARNING_RATE * SHIPPED_LAYER_PARAMETERS / layers, lowest), highest)
    return _rounded(rate * (ADAPTED if adapted else 1.0))


def usual_values(config: ModelConfig) -> Mapping[str, int]:
    """What a training on sampled answers costs follows from these: those of the two models that were measured, of each
    side of the geometric mean of their sizes."""
    return USUAL if config.num_hidden_layers * layer_parameters(config) <= LARGE_FROM else THRIFTY


def value_learning_rate(config: ModelConfig) -> float:
    """One over the width: the rate of an output layer under Adam in muP (Yang et al. 2022, table 3)."""
    return _rounded(VALUE_LEARNING_RATE * SHIPPED_WIDTH / config.hidden_size)


def frozen_layers(config: ModelConfig) -> int:
    """One less than the lower half: 3 of the shipped model's 8 layers, 14 of 30."""
    return max(0, config.num_hidden_layers // 2 - 1)


def _rounded(rate: float) -> float:
    """Two digits: what a page shows is what is used."""
    return float(f"{rate:.1e}")


def bytes_per_token(config: ModelConfig, num_frozen_layers: int, *, recompute: bool = False) -> int:
    """What the update keeps for each token of a micro-batch for its backward pass, with products in bf16.

    Of a trained layer: the fp32 residual stream before two norms and their bf16 outputs (12 bytes per hidden size), in
    bf16 queries, keys, values and mixed values (4 per query and per key-value size), gates, values and their product (6
    per inner size). One more layer is for what the backward pass makes on its way. `recompute`: of each layer the
    stream and what is to be added to it (6 per hidden size), and a layer that is run again. Logits are made by blocks
    and not kept.
    """
    width, narrow = head_widths(config)
    layer = 12 * config.hidden_size + 4 * width + 4 * narrow + 6 * config.intermediate_size
    trained = config.num_hidden_layers - num_frozen_layers
    return 6 * config.hidden_size * trained + 2 * layer if recompute else (trained + 1) * layer


def micro_batch_tokens(config: ModelConfig, num_frozen_layers: int, *, recompute: bool = False) -> int:
    """So many that a micro-batch keeps at most ACTIVATION_BYTES. From the model alone, never from what the machine has
    free: a resumed run must cut its batches as the first one did."""
    kept = bytes_per_token(config, num_frozen_layers, recompute=recompute)
    return max(64, min(MOST_TOKENS, ACTIVATION_BYTES // kept))


def recomputes(config: ModelConfig, num_frozen_layers: int) -> bool:
    """Where a micro-batch would hold fewer tokens than a prompt of some length with four answers."""
    return micro_batch_tokens(config, num_frozen_layers) < LEAST_TOKENS


def fitted_values(hparams: Any, config: ModelConfig) -> dict[str, Any]:
    """The fields of a dataclass with what is None in it by the model's size, where there is a rule; what is given
    stays."""
    given = asdict(hparams)
    frozen = frozen_layers(config) if given["num_frozen_layers"] is None else given["num_frozen_layers"]
    frozen = min(frozen, config.num_hidden_layers - 1)
    again = recomputes(config, frozen) if given["recompute_layers"] is None else given["recompute_layers"]
    usual = usual_values(config)
    rank = usual["lora_rank"] if given["lora_rank"] is None else given["lora_rank"]
    rules: dict[str, int | float] = {
        **usual,
        "learning_rate": policy_learning_rate(config, adapted=rank > 0),
        "value_learning_rate": value_learning_rate(config),
        "recompute_layers": again,
        "tokens_per_micro_batch": micro_batch_tokens(config, frozen, recompute=again),
    }
    filled = {name: rules.get(name) if value is None else value for name, value in given.items()}
    return filled | {"num_frozen_layers": frozen}


def fit_ppo(hparams: PPOHparams, config: ModelConfig) -> FittedPPOHparams:
    """Fills in what is None by the model's size."""
    return hparams if isinstance(hparams, FittedPPOHparams) else FittedPPOHparams(**fitted_values(hparams, config))


EPISODE_FITTED = (*USUAL, "learning_rate", "num_frozen_layers", "recompute_layers", "tokens_per_micro_batch")
"""Names of what is filled in for every training on sampled answers."""
FITTED = (*EPISODE_FITTED, "value_learning_rate")
"""Names of what `fit_ppo` fills in."""
