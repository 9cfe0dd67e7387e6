"""One layer of a Llama: the mathematics of every model here, once, for training and for inference.

`Layer.forward` runs it at every position or at chosen ones; `Layer.of_rows` on tokens without padding, with kernels
between the products, as the updates of policies do; `Layer.products` gives the same as four products, which
app/lm/inference/decoder.py runs with kernels of its own between them (tests: equal).

Shapes: B rows, T tokens, A positions chosen of them, H hidden size, I inner size, N query heads, K key-value heads, D
head size.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.hparams import ModelConfig
from app.lm.attention import causal_attention
from app.lm.fused import add_and_norm, attended, gated, joined_product
from app.lm.kernels.attention_task import Heads, Rows
from app.lm.linear import Linear
from app.lm.rotary import rotate

Angles = tuple[Tensor, Tensor]  # cosines and sines, [B,1,T,D]


def gather_states(states: Tensor, index: Tensor) -> Tensor:
    """states [B,T,H], index [B,...] int64 -> [B,...,H]."""
    flat = index.flatten(1)
    picked = states.gather(1, flat.unsqueeze(-1).expand(-1, -1, states.shape[-1]))
    return picked.view(*index.shape, states.shape[-1])


class RMSNorm(nn.Module):
    """Zhang & Sennrich 2019. Always in fp32: its input is the fp32 residual stream."""

    def __init__(self, size: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, states: Tensor) -> Tensor:
        return F.rms_norm(states, (states.shape[-1],), self.weight, self.epsilon)


class Attention(nn.Module):
    """`rotated`: whether this layer's queries and keys know their positions."""

    def __init__(self, config: ModelConfig, *, rotated: bool) -> None:
        super().__init__()
        self.config, self.rotated = config, rotated
        width = config.num_attention_heads * config.head_dim
        narrow = config.num_key_value_heads * config.head_dim
        self.q_proj = Linear(config.hidden_size, width, bias=config.attention_bias)
        self.k_proj = Linear(config.hidden_size, narrow, bias=config.attention_bias)
        self.v_proj = Linear(config.hidden_size, narrow, bias=config.attention_bias)
        self.o_proj = Linear(width, config.hidden_size, bias=config.attention_out_bias)
        if config.qk_norm:
            self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
            self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)

    def forward(self, states: Tensor, angles: Angles, mask: Tensor | None, at: Tensor | None = None) -> Tensor:
        """states [B,T,H] -> [B,T,H], or [B,A,H] as `Layer.forward` says."""
        assert at is None or mask is not None, "chosen positions want a mask: causal would be of the first ones"
        query, key, value = self._heads(states, angles) if at is None else self._heads_at(states, angles, at)
        share = self.config.num_attention_heads // self.config.num_key_value_heads
        if share > 1:  # faster on this processor than enable_gqa, with equal results
            key, value = key.repeat_interleave(share, dim=1), value.repeat_interleave(share, dim=1)
        if mask is None and value.dtype == torch.bfloat16:
            mixed = causal_attention(query, key, value)
        else:
            mixed = _attention(query, key, value, mask)
        merged: Tensor = self.o_proj(mixed.to(value.dtype).transpose(1, 2).flatten(2))  # [B,T,H] or [B,A,H]
        return merged

    def _heads(self, states: Tensor, angles: Angles) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B,N,T,D], keys and values [B,K,T,D]."""
        rows, tokens, _ = states.shape
        queries, narrow = self.config.num_attention_heads, self.config.num_key_value_heads
        # One product instead of three: joining the small matrices costs less than reading the states three times.
        joined = joined_linear(states, self.q_proj, self.k_proj, self.v_proj)
        heads = joined.view(rows, tokens, queries + 2 * narrow, -1).transpose(1, 2)  # [B,N+2K,T,D]
        turned = self.turned(heads[:, : queries + narrow], queries, angles)
        return turned[:, :queries], turned[:, queries:], heads[:, queries + narrow :]

    def _heads_at(self, states: Tensor, angles: Angles, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B,N,A,D] of the chosen positions alone, keys and values [B,K,T,D] of all."""
        depth, queries = self.config.head_dim, self.config.num_attention_heads
        asked = (gather_states(angles[0][:, 0], at)[:, None], gather_states(angles[1][:, 0], at)[:, None])  # [B,1,A,D]
        query, key, value = (
            part(read).unflatten(-1, (-1, depth)).transpose(1, 2)
            for part, read in ((self.q_proj, gather_states(states, at)), (self.k_proj, states), (self.v_proj, states))
        )
        return self.turned(query, queries, asked), self.turned(key, 0, angles), value

    def of_rows(self, states: Tensor, rows: Rows, tables: Angles) -> Tensor:
        """states [N,H] of rows without padding -> [N,H]; tables: cosines and sines of all positions, [positions,D]."""
        depth, queries, narrow = self.config.head_dim, self.config.num_attention_heads, self.config.num_key_value_heads
        heads = joined_product(states, self.q_proj, self.k_proj, self.v_proj)
        if self.config.qk_norm:
            query, key, value = heads.unflatten(1, (-1, depth)).split((queries, narrow, narrow), dim=1)
            normed = (self.q_norm(query.float()), self.k_norm(key.float()), value.float())
            heads = torch.cat(normed, dim=1).flatten(1).to(states.dtype)
        mixed = attended(heads, rows, Heads(queries, narrow, depth, self.rotated, *tables))
        return joined_product(mixed, self.o_proj)

    def head_norms(self) -> Tensor:
        """Weights of the norms of queries and keys, a row for each head, fp32: [N+K,D], or [N+K,0] without norms."""
        queries, narrow = self.config.num_attention_heads, self.config.num_key_value_heads
        if not self.config.qk_norm:
            return torch.zeros(queries + narrow, 0)
        query, key = self.q_norm.weight.detach().float(), self.k_norm.weight.detach().float()
        return torch.cat((query.expand(queries, -1), key.expand(narrow, -1)))

    def turned(self, heads: Tensor, queries: int, angles: Angles) -> Tensor:
        """[B,heads,T,D], the first `queries` of them queries, the rest keys: normed and rotated as this layer does."""
        if self.config.qk_norm:
            parts = (self.q_norm(heads[:, :queries].float()), self.k_norm(heads[:, queries:].float()))
            heads = torch.cat(parts, dim=1).to(heads.dtype)
        return rotate(heads, *angles) if self.rotated else heads


def joined_linear(states: Tensor, *parts: Linear) -> Tensor:
    """What the parts give, one behind the other in the last dimension."""
    bias = None if parts[0].bias is None else torch.cat(tuple(part.bias for part in parts))
    return F.linear(states, torch.cat(tuple(part.whole for part in parts)), bias)


def _attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """[B,N,T,D] in fp32: in bf16 the backward pass of torch's own attention takes two to four times as long here."""
    causal = mask is None and query.shape[2] > 1
    with torch.autocast("cpu", enabled=False):
        return F.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), attn_mask=mask, is_causal=causal
        )


class MLP(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.up_proj = Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = Linear(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)

    def forward(self, states: Tensor) -> Tensor:
        gate, up = joined_linear(states, self.gate_proj, self.up_proj).chunk(2, dim=-1)  # [B,T,I] each
        out: Tensor = self.down_proj(F.silu(gate) * up)
        return out


@dataclass(frozen=True)
class Product:
    """A linear map x -> weight x + bias, [out,in] and [out]."""

    weight: Tensor
    bias: Tensor | None


class Layer(nn.Module):
    def __init__(self, config: ModelConfig, *, rotated: bool) -> None:
        super().__init__()
        self.self_attn = Attention(config, rotated=rotated)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, states: Tensor, angles: Angles, mask: Tensor | None, at: Tensor | None = None) -> Tensor:
        """states [B,T,H] -> [B,T,H]; with positions `at` [B,A] only the output there, [B,A,H], under a mask [B,1,A,T].

        Keys and values are needed everywhere, queries and the MLP at A positions: with one score per answer this is a
        tenth of the layer's work. Equal to the whole layer but for the last bits (tested)."""
        out = states if at is None else gather_states(states, at)
        out = out + self.self_attn(self.input_layernorm(states), angles, mask, at)
        return out + self.mlp(self.post_attention_layernorm(out))  # type: ignore[no-any-return]

    def of_rows(self, states: Tensor, more: Tensor, rows: Rows, tables: Angles) -> tuple[Tensor, Tensor]:
        """The layer on tokens without padding [N,H]: states fp32 and what is to be added to them, `more`, in the dtype
        of products -> the same above the layer. Equal to `forward` but for rounding (tests)."""
        attention, mlp, norm = self.self_attn, self.mlp, self.input_layernorm
        states, normed = add_and_norm(states, more, norm.weight, norm.epsilon)
        norm, mixed = self.post_attention_layernorm, attention.of_rows(normed, rows, tables)
        states, normed = add_and_norm(states, mixed, norm.weight, norm.epsilon)
        return states, joined_product(gated(joined_product(normed, mlp.gate_proj, mlp.up_proj)), mlp.down_proj)

    def products(self, *, folded: bool = True) -> Iterator[Product]:
        """The layer as inference runs it, made one after the other, without gradients: queries, keys and values
        [(N+2K)D,H]; what attention writes [H,ND]; gate and up [2I,H]; down [H,I].

        `folded`: norms' weights stand in the product behind them, W (w * x) = (W * w) x, so that norms have none."""
        attention, mlp = self.self_attn, self.mlp
        before, behind = (self.input_layernorm, self.post_attention_layernorm) if folded else (None, None)
        yield _folded(before, attention.q_proj, attention.k_proj, attention.v_proj)
        yield _folded(None, attention.o_proj)
        yield _folded(behind, mlp.gate_proj, mlp.up_proj)
        yield _folded(None, mlp.down_proj)


def _folded(norm: RMSNorm | None, *parts: Linear) -> Product:
    """The parts one behind the other; in fp32 where a norm before them is folded in."""
    weight = torch.cat(tuple(part.whole.detach() for part in parts))
    if norm is not None:
        weight = weight * norm.weight.detach().float()
    biased = parts[0].bias is not None
    return Product(weight, torch.cat(tuple(part.bias.detach().float() for part in parts)) if biased else None)
