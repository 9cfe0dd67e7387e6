"""Tensors of a GGUF file under the names and in the order of rows that transformers has.

Names are mapped by the `gguf` package's own table, blocks are made numbers by its `dequantize`.
"""

from collections.abc import Mapping

import numpy as np
import torch
from gguf import get_tensor_name_map
from gguf.constants import MODEL_ARCH, MODEL_ARCH_NAMES
from gguf.quants import dequantize
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.files.gguf.header import Header, damaged
from app.lm.rotary import inverse_frequencies

EMBEDDINGS, OUTPUT, ROPE_FREQUENCIES = "token_embd.weight", "output.weight", "rope_freqs.weight"
PERMUTED = ("llama", "smollm3")
"""Families whose queries and keys llama.cpp rotates by neighbouring pairs of rows, not by halves."""


def stored_names(architecture: str, layers: int, wanted: Mapping[str, Tensor]) -> dict[str, str]:
    """Of each of transformers' names, the one in the file."""
    kind = next(each for each, name in MODEL_ARCH_NAMES.items() if name == architecture)
    table = get_tensor_name_map(MODEL_ARCH(kind), layers)
    names = {}
    for name in wanted:
        place, _, suffix = name.rpartition(".")
        names[name] = f"{table.get_name(place)}.{suffix}"
    return names


def read_all(header: Header, config: ModelConfig, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """In fp32, by transformers' names. Names and shapes are compared before anything is read; raises CheckpointError.
    Needs the memory of one copy of the weights in fp32."""
    names = stored_names(header.architecture, config.num_hidden_layers, wanted)
    for name, stored in names.items():
        _check(header, stored, tuple(wanted[name].shape))
    many = set(header.tensors) - set(names.values()) - {ROPE_FREQUENCIES}
    if many:
        raise damaged(header.path, f"has a tensor {ascii(min(many))[:60]}, which its family does not have")
    return {name: _in_halves(header, config, stored) for name, stored in names.items()}


def _check(header: Header, name: str, shape: tuple[int, ...]) -> None:
    found = header.tensors.get(name)
    if found is None:
        raise damaged(header.path, f"has no tensor {name}")
    if found.shape != shape:
        raise damaged(
            header.path, f"does not fit its own sizes: {name} is {list(found.shape)} instead of {list(shape)}"
        )


def read_tensor(header: Header, name: str) -> Tensor:
    """Numbers in fp32, a copy of their own."""
    stored = header.tensors[name]
    with header.path.open("rb") as file:
        file.seek(stored.begin)
        content = np.frombuffer(file.read(stored.size), np.uint8)
    if len(content) < stored.size:
        raise damaged(header.path, f"ends in the middle of {name}")
    return torch.from_numpy(np.array(dequantize(content, stored.kind), np.float32)).reshape(stored.shape)


def stretching(config: ModelConfig) -> Tensor:
    """By how much each frequency is slower than it would be, [head_dim/2] fp32: what ROPE_FREQUENCIES holds."""
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    slower: Tensor = config.rope_theta**-exponents / inverse_frequencies(config)
    return slower


def _in_halves(header: Header, config: ModelConfig, name: str) -> Tensor:
    """Queries and keys as transformers rotates them: the first half of a head's rows with the second one."""
    tensor = read_tensor(header, name)
    if header.architecture not in PERMUTED or (".attn_q." not in name and ".attn_k." not in name):
        return tensor
    heads = config.num_attention_heads if ".attn_q." in name else config.num_key_value_heads
    return tensor.reshape(heads, config.head_dim // 2, 2, -1).transpose(1, 2).reshape(tensor.shape)
