"""Sizes of a GGUF file as config.json says them: what differs from the families that we have is refused by name.

Names of entries are those of gguf.constants.Keys; what they mean is told by llama.cpp's converter (conversion/base.py
and conversion/llama.py).
"""

from typing import Any

import torch

from app.errors import InvalidError
from app.hparams import ModelConfig
from app.lm.files.families import parse_config
from app.lm.files.gguf.header import Header, damaged
from app.lm.files.gguf.tensors import EMBEDDINGS, OUTPUT, ROPE_FREQUENCIES, read_tensor, stretching
from app.model_info.config_fields import Fields
from app.translation import _

FAMILIES = ("llama", "qwen2", "qwen3", "smollm3")
"""ggml's and transformers' word at once. Mistral and SmolLM 1 and 2 are "llama" in these files."""
ARCHITECTURES = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3", "smollm3": "SmolLM3"}
# Of Llama 3.1 to 3.3; the file holds only what comes of them, a factor for each frequency.
LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
UNSUPPORTED = ("expert_count", "attention.sliding_window_pattern", "logit_scale", "embedding_scale", "residual_scale")


def config_of(header: Header) -> dict[str, Any]:
    """config.json. Raises InvalidError for another family or a trait that none of ours has, CheckpointError for sizes
    that are missing or cannot be."""
    _refuse_parts(header)
    family = _family(header)
    prefix = f"{family}."
    fields = Fields(
        {name.removeprefix(prefix): value for name, value in header.values.items() if name.startswith(prefix)},
        header.path,
        damaged,
    )
    embeddings = header.tensors.get(EMBEDDINGS)
    if embeddings is None or len(embeddings.shape) != 2:
        raise damaged(header.path, f"has no {EMBEDDINGS}")
    heads = fields.whole("attention.head_count")
    head_dim = fields.whole("attention.key_length", fields.whole("embedding_length") // heads)
    _refuse_what_differs(fields, head_dim)
    config = {
        "architectures": [f"{ARCHITECTURES[family]}ForCausalLM"],
        "model_type": family,
        "vocab_size": embeddings.shape[0],
        "hidden_size": fields.whole("embedding_length"),
        "intermediate_size": fields.whole("feed_forward_length"),
        "num_hidden_layers": fields.whole("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": fields.whole("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "max_position_embeddings": fields.whole("context_length"),
        "rms_norm_eps": fields.number("attention.layer_norm_rms_epsilon", most=1),
        "hidden_act": "silu",
        "attention_bias": "blk.0.attn_q.bias" in header.tensors,
        "mlp_bias": "blk.0.ffn_up.bias" in header.tensors,
        "tie_word_embeddings": OUTPUT not in header.tensors,
        **_positions(header, fields),
        "dtype": "float32",
        "torch_dtype": "float32",
    }
    parse_config(config, header.path, damaged)
    return config


def _refuse_parts(header: Header) -> None:
    """Large models come in several files, of which each has some tensors."""
    count = header.values.get("split.count", 0)
    if isinstance(count, int) and count > 1:
        raise InvalidError(
            _(
                "{name} is one of {count} parts of a model. Make one file of them with llama.cpp (llama-gguf-split "
                "--merge FIRST-PART WHOLE.gguf), and import that.",
                name=header.path.name,
                count=count,
            )
        )


def _family(header: Header) -> str:
    if header.architecture not in FAMILIES:
        raise InvalidError(
            _(
                "{name} is a model of another family ({family}); supported are {families} (Mistral and SmolLM are "
                '"llama" in these files). Choose a model of one of those.',
                name=header.path.name,
                family=ascii(header.architecture)[1:-1][:40],
                families=", ".join(FAMILIES),
            )
        )
    return header.architecture


def _refuse_what_differs(fields: Fields, head_dim: int) -> None:
    """Traits that change what the numbers mean."""
    other = next((name for name in UNSUPPORTED if fields.values.get(name)), None)
    other = other or next((name for name, value in fields.values.items() if isinstance(value, list)), None)
    for name in ("attention.value_length", "rope.dimension_count"):
        if fields.whole(name, head_dim) != head_dim:
            other = name
    if other is not None:
        raise InvalidError(
            _(
                "{name} has a trait that no family here has ({trait}): its answers would be wrong. Choose another "
                "model.",
                name=fields.path.name,
                trait=other[:60],
            )
        )


def _positions(header: Header, fields: Fields) -> dict[str, Any]:
    theta = fields.number("rope.freq_base", 10_000.0, least=1.1)
    kind = fields.values.get("rope.scaling.type", "none")
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": theta}
    if ROPE_FREQUENCIES in header.tensors:
        rope |= {"rope_type": "llama3", "factor": _llama3_factor(header), **LLAMA3}
    elif kind != "none":
        rope |= {"rope_type": kind, "factor": fields.number("rope.scaling.factor")}
    if kind == "yarn":
        rope["original_max_position_embeddings"] = fields.whole("rope.scaling.original_context_length")
        for ours, theirs in (("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow")):
            rope[ours] = fields.number(f"rope.scaling.{theirs}", 32.0 if ours == "beta_fast" else 1.0)
        for name in ("yarn_ext_factor", "yarn_attn_factor", "attn_factor"):
            if fields.number(f"rope.scaling.{name}", 1.0) != 1.0:
                raise InvalidError(_("Positions with {name} are not supported. Choose another model.", name=name))
    return {"rope_theta": theta, "rope_parameters": rope}


def _llama3_factor(header: Header) -> float:
    """Long waves are stretched by the largest of the factors."""
    return float(read_tensor(header, ROPE_FREQUENCIES).max())


def check_frequencies(header: Header, config: ModelConfig) -> None:
    """The factors of the frequencies must be those that config.json leads to."""
    if ROPE_FREQUENCIES not in header.tensors:
        return
    factors = read_tensor(header, ROPE_FREQUENCIES)
    if factors.numel() != config.head_dim // 2:
        raise damaged(header.path, f"does not fit its own sizes: {ROPE_FREQUENCIES}")
    if not torch.allclose(factors.flatten(), stretching(config), rtol=1e-4):
        raise InvalidError(
            _("{name} stretches its positions in a way of its own. Choose another model.", name=header.path.name)
        )
