"""A Llama's weights joined for inference, with rows that are read and continued independently. Knows no sampling.

Gives what Llama.hidden_states and Llama.logits give for the last token of each row, in a third of the operations:
query, key and value come from one product, the gate's activation and its product with `up` are part of theirs, queries
that share a key-value head are one small attention, norms' weights are folded into the products behind them. Products
with weights are in `dtype`; the residual stream, attention and cache are in fp32.

Each row's bits are the same whatever rows are computed beside it (on one machine, in one precision): rows come in
multiples of four, slots in multiples of 16, and attention is three plain products, whose sums over masked slots add
zeros at the end. torch's own attention gives other bits for another number of slots; tests/lm/test_decoder.py holds it.

Shapes: B rows, T new tokens of each, S slots looked at, V vocabulary, H hidden size, I inner size, N query heads, K
key-value heads, G = N / K, D head size.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.model import Llama
from app.lm.products import Weight
from app.lm.row_cache import ROWS_AT_ONCE, SLOTS_AT_ONCE, RowCache, rounded_up


@dataclass(frozen=True)
class _LayerWeights:
    attention: Weight  # [(N+2K)D, H]
    attention_out: Weight  # [H, ND]
    gate: Weight  # [I, H]
    up: Weight  # [I, H]
    down: Weight  # [H, I]
    head_norms: Tensor | None  # [N+K, D] of queries and keys, where the model norms them
    rotated: bool


class _Pass(NamedTuple):
    """What all layers share while B rows take T tokens."""

    angles: tuple[Tensor, Tensor]  # cosines and sines [B,T,N+2K,D]
    cache: RowCache
    places: Tensor  # of the new tokens in the cache
    bias: Tensor  # [B*K, G*T or 1, S]


class Decoder:
    """Holds joined copies of the weights in `dtype`; build one per loaded version and use it for all requests."""

    def __init__(self, model: Llama, dtype: torch.dtype) -> None:
        self.config, self.dtype = model.config, dtype
        with torch.no_grad():
            layers = zip(model.model.layers, model.rotated_layers, strict=True)
            self._layers = [_joined(layer, dtype, model.config, rotated=rotated) for layer, rotated in layers]
            self._embedding = model.model.embed_tokens.weight.detach()
            self._head = Weight(model.output_weight.float() * model.model.norm.weight.float(), dtype)
        self._half = model.config.head_dim // 2
        signs = torch.ones(model.config.head_dim)
        signs[: self._half] = -1  # model.rotate with fewer operations: its minus sign is in the sines already
        self._cosines = model.get_buffer("cosines").float()
        self._sines = model.get_buffer("sines").float() * signs

    def read(self, ids: Tensor, starts: Tensor, cache: RowCache) -> Tensor:
        """Put tokens ids [B,T], at positions starts [B] and on, into rows 0 to B-1 of the cache. B and T as they come;
        what is padding is overwritten later or masked. Returns states [B,T,H] before the final norm."""
        rows, tokens = ids.shape
        positions = starts[:, None] + torch.arange(tokens)  # [B,T]
        slots = rounded_up(int(positions.max()) + 1, SLOTS_AT_ONCE)
        # Bias [B,T,S]: a token sees itself and what is before it.
        bias = torch.zeros(rows, tokens, slots).masked_fill_(torch.arange(slots) > positions[:, :, None], -torch.inf)
        narrow = self.config.num_key_value_heads
        share = self.config.num_attention_heads // narrow
        spread = bias[:, None].expand(rows, narrow * share, tokens, slots).reshape(rows * narrow, share * tokens, slots)
        return self._through(ids, positions, cache, spread)

    def step(self, ids: Tensor, lengths: Tensor, cache: RowCache, longest: int) -> Tensor:
        """One more token for rows 0 to B-1: ids [B], of rows that hold `lengths` [B] tokens, at most `longest`.

        B must be a multiple of ROWS_AT_ONCE; rows that are not in use have length 0. Returns logits [B,V] in fp32.
        """
        rows, slots = len(ids), rounded_up(longest + 1, SLOTS_AT_ONCE)
        positions = lengths[:, None]
        bias = torch.zeros(rows, slots).masked_fill_(torch.arange(slots) > positions, -torch.inf)
        spread = bias.repeat_interleave(self.config.num_key_value_heads, dim=0)[:, None]  # [B*K,1,S]
        return self.logits(self._through(ids[:, None], positions, cache, spread)[:, 0])

    def logits(self, states: Tensor) -> Tensor:
        """[B,H] states before the final norm -> [B,V] in fp32."""
        rows = len(states)
        missing = rounded_up(rows, ROWS_AT_ONCE) - rows
        full = F.pad(states, (0, 0, 0, missing)) if missing else states
        return self._head(self._normed(full))[:rows].float()

    def _through(self, ids: Tensor, positions: Tensor, cache: RowCache, bias: Tensor) -> Tensor:
        """All layers over ids [B,T] at their positions; returns states [B,T,H]."""
        shared = _Pass(self._angles(positions), cache, cache.places(len(ids), positions), bias)
        states = F.embedding(ids, self._embedding).float()
        for layer, weights in enumerate(self._layers):
            states = states + self._attend(states, layer, weights, shared)
            normed = self._normed(states)
            states = states + weights.down(weights.up.times(normed, weights.gate(normed, "swish")))
        return states

    def _angles(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines [B,T,N+2K,D]; values, the last K heads, are turned by nothing."""
        narrow = self.config.num_key_value_heads
        turning = self.config.num_attention_heads + narrow
        cosines = self._cosines[positions][:, :, None].expand(-1, -1, turning, -1)
        sines = self._sines[positions][:, :, None].expand(-1, -1, turning, -1)
        return F.pad(cosines, (0, 0, 0, narrow), value=1.0), F.pad(sines, (0, 0, 0, narrow))

    def _normed(self, states: Tensor) -> Tensor:
        """RMSNorm without weights: x / sqrt(mean(x^2) + eps), of which torch makes twice as many operations."""
        lengths: Tensor = torch.linalg.vector_norm(states, dim=-1, keepdim=True)
        scale = lengths.square_().div_(states.shape[-1]).add_(self.config.rms_norm_eps).rsqrt_()
        return (states * scale).to(self.dtype)

    def _turned(self, heads: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
        """[B,T,N+2K,D] turned by the angles."""
        swapped = heads.view(*heads.shape[:3], 2, self._half).flip(-2).view_as(heads)
        return torch.addcmul(heads * angles[0], swapped, angles[1])

    def _attend(self, states: Tensor, layer: int, weights: _LayerWeights, shared: _Pass) -> Tensor:
        """[B,T,H] -> [B,T,H]."""
        rows, tokens, _ = states.shape
        queries, narrow = self.config.num_attention_heads, self.config.num_key_value_heads
        share, size = queries // narrow, self.config.head_dim
        heads = weights.attention(self._normed(states)).float().view(rows, tokens, queries + 2 * narrow, size)
        if weights.head_norms is not None:
            normed = F.rms_norm(heads[:, :, : queries + narrow], (size,), None, self.config.rms_norm_eps)
            heads = torch.cat((normed * weights.head_norms, heads[:, :, queries + narrow :]), dim=2)
        turned = self._turned(heads, shared.angles) if weights.rotated else heads
        shared.cache.write(layer, shared.places, turned[:, :, queries:])
        keys, values = shared.cache.read(layer, rows, shared.bias.shape[-1])  # [B*K,S,D]
        # [B,T,K,G,D] -> [B*K,G*T,D]: all queries of a key-value head are one product
        query = turned[:, :, :queries].view(rows, tokens, narrow, share, size).permute(0, 2, 3, 1, 4)
        query = query.reshape(rows * narrow, share * tokens, size)
        scores = torch.baddbmm(shared.bias, query, keys.transpose(1, 2), alpha=size**-0.5)  # [B*K,G*T,S]
        mixed = torch.bmm(scores.softmax(dim=-1), values).view(rows, narrow, share, tokens, size)
        merged = mixed.permute(0, 3, 1, 2, 4).reshape(rows, tokens, queries * size)
        return weights.attention_out(merged.to(self.dtype))


def _joined(layer: torch.nn.Module, dtype: torch.dtype, config: ModelConfig, *, rotated: bool) -> _LayerWeights:
    """Norm weights are folded in: W (w * x) = (W * w) x."""
    parameters = dict(layer.named_parameters())

    def of(name: str) -> Tensor:
        return parameters[name].detach().float()

    def bias_of(name: str) -> Tensor | None:
        return of(f"{name}.bias") if f"{name}.bias" in parameters else None

    before, after = of("input_layernorm.weight"), of("post_attention_layernorm.weight")
    parts = [f"self_attn.{name}_proj" for name in "qkv"]
    joined = torch.cat([of(f"{name}.weight") for name in parts])
    biases = torch.cat([of(f"{name}.bias") for name in parts]) if config.attention_bias else None
    norms = None
    if config.qk_norm:
        query, key = of("self_attn.q_norm.weight"), of("self_attn.k_norm.weight")
        norms = torch.cat((query.expand(config.num_attention_heads, -1), key.expand(config.num_key_value_heads, -1)))
    return _LayerWeights(
        Weight(joined * before, dtype, biases),
        Weight(of("self_attn.o_proj.weight"), dtype, bias_of("self_attn.o_proj")),
        Weight(of("mlp.gate_proj.weight") * after, dtype, bias_of("mlp.gate_proj")),
        Weight(of("mlp.up_proj.weight") * after, dtype, bias_of("mlp.up_proj")),
        Weight(of("mlp.down_proj.weight"), dtype, bias_of("mlp.down_proj")),
        norms,
        rotated,
    )
