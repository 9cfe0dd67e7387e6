"""A Llama (Touvron et al. 2023) in plain torch: RMSNorm, rotary positions, SwiGLU, grouped queries; and its relatives
Mistral, Qwen2, Qwen3 and SmolLM3, which differ by biases, norms of queries and keys, and layers without positions.

Knows nothing of text, files or sampling. Parameter names and the half-rotation convention are those of Hugging Face's
`LlamaForCausalLM`, so weights travel both ways unchanged. Departures: no output beyond states and logits, no dropout,
no sliding window (`ModelConfig.context_tokens` is at most the window, so that it would hide nothing).

Shapes: B rows, T tokens, V vocabulary, H hidden size, D head size.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

from app.hparams import ModelConfig
from app.lm.kernels.attention_task import Rows
from app.lm.layer import Angles, Layer, RMSNorm
from app.lm.rotary import rotary_tables

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


class _Undrawn(TorchFunctionMode):
    """Passes over what initializes weights. On tensors without memory that does nothing, but torch loads its compiler
    for it: seconds of processor time, in every process that opens a model."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        given = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return given["tensor"] if "tensor" in given else args[0]
        return func(*args, **given)


@contextmanager
def without_memory() -> Iterator[None]:
    """Modules that are made in here have names and shapes, to be assigned: nothing is drawn at random or copied."""
    with torch.device("meta"), _Undrawn():
        yield


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
    cosines: Tensor
    sines: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Backbone(config)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        with torch.device("cpu"):  # no weights: there on the meta device, too
            cosines, sines = rotary_tables(config)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        self._initialize()

    @classmethod
    def on_meta(cls, config: ModelConfig) -> "Llama":
        with without_memory():
            return cls(config)

    def assign(self, weights: Mapping[str, Tensor]) -> None:
        """Take these very tensors as the parameters. Names and shapes must fit."""
        self.load_state_dict(dict(weights), assign=True)

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
        states: Tensor = self.model.embed_tokens(ids)
        states = self.run_layers(states, where, attention_mask(mask, tokens), stop=num_layers)
        return self.model.norm(states) if normalize else states

    def run_layers(
        self, states: Tensor, positions: Tensor, mask: Tensor | None, *, first: int = 0, stop: int | None = None
    ) -> Tensor:
        """The layers from `first` up to `stop` on a residual stream [B,T,H]; positions [B,T]; mask [B,1,T,T]."""
        angles = self.angles(positions)
        for layer in list(self.model.layers)[first:stop]:
            states = layer(states, angles, mask)
        return states

    def run_layers_of_rows(
        self,
        states: Tensor,
        rows: Rows,
        *,
        dtype: torch.dtype,
        first: int = 0,
        stop: int | None = None,
        recompute: bool = False,
    ) -> Tensor:
        """The same on tokens without padding, [N,H] fp32 -> [N,H] fp32, with products in `dtype`. `recompute`: of each
        layer only what goes into it is kept for the backward pass, which runs it again (Chen et al. 2016, "Training
        deep nets with sublinear memory cost"): less memory for a third more time, and the same numbers."""
        more, tables = states.new_zeros(states.shape, dtype=dtype), (self.cosines, self.sines)
        for layer in list(self.model.layers)[first:stop]:
            assert isinstance(layer, Layer)
            if recompute and torch.is_grad_enabled():
                run = partial(checkpoint, layer.of_rows, use_reentrant=False, preserve_rng_state=False)
                states, more = run(states, more, rows, tables)
            else:
                states, more = layer.of_rows(states, more, rows, tables)
        return states + more

    def angles(self, positions: Tensor) -> Angles:
        """positions [B,T] int64 -> [B,1,T,D] each."""
        return self.cosines[positions][:, None], self.sines[positions][:, None]

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
