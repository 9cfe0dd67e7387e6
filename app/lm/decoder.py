"""One token at a time, fast: a Llama's weights joined for decoding, with a preallocated cache. Inference only.

Gives what Llama.hidden_states gives for one new token per row, in a third of the operations: query, key and value come
from one product, gate and up from another, queries that share a key-value head are one small attention, norms' weights
are folded into the products behind them. Products with weights are in `dtype`; attention and cache stay in fp32, which
is more exact and, for one query per row, twice as fast on this processor. Knows nothing of sampling.

Shapes: B rows, S slots filled, V vocabulary, H hidden size, I inner size, N query heads, K key-value heads, G = N / K,
D head size.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from app.lm.cache import KVCache, Slots
from app.lm.model import Llama


@dataclass(frozen=True)
class _LayerWeights:
    attention: Tensor  # [(N+2K)D, H]
    attention_out: Tensor  # [H, ND]
    inner: Tensor  # [2I, H]
    inner_out: Tensor  # [H, I]


class Decoder:
    """Holds joined copies of the weights in `dtype`; build one per loaded version and use it for all requests."""

    def __init__(self, model: Llama, dtype: torch.dtype) -> None:
        self.model, self.config, self.dtype = model, model.config, dtype
        with torch.no_grad():
            self._layers = [_joined(layer, dtype) for layer in model.model.layers]
            embedding = model.model.embed_tokens.weight
            self._embedding = embedding.detach().float()
            self._head = (embedding * model.model.norm.weight).detach().to(dtype)
        self._cosines = model.get_buffer("cosines").float()
        signs = torch.ones(model.config.head_dim)
        signs[: model.config.head_dim // 2] = -1
        self._sines = model.get_buffer("sines").float() * signs

    def step(self, ids: Tensor, positions: Tensor, cache: KVCache, bias: Tensor | None) -> Tensor:
        """ids [B], positions [B], bias [B,1,1,slots] (0 or -inf over the cache's slots, None without padding).

        Returns logits [B,V] in fp32 and moves the cache on by one.
        """
        filled = cache.one_more()
        seen = None if bias is None else bias[..., : cache.length]
        angles = (self._cosines[positions][:, None], self._sines[positions][:, None])  # [B,1,D]
        states = self._embedding[ids]  # [B,H] fp32: the residual stream
        for weights, slots in zip(self._layers, filled, strict=True):
            states = states + self._attend(states, weights, angles, slots, seen)
            gate, up = F.linear(self._normed(states), weights.inner).chunk(2, dim=-1)
            states = states + F.linear(F.silu(gate) * up, weights.inner_out)
        return F.linear(self._normed(states), self._head).float()

    def _normed(self, states: Tensor) -> Tensor:
        return F.rms_norm(states, (states.shape[-1],), None, self.config.rms_norm_eps).to(self.dtype)

    def _attend(
        self, states: Tensor, weights: _LayerWeights, angles: tuple[Tensor, Tensor], slots: Slots, bias: Tensor | None
    ) -> Tensor:
        rows, queries, narrow = len(states), self.config.num_attention_heads, self.config.num_key_value_heads
        heads = F.linear(self._normed(states), weights.attention).view(rows, queries + 2 * narrow, -1)  # [B,N+2K,D]
        turning = heads[:, : queries + narrow].float()
        # model.rotate with fewer operations: its minus sign is in the sines already.
        swapped = turning.roll(turning.shape[-1] // 2, dims=-1)
        turned = torch.addcmul(turning * angles[0], swapped, angles[1])
        slots.new_keys.copy_(turned[:, queries:])
        slots.new_values.copy_(heads[:, queries + narrow :])
        query = turned[:, :queries].view(rows, narrow, queries // narrow, -1)  # [B,K,G,D]: G queries, one key head
        mixed = F.scaled_dot_product_attention(query, slots.keys, slots.values, attn_mask=bias)
        return F.linear(mixed.reshape(rows, -1).to(self.dtype), weights.attention_out)  # [B,ND] -> [B,H]


def _joined(layer: torch.nn.Module, dtype: torch.dtype) -> _LayerWeights:
    """Norm weights are folded in: W (w * x) = (W * w) x."""

    def of(name: str) -> Tensor:
        return layer.get_parameter(name).detach()

    before, after = of("input_layernorm.weight"), of("post_attention_layernorm.weight")
    attention = torch.cat([of(f"self_attn.{name}_proj.weight") for name in "qkv"])
    inner = torch.cat((of("mlp.gate_proj.weight"), of("mlp.up_proj.weight")))
    return _LayerWeights(
        (attention * before).to(dtype),
        of("self_attn.o_proj.weight").to(dtype),
        (inner * after).to(dtype),
        of("mlp.down_proj.weight").to(dtype),
    )
