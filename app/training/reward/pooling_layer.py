"""The reward model's top layer before any ranking is seen: it reads an answer as a whole, by averages and by length.

The SFT model's own layers look ahead to the next token; what the end token knows there about the answer behind it
is little, and 60 rankings cannot teach it (measured: docs/reward-model.md). So the top layer of the reward model
starts from weights that are set, not drawn. All its heads rest on the end token and look back:
  head 0   gives the beginning-of-text token the weight e^k / (e^k + T) among T others: how long the text is; head 1
  looks at the beginning-of-text token alone: a constant, which keeps the final RMSNorm from mixing the rest; others
  average over all tokens, read along the directions in which answers' averages differ most (principal components).
The MLP starts silent. Everything stays trainable. Nothing here knows a ranking; it works from a few dozen samples
of the SFT model.

Imported models may begin a text with no token of its own; then the first one that a conversation has serves. Where
queries and keys are normed (Qwen3) the weight on a token cannot be set like this; there the SFT model's own layer stays
(`can_be_set`; averages alone were no better: 0.79 against 0.82 of held-out pairs on random models).

Shapes: N samples, T tokens, H hidden size, D head size, M = key-value heads * D.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from app.hparams import ModelConfig
from app.lm.layer import Layer, gather_states
from app.lm.model import Llama
from app.training.packing import Packed

LENGTH_LOGIT = 3.5  # half of head 0's weight is on the first token when e^3.5 = 33 others follow
CONSTANT_LOGIT = 14.0  # e^14 against 512 tokens: all of it
# Sizes after the final norm, against deviations of about 1 of the strongest average.
LENGTH_GAIN = 32.0
CONSTANT = 50.0  # large, so that the norm divides by nearly the same number for every answer
OUTPUT_GAIN = 8.0  # what the layer writes, against what the residual stream carries already
RIDGE = 1e-2


@dataclass(frozen=True)
class Statistics:
    """What the lower layers' normed states look like on samples of the SFT model."""

    first: Tensor  # [H] the beginning-of-text token's state, the same in every text
    others: Tensor  # [H,H] second moment of all other tokens
    ends: Tensor  # [N,H] the end tokens' states
    averages: Tensor  # [N,H] over a prompt and an answer


def collect_statistics(states: Tensor, packed: Packed) -> Statistics:
    """From lower states [B,T,H] of packed samples."""
    normed = F.rms_norm(states.float(), states.shape[-1:])
    real = packed.segments >= 0
    real[:, 0] = False
    others = normed[real]  # [.,H]
    ends, averages = [], []
    for k in range(packed.last_index.shape[1]):
        present = packed.answer_mask[:, k]
        seen = (packed.segments == 0) | (packed.segments == k + 1)  # [B,T]
        weight = seen.float() / seen.sum(1, keepdim=True)
        averages.append(torch.einsum("bt,bth->bh", weight, normed)[present])
        ends.append(gather_states(normed, packed.last_index[:, k : k + 1])[present, 0])
    return Statistics(normed[0, 0], others.T @ others / len(others), torch.cat(ends), torch.cat(averages))


def least_response(target: Tensor, moment: Tensor) -> Tensor:
    """The vector v with v.target = 1 that answers least to states with this second moment: C^-1 t / (t' C^-1 t)."""
    size = len(target)
    ridged = moment.double() + RIDGE * moment.diagonal().mean().double() * torch.eye(size, dtype=torch.float64)
    direction: Tensor = torch.linalg.solve(ridged, target.double())
    scaled: Tensor = direction / (direction @ target.double())
    return scaled.float()


def can_be_set(config: ModelConfig) -> bool:
    """Two heads are needed, and queries and keys whose size is not normed away."""
    return config.num_attention_heads >= 2 and not config.qk_norm


@torch.no_grad()
def install(model: Llama, statistics: Statistics) -> None:
    """Set the top layer and the final norm of `model`, where `can_be_set`."""
    layer, config = model.model.layers[-1], model.config
    assert isinstance(layer, Layer)
    attention, depth = layer.self_attn, config.head_dim
    share = config.num_attention_heads // config.num_key_value_heads
    first = least_response(statistics.first, statistics.others)
    _silence(layer)
    layer.input_layernorm.weight.fill_(1.0)
    model.model.norm.weight.fill_(CONSTANT / math.sqrt(config.hidden_size))
    end = least_response(
        statistics.ends.mean(0), torch.cov(statistics.ends.T) if len(statistics.ends) > 1 else statistics.others
    )
    slow = depth - 1  # of the rotary pair that turns least: distance does not matter
    stretch = float(model.cosines[0, slow]) ** 2 if attention.rotated else 1.0  # YaRN multiplies queries and keys
    for head, logit, row, gain in ((0, LENGTH_LOGIT, 0, LENGTH_GAIN), (1, CONSTANT_LOGIT, -1, CONSTANT)):
        group = head // share
        attention.q_proj.weight[head * depth + slow] = end * logit * math.sqrt(depth) / stretch
        attention.k_proj.weight[group * depth + slow] = first
        attention.v_proj.weight[group * depth] = first
        attention.o_proj.weight[row, head * depth] = OUTPUT_GAIN * gain
    directions = torch.linalg.svd(statistics.averages - statistics.averages.mean(0), full_matrices=False)[2]
    slots = averaging_slots(config)[: config.hidden_size - 2]
    for place, ((row, columns), direction) in enumerate(zip(slots, directions, strict=False), start=1):
        attention.v_proj.weight[row] = direction
        attention.o_proj.weight[place, columns] = OUTPUT_GAIN / len(columns)


def _silence(layer: Layer) -> None:
    attention = layer.self_attn
    for silenced in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj, layer.mlp.down_proj):
        silenced.weight.zero_()
        if silenced.bias is not None:
            silenced.bias.zero_()


def averaging_slots(config: ModelConfig) -> list[tuple[int, list[int]]]:
    """Free rows of v_proj with the columns of o_proj that carry them, those of plain averages before head 0's."""
    depth, share = config.head_dim, config.num_attention_heads // config.num_key_value_heads
    plain: list[tuple[int, list[int]]] = []
    others: list[tuple[int, list[int]]] = []
    for group in range(config.num_key_value_heads):
        heads = range(group * share, (group + 1) * share)
        averaging = [head for head in heads if head > 1]
        if not averaging and 0 not in heads:
            continue  # only the constant's head reads this group
        start = 1 if group in (0, 1 // share) else 0  # row 0 of the group detects the first token
        slots = [(group * depth + d, [head * depth + d for head in averaging or [0]]) for d in range(start, depth)]
        (plain if averaging else others).extend(slots)
    return plain + others
