"""A Llama (Touvron et al. 2023) in plain torch: RMSNorm, rotary positions, SwiGLU, grouped queries; and its relatives
Mistral, Qwen2, Qwen3 and SmolLM3, which differ by biases, norms of queries and keys, and layers without positions.

Knows nothing of text, files or sampling. Parameter names and the half-rotation convention are those of Hugging Face's
`LlamaForCausalLM`, so weights travel both ways unchanged. Departures: no output beyond states and logits, no dropout,
no sliding window (`ModelConfig.context_tokens` is at most the window, so that it would hide nothing).

Shapes: B rows, T tokens, V vocabulary, H hidden size, N query heads, K key-value heads, D head size.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.hparams import ModelConfig
from app.lm.attention import causal_attention
from app.lm.rotary import rotary_tables, rotate

__all__ = ["Llama", "attention_mask", "positions_of", "rotary_tables", "rotate"]

INITIAL_DEVIATION = 0.02


def positions_of(mask: Tensor | None, rows: int, tokens: int) -> Tensor:
    """Positions [B,T]. With a key padding mask [B,T] they count real tokens only, so that padding on either side
    changes nothing."""
    if mask is None or mask.dim() == 4:
        return torch.arange(tokens).expand(rows, tokens)
    return (mask.long().cumsum(dim=-1) - 1).clamp_min(0)


def attention_mask(mask: Tensor | None, tokens: int) -> Tensor | None:
    """[B,1,T,T] bool (True = may look), or None where plain causal attention needs no mask."""
    if mask is None or mask.dim() == 4:
        return mask
    assert mask.shape[1] == tokens, f"padding mask has {mask.shape[1]} columns for {tokens} tokens"
    causal = torch.ones(tokens, tokens, dtype=torch.bool).tril()
    # A padding token sees at least itself: a row without any key would be NaN and spoil gradients.
    return (causal & mask[:, None, None, :]) | torch.eye(tokens, dtype=torch.bool)


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
        self.q_proj = nn.Linear(config.hidden_size, width, bias=config.attention_bias)
        self.k_proj = nn.Linear(config.hidden_size, narrow, bias=config.attention_bias)
        self.v_proj = nn.Linear(config.hidden_size, narrow, bias=config.attention_bias)
        self.o_proj = nn.Linear(width, config.hidden_size, bias=config.attention_out_bias)
        if config.qk_norm:
            self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
            self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)

    def forward(self, states: Tensor, angles: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        rows, tokens, _ = states.shape
        queries, narrow = self.config.num_attention_heads, self.config.num_key_value_heads
        # One product instead of three: joining the small matrices costs less than reading the states three times.
        joined = joined_linear(states, self.q_proj, self.k_proj, self.v_proj)
        heads = joined.view(rows, tokens, queries + 2 * narrow, -1).transpose(1, 2)  # [B,N+2K,T,D]
        value = heads[:, queries + narrow :]
        turned = self.turned(heads[:, : queries + narrow], queries, angles)
        query, key = turned[:, :queries], turned[:, queries:]  # [B,N,T,D], [B,K,T,D]
        share = queries // narrow
        if share > 1:  # faster on this processor than enable_gqa, with equal results
            key, value = key.repeat_interleave(share, dim=1), value.repeat_interleave(share, dim=1)
        if mask is None and value.dtype == torch.bfloat16:
            mixed = causal_attention(query, key, value)
        else:
            mixed = _attention(query, key, value, mask)
        merged: Tensor = self.o_proj(mixed.to(value.dtype).transpose(1, 2).reshape(rows, tokens, -1))  # [B,T,H]
        return merged

    def turned(self, heads: Tensor, queries: int, angles: tuple[Tensor, Tensor]) -> Tensor:
        """[B,heads,T,D], the first `queries` of them queries, the rest keys: normed and rotated as this layer does."""
        if self.config.qk_norm:
            parts = (self.q_norm(heads[:, :queries].float()), self.k_norm(heads[:, queries:].float()))
            heads = torch.cat(parts, dim=1).to(heads.dtype)
        return rotate(heads, *angles) if self.rotated else heads


def joined_linear(states: Tensor, *parts: nn.Linear) -> Tensor:
    """What the parts give, one behind the other in the last dimension."""
    bias = None if parts[0].bias is None else torch.cat(tuple(part.bias for part in parts))
    return F.linear(states, torch.cat(tuple(part.weight for part in parts)), bias)


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
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)

    def forward(self, states: Tensor) -> Tensor:
        gate, up = joined_linear(states, self.gate_proj, self.up_proj).chunk(2, dim=-1)  # [B,T,I] each
        out: Tensor = self.down_proj(F.silu(gate) * up)
        return out


class Layer(nn.Module):
    def __init__(self, config: ModelConfig, *, rotated: bool) -> None:
        super().__init__()
        self.self_attn = Attention(config, rotated=rotated)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, states: Tensor, angles: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        states = states + self.self_attn(self.input_layernorm(states), angles, mask)
        return states + self.mlp(self.post_attention_layernorm(states))  # type: ignore[no-any-return]


class Backbone(nn.Module):
    """What Hugging Face calls `model`: embeddings, layers, final norm. Holds parameters; Llama runs them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            Layer(config, rotated=index not in config.unrotated_layers) for index in range(config.num_hidden_layers)
        )
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class Llama(nn.Module):
    """`lm_head` is there only where the embeddings are not tied. `cosines` and `sines` are [context_tokens, D] fp32."""

    config: ModelConfig

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Backbone(config)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        cosines, sines = rotary_tables(config)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        self._initialize()

    @classmethod
    def on_meta(cls, config: ModelConfig) -> "Llama":
        """Names and shapes without any memory, to be assigned: nothing is drawn at random first or copied."""
        with torch.device("meta"):
            return cls(config)

    def assign(self, weights: Mapping[str, Tensor]) -> None:
        """Take these very tensors as the parameters. Names and shapes must fit."""
        self.load_state_dict(dict(weights), assign=True)
        self.cosines, self.sines = rotary_tables(self.config)

    def _initialize(self) -> None:
        """Normal(0, 0.02); what writes to the residual stream is smaller with depth (GPT-2, section 2.3)."""
        shrink = (2 * self.config.num_hidden_layers) ** -0.5
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                deviation = INITIAL_DEVIATION * (shrink if "o_proj" in name or "down_proj" in name else 1.0)
                nn.init.normal_(weight, std=deviation)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    @property
    def rotated_layers(self) -> tuple[bool, ...]:
        """Whether each layer rotates its queries and keys."""
        return tuple(index not in self.config.unrotated_layers for index in range(self.config.num_hidden_layers))

    @property
    def output_weight(self) -> Tensor:
        """[V,H]: the embedding matrix where it is tied (Press & Wolf 2017), else the model's own."""
        return self.model.embed_tokens.weight if self.config.tie_word_embeddings else self.lm_head.weight

    def hidden_states(
        self,
        ids: Tensor,
        *,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
        num_layers: int | None = None,
        normalize: bool = True,
    ) -> Tensor:
        """ids [B,T] -> states [B,T,H].

        mask: key padding mask [B,T] bool (True = real token) or a full one [B,1,T,T]; None is plain causal.
        A full mask wants `positions` too. num_layers: stop after the lowest n. normalize: apply the final norm.
        """
        rows, tokens = ids.shape
        where = positions_of(mask, rows, tokens) if positions is None else positions
        angles = (self.cosines[where][:, None], self.sines[where][:, None])  # [B,1,T,D]
        full = attention_mask(mask, tokens)
        states: Tensor = self.model.embed_tokens(ids)
        for layer in list(self.model.layers)[:num_layers]:
            states = layer(states, angles, full)
        if normalize:
            states = self.model.norm(states)
        return states

    def logits(self, hidden: Tensor) -> Tensor:
        """[...,H] -> [...,V]."""
        return F.linear(hidden, self.output_weight)

    def forward(
        self,
        ids: Tensor,
        *,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
        num_layers: int | None = None,
        normalize: bool = True,
    ) -> Tensor:
        states = self.hidden_states(ids, positions=positions, mask=mask, num_layers=num_layers, normalize=normalize)
        return self.logits(states)
