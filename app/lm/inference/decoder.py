"""A Llama's weights joined for inference, with rows that are read and continued independently. Knows no sampling.

Gives what Llama.hidden_states and Llama.logits give, with four products a layer (query, key and value are one, gate and
up another, norms' weights are folded in) and three kernels between them. Products take `dtype`, in which keys and
values are kept as well, and give fp32; the residual stream and all that the kernels do are fp32.

Each token's bits are the same whatever tokens are computed beside it, in any order and by any number of threads (on one
machine and in one precision), by construction: kernels take tokens one by one, and products take each sum in one order
(packed_linear.py). torch's own products and attention would give other bits for other numbers of rows and slots.

Shapes: M tokens, V vocabulary, H hidden size, I inner size, N query heads, K key-value heads, D head size.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.inference.cached_attention import attend
from app.lm.inference.kernels import Array, add_and_norm, array_of, gate
from app.lm.inference.kv_cache import KVCache
from app.lm.inference.packed_linear import PackedLinear
from app.lm.model import Llama


@dataclass(frozen=True)
class _LayerWeights:
    attention: PackedLinear  # [(N+2K)D, H]
    attention_out: PackedLinear  # [H, ND]
    gate_and_up: PackedLinear  # [2I, H]
    down: PackedLinear  # [H, I]
    head_norms: Array  # [N+K, D] of queries and keys, or [N+K, 0]
    rotated: bool


class Decoder:
    """Holds joined copies of the weights in `dtype`; build one per loaded version and use it for all requests.
    `in_place_of_model`: the model's layers are given up one by one, so that the weights are in memory once; it is of no
    use afterwards."""

    def __init__(self, model: Llama, dtype: torch.dtype, *, in_place_of_model: bool = False) -> None:
        self.config, self.dtype = model.config, dtype
        with torch.no_grad():
            self._layers = []
            for layer, rotated in zip(model.model.layers, model.rotated_layers, strict=True):
                self._layers.append(_joined(layer, dtype, model.config, rotated=rotated))
                if in_place_of_model:
                    layer.to_empty(device="meta")
            self._embedding = model.model.embed_tokens.weight.detach()
            self._head = PackedLinear(model.output_weight * model.model.norm.weight.float(), dtype)
        self._cosines = model.get_buffer("cosines").float().numpy()
        self._sines = model.get_buffer("sines").float().numpy()
        self._epsilon = np.float32(model.config.rms_norm_eps)

    def new_cache(self, rows: int, slots: int) -> KVCache:
        """An empty cache for this model's keys and values."""
        return KVCache(self.config, self.dtype, rows, slots)

    def states(self, ids: Tensor, rows: Tensor, positions: Tensor, cache: KVCache) -> Tensor:
        """Put M tokens `ids` into `rows` of the cache at `positions`, all [M]; a row's tokens follow one another, and
        what is before them is there. Returns states [M,H] fp32 before the final norm. Raises IndexError for a place
        outside the cache or the context."""
        where = (rows.numpy(), positions.numpy())
        self._check_places(*where, cache)
        states = F.embedding(ids, self._embedding).float()
        normed = torch.empty_like(states, dtype=self.dtype)
        mixed = normed.new_empty(len(ids), self.config.num_attention_heads * self.config.head_dim)
        inner = normed.new_empty(len(ids), self.config.intermediate_size)
        stream, to_normed, to_mixed, to_inner = states.numpy(), array_of(normed), array_of(mixed), array_of(inner)
        more = torch.zeros_like(states)
        for layer, weights in enumerate(self._layers):
            add_and_norm(stream, array_of(more), to_normed, self._epsilon)
            heads = weights.attention(normed)
            attend(
                array_of(heads), *where, self._cosines, self._sines, weights.rotated, weights.head_norms,
                self._epsilon, *cache.of_layer(layer), to_mixed,
            )  # fmt: skip
            add_and_norm(stream, array_of(weights.attention_out(mixed)), to_normed, self._epsilon)
            gate(array_of(weights.gate_and_up(normed)), to_inner)
            more = weights.down(inner)
        return states + more

    def _check_places(self, rows: Array, positions: Array, cache: KVCache) -> None:
        """Compiled code would write anywhere."""
        last = min(cache.slots, self.config.context_tokens) - 1
        if rows.min() < 0 or rows.max() >= cache.rows or positions.min() < 0 or positions.max() > last:
            raise IndexError(f"rows to {rows.max()} of {cache.rows}, positions to {positions.max()} of {last}")

    def logits(self, states: Tensor) -> Tensor:
        """[M,H] states before the final norm -> [M,V] in fp32."""
        normed = torch.empty_like(states, dtype=self.dtype)
        add_and_norm(states.clone().numpy(), array_of(torch.zeros_like(states)), array_of(normed), self._epsilon)
        return self._head(normed)


def _joined(layer: torch.nn.Module, dtype: torch.dtype, config: ModelConfig, *, rotated: bool) -> _LayerWeights:
    """Norm weights are folded in: W (w * x) = (W * w) x."""
    parameters = dict(layer.named_parameters())

    def of(name: str) -> Tensor:
        return parameters[name].detach().float()

    def weight(names: list[str], factor: Tensor | float = 1.0) -> PackedLinear:
        matrix = torch.cat([parameters[f"{name}.weight"] for name in names]) * factor  # in fp32 if either is
        biased = f"{names[0]}.bias" in parameters
        return PackedLinear(matrix, dtype, torch.cat([of(f"{name}.bias") for name in names]) if biased else None)

    queries, narrow = config.num_attention_heads, config.num_key_value_heads
    norms = torch.zeros(queries + narrow, 0)
    if config.qk_norm:
        query, key = of("self_attn.q_norm.weight"), of("self_attn.k_norm.weight")
        norms = torch.cat((query.expand(queries, -1), key.expand(narrow, -1)))
    return _LayerWeights(
        weight([f"self_attn.{name}_proj" for name in "qkv"], of("input_layernorm.weight")),
        weight(["self_attn.o_proj"]),
        weight(["mlp.gate_proj", "mlp.up_proj"], of("post_attention_layernorm.weight")),
        weight(["mlp.down_proj"]),
        norms.numpy(),
        rotated,
    )
