"""GGUF files as llama.cpp's converter writes them (conversion/base.py, conversion/llama.py), from directories that
transformers wrote. Names of tensors and the order of rows are written here a second time, apart from the program."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, RopeScalingType, TokenType
from gguf.quants import quantize
from safetensors.torch import load_file

Numbers = npt.NDArray[Any]
Kind = GGMLQuantizationType
NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
# Where the half-precision numbers lie in a block that Python cannot quantize.
SCALES_AT = {Kind.Q4_K: (0, 2), Kind.Q5_K: (0, 2), Kind.Q6_K: (208,)}


def write_gguf(
    source: Path,
    file: Path,
    kind: GGMLQuantizationType = Kind.F32,
    *,
    pre: str = "gpt-2",
    change: Callable[[GGUFWriter], object] = lambda _writer: None,
    without: tuple[str, ...] = (),
    tensors: Mapping[str, Numbers] | None = None,
) -> Path:
    """`change` adds entries, `without` leaves some out; `tensors` are further ones, or stand in place of some."""
    config = json.loads((source / "config.json").read_text())
    family = {"mistral": "llama"}.get(config["model_type"], config["model_type"])
    writer = GGUFWriter(None, family)
    writer.add_name("tiny")
    _add_sizes(writer, config)
    _add_tokenizer(writer, source, config, pre)
    change(writer)
    for name in without:
        del writer.kv_data[0][name]
    stored = {**_tensors(source, config, family), **(tensors or {})}
    random = np.random.default_rng(1)
    for name, numbers in stored.items():
        if numbers.ndim == 1 or kind is Kind.F32:
            writer.add_tensor(name, numbers.astype(np.float32))
        else:
            blocks = _random_blocks(numbers.shape, kind, random) if kind in SCALES_AT else quantize(numbers, kind)
            writer.add_tensor(name, blocks, raw_dtype=kind)
    file.parent.mkdir(parents=True, exist_ok=True)
    writer.write_header_to_file(file)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _add_sizes(writer: GGUFWriter, config: Mapping[str, Any]) -> None:
    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_vocab_size(config["vocab_size"])
    rope = config["rope_parameters"]
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] in ("linear", "yarn"):
        writer.add_rope_scaling_type(RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])


def _add_tokenizer(writer: GGUFWriter, source: Path, config: Mapping[str, Any], pre: str) -> None:
    written = json.loads((source / "tokenizer.json").read_text())
    named = json.loads((source / "tokenizer_config.json").read_text())
    added = {token["id"]: token for token in written["added_tokens"]}
    texts = {number: text for text, number in written["model"]["vocab"].items()}
    texts |= {number: token["content"] for number, token in added.items()}
    kinds = {
        number: TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED for number, token in added.items()
    }
    size = config["vocab_size"]
    bytes_ = {number: TokenType.BYTE for number, text in texts.items() if re.fullmatch("<0x[0-9A-F]{2}>", text)}
    writer.add_token_list([texts.get(number, f"[PAD{number}]") for number in range(size)])
    writer.add_token_types(
        [
            (bytes_ | kinds).get(number, TokenType.NORMAL if number in texts else TokenType.UNUSED)
            for number in range(size)
        ]
    )
    if written["model"]["byte_fallback"]:
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([-float(number) for number in range(size)])
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_merges([" ".join(pair) for pair in written["model"]["merges"]])
        writer.add_add_bos_token(False)
    ids = {text: number for number, text in texts.items()}
    for name, add in (("bos", writer.add_bos_token_id), ("eos", writer.add_eos_token_id)):
        if named.get(f"{name}_token"):
            add(ids[named[f"{name}_token"]])
    if "<unk>" in ids:
        writer.add_unk_token_id(ids["<unk>"])
    writer.add_chat_template((source / "chat_template.jinja").read_text())


def _tensors(source: Path, config: Mapping[str, Any], family: str) -> dict[str, Numbers]:
    found: dict[str, Numbers] = {}
    for name, tensor in load_file(source / "model.safetensors").items():
        place, _, suffix = name.rpartition(".")
        layer = re.fullmatch(r"model\.layers\.(\d+)\.(.*)", place)
        stored = f"blk.{layer[1]}.{NAMES[layer[2]]}" if layer else NAMES[place]
        numbers: Numbers = tensor.to(torch.float32).numpy()
        if family in ("llama", "smollm3") and stored.endswith(("attn_q", "attn_k")):
            heads = config["num_attention_heads" if stored.endswith("q") else "num_key_value_heads"]
            halves = numbers.reshape(heads, 2, numbers.shape[0] // heads // 2, *numbers.shape[1:])
            numbers = halves.swapaxes(1, 2).reshape(numbers.shape)
        found[f"{stored}.{suffix}"] = numbers
    rope = config["rope_parameters"]
    if rope["rope_type"] == "llama3":
        found["rope_freqs.weight"] = np.array(_llama3_factors(config), np.float32)
    return found


def _llama3_factors(config: Mapping[str, Any]) -> list[float]:
    """As conversion/llama.py computes them."""
    rope, factors = config["rope_parameters"], []
    size = config["head_dim"]
    low = rope["original_max_position_embeddings"] / rope["low_freq_factor"]
    high = rope["original_max_position_embeddings"] / rope["high_freq_factor"]
    for place in range(0, size, 2):
        wave = 2 * np.pi * rope["rope_theta"] ** (place / size)
        if wave < high:
            factors.append(1.0)
        elif wave > low:
            factors.append(rope["factor"])
        else:
            smooth = (rope["original_max_position_embeddings"] / wave - rope["low_freq_factor"]) / (
                rope["high_freq_factor"] - rope["low_freq_factor"]
            )
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return factors


def _random_blocks(shape: tuple[int, ...], kind: GGMLQuantizationType, random: np.random.Generator) -> Numbers:
    block, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (shape[0] * shape[1] // block, size), np.uint8)
    for place in SCALES_AT[kind]:
        scales = random.uniform(1e-4, 3e-4, (len(blocks), 1)).astype(np.float16)
        blocks[:, place : place + 2] = scales.view(np.uint8)
    return blocks.reshape(shape[0], -1)
