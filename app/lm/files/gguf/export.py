"""A model directory as one GGUF file, for llama.cpp and the programs around it. Written by the `gguf` package.

Run as a program (`python -m app.lm.files.gguf.export DIRECTORY FILE KIND NAME`) by the web process, which loads no
torch; an error is then one line on standard error.
"""

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFWriter
from gguf.constants import GGMLQuantizationType, LlamaFileType, RopeScalingType
from gguf.quants import quant_shape_to_byte_shape, quantize
from torch import Tensor

from app.errors import AppError, InvalidError
from app.hparams import ModelConfig
from app.lm.files.checkpoint import load_model
from app.lm.files.gguf.tensors import PERMUTED, ROPE_FREQUENCIES, stored_names, stretching
from app.lm.files.gguf.written_tokenizer import add_tokenizer
from app.model_info.gguf_kinds import GgufKind
from app.saving import saving
from app.translation import _

Kind = GGMLQuantizationType
FILE_TYPES = {
    GgufKind.F16: (Kind.F16, LlamaFileType.MOSTLY_F16),
    GgufKind.Q8_0: (Kind.Q8_0, LlamaFileType.MOSTLY_Q8_0),
}
FAMILIES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "smollm3": "smollm3"}
WITHOUT_BIASES = ("qwen3", "smollm3")
NO_ROPE_INTERVAL = 4  # llama.cpp's, of SmolLM3
BLOCK = 32  # numbers that share a scale in Q8_0


def write_file(directory: Path, file: Path, kind: GgufKind, name: str) -> None:
    """Vectors are in fp32 whatever `kind` is. Raises InvalidError for what llama.cpp could not read
    rightly, and CheckpointError for a damaged model; then there is no file. Needs the memory of one copy of the weights
    in fp32."""
    model, tokenizer = load_model(directory)
    config, (wanted, file_type) = model.config, FILE_TYPES[kind]
    family = _family(config)
    fresh = file.with_name(f"{file.name}.new")
    writer = GGUFWriter(fresh, family)
    try:
        writer.add_name(name)
        writer.add_file_type(file_type)
        writer.add_quantization_version(2)
        _add_sizes(writer, config)
        add_tokenizer(writer, directory, tokenizer, config.vocab_size)
        tensors = _tensors(model.state_dict(), config, family)
        kinds = {stored: _kind_of(tensor, wanted) for stored, tensor in tensors.items()}
        for stored, tensor in tensors.items():
            _announce(writer, stored, tensor, kinds[stored])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for stored, tensor in tensors.items():
            writer.write_tensor_data(quantize(_in_file_order(tensor, config, family, stored), kinds[stored]))
        writer.close()
        fresh.replace(file)
    finally:
        with suppress(OSError):  # a disk that is full is told by what came before
            writer.close()
        fresh.unlink(missing_ok=True)


def _family(config: ModelConfig) -> str:
    """ggml's word. Raises InvalidError for a trait that llama.cpp does not have in this family."""
    other = None
    if config.model_type in WITHOUT_BIASES and (config.attention_bias or config.mlp_bias):
        other = "attention_bias"
    every = tuple(index for index in range(config.num_hidden_layers) if (index + 1) % NO_ROPE_INTERVAL == 0)
    unrotated = tuple(index for index in config.unrotated_layers if index < config.num_hidden_layers)
    if config.model_type == "smollm3" and unrotated != every:
        other = "no_rope_layers"
    rope = config.rope
    if rope.rope_type == "yarn" and (rope.attention_factor or rope.mscale or not rope.truncate or not rope.factor):
        other = "rope_parameters"
    if other is not None:
        raise InvalidError(
            _(
                "llama.cpp cannot read this model rightly: it does not know {trait} as this model has it. Download the "
                "version as a zip, in the layout of the Hugging Face Hub, instead.",
                trait=other,
            )
        )
    return FAMILIES[config.model_type]


def _add_sizes(writer: GGUFWriter, config: ModelConfig) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    rope = config.rope
    if rope.rope_type in ("linear", "yarn"):
        writer.add_rope_scaling_type(RopeScalingType(rope.rope_type))
        writer.add_rope_scaling_factor(rope.factor)
    if rope.rope_type == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope.original_max_position_embeddings)
        writer.add_rope_scaling_yarn_beta_fast(rope.beta_fast)
        writer.add_rope_scaling_yarn_beta_slow(rope.beta_slow)


def _tensors(weights: dict[str, Tensor], config: ModelConfig, family: str) -> dict[str, Tensor]:
    names = stored_names(family, config.num_hidden_layers, weights)
    tensors = {stored: weights[name].detach() for name, stored in names.items()}
    if config.rope.rope_type == "llama3":
        tensors[ROPE_FREQUENCIES] = stretching(config)
    return tensors


def _kind_of(tensor: Tensor, wanted: GGMLQuantizationType) -> GGMLQuantizationType:
    """Vectors in fp32, rows that are no whole blocks in fp16; numbers too large for fp16 stay in fp32."""
    if tensor.dim() < 2:
        return Kind.F32
    kind = Kind.F16 if wanted is Kind.Q8_0 and tensor.shape[-1] % BLOCK else wanted
    too_large = kind is Kind.F16 and float(tensor.abs().max()) > torch.finfo(torch.float16).max
    return Kind.F32 if too_large else kind


def _announce(writer: GGUFWriter, name: str, tensor: Tensor, kind: GGMLQuantizationType) -> None:
    numbers = np.dtype({Kind.F32: "f4", Kind.F16: "f2"}.get(kind, "u1"))
    shape = tuple(tensor.shape)
    stored = quant_shape_to_byte_shape(shape, kind) if kind is Kind.Q8_0 else shape
    writer.add_tensor_info(name, stored, numbers, int(np.prod(stored)) * numbers.itemsize, raw_dtype=kind)


def _in_file_order(
    tensor: Tensor, config: ModelConfig, family: str, name: str
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """Queries and keys as llama.cpp rotates them: neighbouring rows together."""
    if family in PERMUTED and (".attn_q." in name or ".attn_k." in name):
        heads = config.num_attention_heads if ".attn_q." in name else config.num_key_value_heads
        tensor = tensor.reshape(heads, 2, config.head_dim // 2, -1).transpose(1, 2).reshape(tensor.shape)
    return np.ascontiguousarray(tensor.to(torch.float32).numpy())


def main(arguments: list[str]) -> int:
    directory, file, kind, name = arguments
    try:
        with saving("exported model"):
            write_file(Path(directory), Path(file), GgufKind(kind), name)
    except AppError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
