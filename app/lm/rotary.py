"""Rotary positions (Su et al. 2021): angles per position, stretched where a model asks for it. Pure tensors.

Frequencies and the halves-instead-of-pairs convention are those of transformers' `modeling_rope_utils`, bit by bit, so
that an imported model sees the angles that it was trained with.

Shapes: B rows, N heads, T tokens, D head size.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from app.hparams import ModelConfig, Rope


def rotary_tables(config: ModelConfig) -> tuple[Tensor, Tensor]:
    """Cosines and sines, [context_tokens, D] fp32, halves repeated, multiplied by YaRN's attention factor."""
    places = torch.arange(config.context_tokens, dtype=torch.float32)
    angles = torch.outer(places, inverse_frequencies(config))  # [positions, D/2]
    angles = torch.cat((angles, angles), dim=-1)
    factor = attention_factor(config.rope, config.max_position_embeddings)
    return angles.cos() * factor, angles.sin() * factor


def rotate(heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turn [B,N,T,D] by the angles [B,1,T,D] (Su et al. 2021, eq. 34, with halves instead of pairs)."""
    first, second = heads.chunk(2, dim=-1)
    cosines, sines = cosines.to(heads.dtype), sines.to(heads.dtype)
    return heads * cosines + torch.cat((-second, first), dim=-1) * sines


def inverse_frequencies(config: ModelConfig) -> Tensor:
    """Radians per position, [D/2] fp32."""
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    periods: Tensor = config.rope_theta**exponents
    return ROPE_TYPES[config.rope.rope_type](periods, config)


def _default(periods: Tensor, config: ModelConfig) -> Tensor:
    del config
    return 1.0 / periods


def _linear(periods: Tensor, config: ModelConfig) -> Tensor:
    """Position interpolation (Chen et al. 2023)."""
    return 1.0 / periods / config.rope.factor


def _llama3(periods: Tensor, config: ModelConfig) -> Tensor:
    """Llama 3.1: long waves are stretched, short ones are left, those between are mixed."""
    rope, plain = config.rope, 1.0 / periods
    old = rope.original_max_position_embeddings
    waves = 2 * math.pi / plain
    stretched = torch.where(waves > old / rope.low_freq_factor, plain / rope.factor, plain)
    share = (old / waves - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor)
    mixed = (1 - share) * stretched / rope.factor + share * stretched
    between = (waves >= old / rope.high_freq_factor) & (waves <= old / rope.low_freq_factor)
    return torch.where(between, mixed, stretched)


def _yarn(periods: Tensor, config: ModelConfig) -> Tensor:
    """YaRN (Peng et al. 2023, section 3.2): as llama3, with bounds in rotations over the old context."""
    rope, size = config.rope, config.head_dim
    low, high = (
        size
        * math.log(rope.original_max_position_embeddings / (rotations * 2 * math.pi))
        / (2 * math.log(config.rope_theta))
        for rotations in (rope.beta_fast, rope.beta_slow)
    )
    if rope.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, size - 1)
    span = (high - low) or 0.001
    stretched = ((torch.arange(size // 2, dtype=torch.float32) - low) / span).clamp(0, 1)
    kept = 1 - stretched
    return 1.0 / (_yarn_factor(rope, config.max_position_embeddings) * periods) * (1 - kept) + 1.0 / periods * kept


def attention_factor(rope: Rope, max_positions: int) -> float:
    """What queries and keys are multiplied by (Peng et al. 2023, section 3.4); 1 for all types but yarn."""
    if rope.rope_type != "yarn":
        return 1.0
    if rope.attention_factor is not None:
        return rope.attention_factor
    factor = _yarn_factor(rope, max_positions)
    if rope.mscale and rope.mscale_all_dim:
        return _magnitude(factor, rope.mscale) / _magnitude(factor, rope.mscale_all_dim)
    return _magnitude(factor, 1.0)


def _yarn_factor(rope: Rope, max_positions: int) -> float:
    """Where config.json gives none (0 here), the ratio of the contexts."""
    return rope.factor or max_positions / rope.original_max_position_embeddings


def _magnitude(factor: float, mscale: float) -> float:
    return 1.0 if factor <= 1 else 0.1 * mscale * math.log(factor) + 1.0


ROPE_TYPES: dict[str, Callable[[Tensor, ModelConfig], Tensor]] = {
    "default": _default,
    "linear": _linear,
    "llama3": _llama3,
    "yarn": _yarn,
}
