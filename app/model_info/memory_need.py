"""How much memory a job takes, from the model's config and the hyper-parameters alone. No torch.

Within a quarter of what was measured (docs/other-models.md): said before it starts, and checked against what is there.
"""

from dataclasses import dataclass
from typing import Protocol

from app.formats.figures import gibibytes
from app.hparams import ModelConfig
from app.model_info.size import (
    adapter_parameters,
    all_parameters,
    bytes_per_token,
    embedding_parameters,
    layer_parameters,
)
from app.policy_hparams import FittedEpisodeHparams
from app.translation import N_, _

FP32 = 4
PROCESS = 1200 << 20  # 300 MiB before any model; the rest is what libraries keep after batches of many shapes
LOGIT_ROWS = 256  # logits are made for so many tokens at once (app/training/linear_cross_entropy.py)
SAMPLED_ROWS = 64  # answers that are written side by side
TOO_LITTLE = N_(
    "This training takes about {memory} of memory and {free} are free. Close other programs or give the container "
    "more, or train with less: more num_frozen_layers (now {frozen}) or less tokens_per_micro_batch ({micro}). "
    "Nothing was trained."
)
TOO_LITTLE_TO_SAMPLE = N_(
    "This training takes about {memory} of memory and {free} are free. Close other programs or give the container "
    "more, or train with less: more num_frozen_layers (now {frozen}), adapters in place of weights (lora_rank, now "
    "{rank}), less max_tokens ({tokens}), samples_per_prompt ({samples}) or tokens_per_micro_batch ({micro}). Nothing "
    "was trained."
)
TOO_LITTLE_TO_READ = N_(
    "This job takes about {memory} of memory and {free} are free. Close other programs or give the container more. "
    "Nothing was changed."
)


class Offline(Protocol):
    """What training on answers that are there hangs on."""

    @property
    def num_frozen_layers(self) -> int: ...
    @property
    def lora_rank(self) -> int: ...
    @property
    def lora_places(self) -> str: ...
    @property
    def recompute_layers(self) -> bool: ...
    @property
    def tokens_per_micro_batch(self) -> int: ...


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes. Sampling and updating take turns, and yet both count: little of the one is given back before the other."""

    process: int
    weights: int
    """Of the SFT model, of the reference where it is another, of the reward model: what they share counts once."""
    trained: int
    """The policy's own weights and the optimizer's two numbers for each of them."""
    sampling: int
    """Weights laid out for sampling, and the answers' keys and values."""
    updating: int
    """Gradients, weights in the format of the products, and a micro-batch's activations and logits."""

    @property
    def total(self) -> int:
        return self.process + self.weights + self.trained + self.sampling + self.updating

    def fits(self, available: int | None) -> bool:
        """None: nobody knows."""
        return available is None or self.total <= available


@dataclass(frozen=True)
class _Layers:
    """Numbers of parameters."""

    all: int
    upper: int
    """Of the layers that are trained, or that adapters are beside."""
    trained: int
    """What learns: these and matrices of words that are trained with them, or the adapters."""
    merged: int
    """Of the weights that adapters are merged into in the end."""

    @classmethod
    def of(cls, config: ModelConfig, hparams: "Offline") -> "_Layers":
        layer, embedding = layer_parameters(config), embedding_parameters(config)
        count = config.num_hidden_layers - hparams.num_frozen_layers
        upper, every = count * layer, config.num_hidden_layers * layer
        if hparams.lora_rank:
            adapters = count * adapter_parameters(config, hparams.lora_rank, hparams.lora_places)
            return cls(every, upper, adapters, upper)
        outputs = 0 if config.tie_word_embeddings else embedding
        return cls(every, upper, upper + outputs + (0 if hparams.num_frozen_layers else embedding), 0)

    def updating(self, config: ModelConfig, hparams: "Offline", tokens: int, product_bytes: int) -> int:
        """Bytes: gradients, weights in the format of the products, a micro-batch of so many tokens, and a block of
        logits; or in the end, when none of this is left, the weights with the adapters merged."""
        weights = FP32 * self.trained + product_bytes * (self.upper + embedding_parameters(config))
        kept = bytes_per_token(config, hparams.num_frozen_layers, recompute=hparams.recompute_layers)
        logits = 2 * LOGIT_ROWS * config.vocab_size
        return max(weights + (tokens * kept + 2 * logits) * product_bytes // 2, FP32 * self.merged)


def ppo_memory(
    config: ModelConfig,
    hparams: FittedEpisodeHparams,
    *,
    longest_prompt: int,
    reward_layers: int = 1,
    own_reference: bool = True,
    product_bytes: int = 2,
    networks: int = 1,
) -> MemoryNeed:
    """`longest_prompt` in tokens. `own_reference`: the policy starts from the reference itself. `product_bytes`: 2
    where products are bf16, 4 where they are fp32. `networks`: 2 where the value has one of its own."""
    layers, embedding = _Layers.of(config, hparams), embedding_parameters(config)
    own = 0 if own_reference else layers.trained
    weights = all_parameters(config) + reward_layers * layer_parameters(config) + own
    answers = hparams.samples_per_prompt * hparams.max_tokens
    tokens = max(hparams.tokens_per_micro_batch, min(longest_prompt + answers, hparams.batch_size * answers))
    rows, slots = min(SAMPLED_ROWS, _most_at_once(hparams)), longest_prompt + hparams.max_tokens
    numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    return MemoryNeed(
        process=PROCESS,
        weights=FP32 * weights,
        trained=3 * FP32 * layers.trained * networks,
        sampling=product_bytes * (layers.all + embedding + rows * slots * numbers),
        updating=networks * layers.updating(config, hparams, tokens, product_bytes),
    )


def _most_at_once(hparams: FittedEpisodeHparams) -> int:
    """Answers that are asked for together: the policy's to a batch's prompts, the SFT model's to them, or a look's."""
    to_each = max(hparams.drawn_per_prompt, hparams.samples_per_prompt, hparams.own_samples)
    of_batch = hparams.batch_size // hparams.samples_per_prompt * to_each
    return max(of_batch, hparams.validation_prompts * hparams.validation_samples)


def offline_memory(
    config: ModelConfig, hparams: Offline, *, longest_row: int, kept_states: int, product_bytes: int = 2
) -> MemoryNeed:
    """Of training a policy on answers that are there, and of keeping its best weights. `longest_row` in tokens: a
    prompt with its answers; `kept_states`: bytes, of frozen layers."""
    layers = _Layers.of(config, hparams)
    tokens = max(hparams.tokens_per_micro_batch, longest_row)
    return MemoryNeed(
        process=PROCESS,
        weights=FP32 * all_parameters(config) + kept_states,
        trained=4 * FP32 * layers.trained,
        sampling=product_bytes * (layers.all + embedding_parameters(config)),
        updating=layers.updating(config, hparams, tokens, product_bytes),
    )


def reading_memory(config: ModelConfig, *, models: int = 2, product_bytes: int = 2) -> MemoryNeed:
    """Of sampling from models and reading what they wrote, with nothing trained that is larger than a head."""
    return MemoryNeed(
        process=PROCESS,
        weights=FP32 * models * all_parameters(config),
        trained=0,
        sampling=product_bytes * models * (config.num_hidden_layers * layer_parameters(config)),
        updating=0,
    )


def too_little(need: MemoryNeed, available: int | None, hparams: Offline) -> str | None:
    """Why the training is not begun, and what to change; None where there is enough, or where nobody knows."""
    if need.fits(available):
        return None
    sizes: dict[str, str | int] = {
        "memory": gibibytes(need.total),
        "free": gibibytes(available or 0),
        "frozen": hparams.num_frozen_layers,
        "micro": hparams.tokens_per_micro_batch,
    }
    if isinstance(hparams, FittedEpisodeHparams):
        more = {"rank": hparams.lora_rank, "tokens": hparams.max_tokens, "samples": hparams.samples_per_prompt}
        return _(TOO_LITTLE_TO_SAMPLE, **more, **sizes)
    return _(TOO_LITTLE, **sizes)


def too_little_to_read(need: MemoryNeed, available: int | None) -> str | None:
    """The same of a job that trains nothing large."""
    if need.fits(available):
        return None
    return _(TOO_LITTLE_TO_READ, memory=gibibytes(need.total), free=gibibytes(available or 0))
