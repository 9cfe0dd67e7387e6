"""A Llama's weights joined for inference, with rows that are read and continued independently. Knows no sampling.

Gives what Llama.hidden_states and Llama.logits give (tests/lm/inference/test_decoder.py), with the four products of a
layer that `Layer.products` gives and three kernels between them. Products take `dtype`, in which keys and
values are kept as well, and give fp32; the residual stream and all that the kernels do are fp32.

Each token's bits are the same whatever tokens are computed beside it, in any order and by any number of threads (on one
machine and in one precision), by construction: kernels take tokens one by one, and products take each sum in one order
(kernels/packed_linear.py). torch's own would give other bits for other numbers of rows and slots.

Shapes: M tokens, V vocabulary, H hidden size, I inner size, N query heads, K key-value heads, D head size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from app.lm.inference.kv_cache import KVCache
from app.lm.kernels.cached_attention import attend
from app.lm.kernels.compiling import Array, array_of
from app.lm.kernels.elementwise import add_and_norm, gate
from app.lm.kernels.packed_linear import PackedLinear
from app.lm.layer import Layer
from app.lm.model import Llama
from app.lm.rotary import rotate


@dataclass(frozen=True)
class _PackedLayer:
    """`Layer.products`, packed."""

    query_key_value: PackedLinear  # [(N+2K)D, H]
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
            for layer in model.model.layers:
                assert isinstance(layer, Layer)
                self._layers.append(_packed(layer, dtype))
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
        return self.states_above((len(self._layers),), ids, rows, positions, cache)[0]

    def states_above(
        self, heights: Sequence[int], ids: Tensor, rows: Tensor, positions: Tensor, cache: KVCache
    ) -> list[Tensor]:
        """As `states`, but above each of these numbers of layers, ascending; 0 are the embeddings."""
        where = (rows.numpy(), positions.numpy())
        self._check_places(*where, cache)
        states = F.embedding(ids, self._embedding).float()
        normed = torch.empty_like(states, dtype=self.dtype)
        mixed = normed.new_empty(len(ids), self.config.num_attention_heads * self.config.head_dim)
        inner = normed.new_empty(len(ids), self.config.intermediate_size)
        stream, to_normed, to_mixed, to_inner = states.numpy(), array_of(normed), array_of(mixed), array_of(inner)
        more, kept = torch.zeros_like(states), list[Tensor]()
        for layer, weights in enumerate(self._layers):
            if layer in heights:
                kept.append(states + more)
            add_and_norm(stream, array_of(more), to_normed, self._epsilon)
            heads = weights.query_key_value(normed)
            attend(
                array_of(heads), *where, self._cosines, self._sines, weights.rotated, weights.head_norms,
                self._epsilon, *cache.of_layer(layer), to_mixed,
            )  # fmt: skip
            add_and_norm(stream, array_of(weights.attention_out(mixed)), to_normed, self._epsilon)
            gate(array_of(weights.gate_and_up(normed)), to_inner)
            more = weights.down(inner)
        return [*kept, states + more] if len(self._layers) in heights else kept

    def turned_heads(self, layer: int, states: Tensor) -> tuple[Tensor, Tensor]:
        """Queries [N,T,D] and keys [K,T,D] of a layer, fp32, normed and turned as it does, out of the states [T,H]
        below it of a text's first T tokens."""
        normed = torch.empty_like(states, dtype=self.dtype)
        add_and_norm(states.clone().numpy(), array_of(torch.zeros_like(states)), array_of(normed), self._epsilon)
        weights, config = self._layers[layer], self.config
        queries, keys = config.num_attention_heads, config.num_key_value_heads
        heads = weights.query_key_value(normed).float().view(len(states), -1, config.head_dim)[:, : queries + keys]
        norms = torch.from_numpy(weights.head_norms)
        if norms.numel():
            heads = F.rms_norm(heads, (config.head_dim,), None, float(self._epsilon)) * norms
        turned = heads.transpose(0, 1)
        if weights.rotated:
            tables = (torch.from_numpy(each[: len(states)]) for each in (self._cosines, self._sines))
            turned = rotate(turned, *tables)
        return turned[:queries], turned[queries:]

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


def _packed(layer: Layer, dtype: torch.dtype) -> _PackedLayer:
    products = (PackedLinear(product.weight, dtype, product.bias) for product in layer.products())
    query_key_value, attention_out, gate_and_up, down = products
    norms = layer.self_attn.head_norms().numpy()
    return _PackedLayer(query_key_value, attention_out, gate_and_up, down, norms, layer.self_attn.rotated)
