"""Reads and writes config.json of the Llama family: what is supported becomes a ModelConfig, the rest is refused by
name.

Sizes and defaults follow transformers' LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config and SmolLM3Config. Fields
that no model here reads (initializer_range, use_cache, …) are ignored and kept in `ModelConfig.source`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import InvalidError
from app.hparams import ModelConfig, Rope
from app.lm.rotary import ROPE_TYPES
from app.model_info.config_fields import Fields, read_object
from app.model_info.weights import CheckpointError, unusable
from app.translation import _


@dataclass(frozen=True)
class Family:
    """Where a model type departs from Llama. `biases`: of q, k, v and of o, where config.json does not say."""

    architecture: str
    qkv_bias: bool | None = None  # None: `attention_bias` in config.json decides, for all four
    mlp_bias: bool | None = None  # None: `mlp_bias` decides
    qk_norm: bool = False
    head_dim: int = 0  # where config.json gives none; 0 is hidden_size / num_attention_heads
    key_value_heads: int | None = None  # where config.json gives none: None is one per query head
    rope_theta: float = 10_000.0
    tied: bool = False
    window_flag: bool = True  # the window counts only with use_sliding_window


FAMILIES = {
    "llama": Family("Llama"),
    "mistral": Family("Mistral", qkv_bias=False, mlp_bias=False, key_value_heads=8, window_flag=False),
    "qwen2": Family("Qwen2", qkv_bias=True, mlp_bias=False),
    "qwen3": Family("Qwen3", mlp_bias=False, qk_norm=True, head_dim=128),
    "smollm3": Family("SmolLM3", rope_theta=2_000_000.0, tied=True),
}
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_intermediate_size")
LAYER_TYPES = ("full_attention", "sliding_attention")
MOST_LAYERS = 512


def read_config(directory: Path) -> ModelConfig:
    """The sizes in config.json. Raises CheckpointError for a damaged file, InvalidError for a model of another kind."""
    path = directory / "config.json"
    return parse_config(read_object(path), path)


def parse_config(
    config_json: Mapping[str, Any], path: Path, fault: Callable[[Path, str], CheckpointError] = unusable
) -> ModelConfig:
    """As read_config, from the parsed file; `path` is for the messages, of which `fault` makes the error."""
    family = family_of(config_json, path)
    fields = Fields(config_json, path, fault)
    _refuse_what_differs(fields)
    heads = fields.whole("num_attention_heads")
    bias = fields.flag("attention_bias", False) if family.qkv_bias is None else family.qkv_bias
    config = ModelConfig(
        vocab_size=fields.whole("vocab_size"),
        hidden_size=fields.whole("hidden_size"),
        intermediate_size=fields.whole("intermediate_size"),
        num_hidden_layers=fields.whole("num_hidden_layers", most=MOST_LAYERS),
        num_attention_heads=heads,
        num_key_value_heads=fields.whole("num_key_value_heads", family.key_value_heads or heads),
        max_position_embeddings=fields.whole("max_position_embeddings"),
        rope_theta=rope_theta(fields, family.rope_theta),
        rms_norm_eps=fields.number("rms_norm_eps", most=1),
        head_dim=fields.whole("head_dim", family.head_dim, least=0),
        attention_bias=bias,
        attention_out_bias=bias and family.qkv_bias is None,
        mlp_bias=fields.flag("mlp_bias", False) if family.mlp_bias is None else family.mlp_bias,
        qk_norm=family.qk_norm,
        tie_word_embeddings=fields.flag("tie_word_embeddings", family.tied),
        rope=read_rope(fields),
        unrotated_layers=unrotated_layers(fields) if config_json["model_type"] == "smollm3" else (),
        sliding_window=sliding_window(fields, family),
        model_type=str(config_json["model_type"]),
        source=json.dumps(config_json),
    )
    _check_sizes(config, fields)
    return config


def family_of(config_json: Mapping[str, Any], path: Path) -> Family:
    name = config_json.get("model_type")
    if not isinstance(name, str):
        raise unusable(path, "has no model_type")
    if name not in FAMILIES:
        supported = ", ".join(FAMILIES)
        raise InvalidError(
            _(
                "{name} is not of the Llama family; supported are {supported} (model_type in config.json). "
                "Choose a model of one of those.",
                name=name,
                supported=supported,
            )
        )
    return FAMILIES[name]


def _refuse_what_differs(fields: Fields) -> None:
    """Things that change what the numbers mean."""
    experts = next((name for name in EXPERTS if fields.values.get(name)), None)
    if experts:
        raise InvalidError(
            _(
                "This model is a mixture of experts ({experts} in config.json), which is not supported. "
                "Choose a dense model of the same family.",
                experts=experts,
            )
        )
    if fields.values.get("quantization_config"):
        raise InvalidError(
            _(
                "This model's weights are quantized (quantization_config in config.json), which is not "
                "supported. Choose the original in bfloat16, float16 or float32."
            )
        )
    activation = fields.values.get("hidden_act", "silu")
    if activation not in ("silu", "swish"):
        raise InvalidError(
            _("hidden_act {activation} is not supported, only silu is. Choose another model.", activation=activation)
        )
    layer_types = fields.values.get("layer_types") or []
    if not isinstance(layer_types, list):
        raise fields.fault(fields.path, "has a layer_types that is not a list")
    for other in (kind for kind in layer_types if kind not in LAYER_TYPES):
        raise InvalidError(
            _(
                "Layers of type {other} are not supported, only full_attention and sliding_attention are.",
                other=other,
            )
        )


def _check_sizes(config: ModelConfig, fields: Fields) -> None:
    if config.num_attention_heads % config.num_key_value_heads:
        raise fields.fault(
            fields.path,
            f"cannot be: {config.num_attention_heads} query heads do not share {config.num_key_value_heads} "
            "key-value heads evenly",
        )
    if config.head_dim % 2 or config.head_dim < 2:
        raise fields.fault(fields.path, f"cannot be: heads of {config.head_dim} cannot be rotated in halves")


# Positions -------------------------------------------------------------------------------------------------------


def _rope_fields(fields: Fields) -> Fields:
    """The old writing (`rope_scaling`) or the new one (`rope_parameters`); empty where neither is there."""
    inner = fields.values.get("rope_scaling") or fields.values.get("rope_parameters") or {}
    if not isinstance(inner, dict):
        raise fields.fault(fields.path, "has rope parameters that are not an object")
    if any(isinstance(value, dict) for value in inner.values()):
        raise InvalidError(
            _("Rope parameters that differ from layer to layer are not supported. Choose another model.")
        )
    return Fields(inner, fields.path, fields.fault)


def rope_theta(fields: Fields, default: float) -> float:
    inner = _rope_fields(fields)
    return inner.number("rope_theta", fields.number("rope_theta", default), least=1.1)


def read_rope(fields: Fields) -> Rope:
    inner = _rope_fields(fields)
    name = inner.values.get("rope_type") or inner.values.get("type") or "default"
    if name not in ROPE_TYPES:
        raise InvalidError(
            _(
                "Rope type {name} is not supported; supported are {rope_types}.",
                name=name,
                rope_types=", ".join(ROPE_TYPES),
            )
        )
    for where in (fields, inner):
        if where.number("partial_rotary_factor", 1.0) != 1.0:
            raise InvalidError(_("Rotating only a part of each head (partial_rotary_factor) is not supported."))
    if name == "default":
        return Rope()
    positions = fields.whole("max_position_embeddings")
    low = inner.number("low_freq_factor", least=0.01) if name == "llama3" else Rope.low_freq_factor
    high = inner.number("high_freq_factor", least=low + 1e-6) if name == "llama3" else Rope.high_freq_factor
    return Rope(
        rope_type=str(name),
        factor=inner.number("factor", 0.0) if name == "yarn" else inner.number("factor", least=0.01),
        original_max_position_embeddings=fields.whole(
            "original_max_position_embeddings", inner.whole("original_max_position_embeddings", positions)
        ),
        low_freq_factor=low,
        high_freq_factor=high,
        attention_factor=inner.number_or_none("attention_factor"),
        beta_fast=inner.number_or_none("beta_fast") or Rope.beta_fast,
        beta_slow=inner.number_or_none("beta_slow") or Rope.beta_slow,
        mscale=inner.number_or_none("mscale"),
        mscale_all_dim=inner.number_or_none("mscale_all_dim"),
        truncate=inner.flag("truncate", True),
    )


def unrotated_layers(fields: Fields) -> tuple[int, ...]:
    """SmolLM3's `no_rope_layers` says 1 for a layer that does rotate; without it, every fourth one does not."""
    layers = fields.whole("num_hidden_layers", most=MOST_LAYERS)
    listed = fields.values.get("no_rope_layers")
    if listed is None:
        every = fields.whole("no_rope_layer_interval", 4)
        return tuple(index for index in range(layers) if (index + 1) % every == 0)
    if not isinstance(listed, list) or len(listed) < layers or any(each not in (0, 1) for each in listed):
        raise fields.fault(fields.path, f"has a no_rope_layers that is not a list of {layers} zeros and ones")
    return tuple(index for index, rotates in enumerate(listed) if not rotates)


def sliding_window(fields: Fields, family: Family) -> int:
    """Tokens, 0 for none. Llama has no windows whatever its config.json says."""
    used = not family.window_flag or fields.flag("use_sliding_window", False)
    return fields.whole("sliding_window", 0, least=0) if used and family.architecture != "Llama" else 0


# Out -------------------------------------------------------------------------------------------------------------


def config_json(
    config: ModelConfig, *, dtype: str, special_ids: Mapping[str, int | None], head: str = "CausalLM"
) -> dict[str, Any]:
    """Our sizes in transformers' words, over what an imported config.json said beside them.

    The rope base is written both the old and the new way. `special_ids` are pad_token_id, bos_token_id and
    eos_token_id; an imported model's own are kept but for the padding, which is the tokenizer's.
    `head` is CausalLM or SequenceClassification.
    """
    assert config.source or config.rope == Rope(), "only an imported model has stretched positions"
    written = {
        "architectures": [FAMILIES[config.model_type].architecture + "For" + head],
        "model_type": config.model_type,
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_key_value_heads,
        "max_position_embeddings": config.max_position_embeddings,
        "rope_theta": config.rope_theta,
        "rms_norm_eps": config.rms_norm_eps,
        "head_dim": config.head_dim,
        "rope_parameters": {"rope_theta": config.rope_theta, "rope_type": "default"},
        "hidden_act": "silu",
        "attention_bias": config.attention_bias,
        "attention_dropout": 0.0,
        "mlp_bias": config.mlp_bias,
        "tie_word_embeddings": config.tie_word_embeddings,
        "initializer_range": 0.02,
        "use_cache": True,
        **special_ids,
        "dtype": dtype,
        "torch_dtype": dtype,
    }
    if not config.source:
        return written
    source: dict[str, Any] = json.loads(config.source)
    changed = {
        name: written[name] for name in ("architectures", "num_hidden_layers", "dtype", "torch_dtype", "pad_token_id")
    }
    return source | changed | _cut_lists(source, config.num_hidden_layers)


def _cut_lists(source: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """Lists with an entry per layer, for a model with fewer layers."""
    listed = (name for name in ("layer_types", "no_rope_layers") if source.get(name))
    return {name: source[name][:layers] for name in listed}
