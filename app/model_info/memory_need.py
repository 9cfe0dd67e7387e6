"""How much memory a PPO training takes, from the model's config and the hyper-parameters alone. No torch.

Within a quarter of what was measured (docs/other-models.md): said before it starts, and checked against what is there.
"""

from dataclasses import dataclass

from app.formats.figures import gibibytes
from app.hparams import ModelConfig
from app.model_info.size import all_parameters, bytes_per_token, embedding_parameters, layer_parameters
from app.policy_hparams import FittedEpisodeHparams
from app.translation import _

FP32 = 4
PROCESS = 900 << 20  # 300 MiB before any model; the rest is what libraries keep after batches of many shapes
SAMPLED_ROWS = 64  # answers that are written side by side


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
    layer, embedding = layer_parameters(config), embedding_parameters(config)
    upper = (config.num_hidden_layers - hparams.num_frozen_layers) * layer
    outputs = 0 if config.tie_word_embeddings else embedding
    trained = upper + outputs + (0 if hparams.num_frozen_layers else embedding)
    weights = all_parameters(config) + reward_layers * layer + (0 if own_reference else trained)
    answers = hparams.samples_per_prompt * hparams.max_tokens
    tokens = max(hparams.tokens_per_micro_batch, min(longest_prompt + answers, hparams.batch_size * answers))
    rows, slots = min(SAMPLED_ROWS, hparams.batch_size), longest_prompt + hparams.max_tokens
    numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    return MemoryNeed(
        process=PROCESS,
        weights=FP32 * weights,
        trained=3 * FP32 * trained * networks,
        sampling=product_bytes * (config.num_hidden_layers * layer + embedding + rows * slots * numbers),
        updating=networks
        * (
            FP32 * trained
            + product_bytes * (upper + embedding)
            + tokens * bytes_per_token(config, hparams.num_frozen_layers) * product_bytes // 2
        ),
    )


def too_little(need: MemoryNeed, available: int | None, hparams: FittedEpisodeHparams) -> str | None:
    """Why the training is not begun, and what to change; None where there is enough, or where nobody knows."""
    if available is None or need.total <= available:
        return None
    return _(
        "This training takes about {memory} of memory and {free} are free. Close other programs or give the container "
        "more, or train with less: more num_frozen_layers (now {frozen}), less max_tokens ({tokens}), "
        "samples_per_prompt ({samples}) or tokens_per_micro_batch ({micro}). Nothing was trained.",
        memory=gibibytes(need.total),
        free=gibibytes(available),
        frozen=hparams.num_frozen_layers,
        tokens=hparams.max_tokens,
        samples=hparams.samples_per_prompt,
        micro=hparams.tokens_per_micro_batch,
    )
