"""What a decoder computes in: numbers of so many tokens between its products, and the program that works on them.

Shapes: M tokens that there is room for, H hidden size, I inner size, N query heads, K key-value heads, D head size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.kernels import phase_fields as of
from app.lm.kernels.packed_linear import FORMS, PackedLinear
from app.lm.kernels.phases import Program
from app.lm.kernels.tasks import field


@dataclass(frozen=True)
class PackedLayer:
    """`Layer.products`, packed; gates and values apart. `norms` [2,H], before attention and before the MLP, where they
    are not folded into the products behind them, as with weights in 8 bits; else [2,0]."""

    query_key_value: PackedLinear  # [(N+2K)D, H]
    attention_out: PackedLinear  # [H, ND]
    gates: PackedLinear  # [I, H]
    values: PackedLinear  # [I, H]
    down: PackedLinear  # [H, I]
    norms: Tensor
    head_norms: Tensor  # [N+K, D] of queries and keys, or [N+K, 0]
    rotated: bool


@dataclass(frozen=True)
class Packed:
    """A whole model."""

    config: ModelConfig
    products: torch.dtype  # what weights are kept in: fp32, bf16, int8
    layers: Sequence[PackedLayer]
    head: PackedLinear  # [V, H]
    norm: Tensor  # [H] before the head, or [0]
    cosines: Tensor  # [positions, D]
    sines: Tensor


class Workspace:
    """`stream` [M,H] fp32 are the states, `more` [M,...] fp32 what is to be added to them; `program` has `layer_phases`
    for each layer, then two for the logits."""

    def __init__(self, model: Packed, tokens: int) -> None:
        config, first = model.config, model.layers[0]
        hidden = config.hidden_size
        self.tokens, self._model = tokens, model
        self.stream = torch.zeros(tokens, hidden)
        self.more = torch.zeros(tokens, first.down.columns)  # as many as `attention_out` has
        self._heads = torch.empty(tokens, first.query_key_value.columns)
        # What products read: zeros behind a token's numbers where they do not fill the last step.
        self._normed = self._inputs_of(first.query_key_value)
        self._mixed = self._inputs_of(first.attention_out)
        self._inner = self._inputs_of(first.down)
        # With weights in 8 bits `_mixed` and `_inner` are these, rounded.
        self._mixed_whole, self._inner_whole = self._mixed, self._inner
        if model.products == torch.int8:
            self._mixed_whole = torch.empty(tokens, config.num_attention_heads * config.head_dim)
            self._inner_whole = torch.empty(tokens, config.intermediate_size)
        layers = list(self._phases_of_layers())
        self.layer_phases = len(layers) // len(model.layers)
        phases = [*layers, self._norm(model.norm), self._product(model.head, self._normed, 0)]
        table = np.array([_phase(*fields) for fields in phases], np.int64)
        self.program = Program(table, FORMS[model.products], hidden)

    def begin(self, states: Tensor) -> None:
        """With these states [tokens,H] of any float type."""
        self.stream[: len(states)] = states
        self.more[: len(states)] = 0

    def states(self, tokens: int) -> Tensor:
        """The first ones as they stand, [tokens,H]."""
        return self.stream[:tokens] + self.more[:tokens, : self.stream.shape[1]]

    def _inputs_of(self, product: PackedLinear) -> Tensor:
        words = torch.zeros(self.tokens, product.row_words)
        return words.view(torch.bfloat16) if self._model.products == torch.bfloat16 else words

    def _phases_of_layers(self) -> Iterator[list[int]]:
        for place, layer in enumerate(self._model.layers):
            yield self._norm(layer.norms[0])
            yield self._product(layer.query_key_value, self._normed, self._heads.data_ptr())
            for kind in (of.TURN, of.ATTEND):
                yield self._of_heads(kind, place, layer)
            yield from self._rounded(self._mixed_whole, self._mixed)
            yield self._product(layer.attention_out, self._mixed, self.more.data_ptr())
            yield self._norm(layer.norms[1])
            values, panels, bias = layer.values, *layer.values.addresses
            inner = [panels, bias, self._inner_whole.shape[1], self._model.config.intermediate_size]
            gates = self._product(layer.gates, self._normed, self._inner_whole.data_ptr())
            assert values.columns == layer.gates.columns
            yield [of.GATE, *gates[1:], *inner]
            yield from self._rounded(self._inner_whole, self._inner)
            yield self._product(layer.down, self._inner, self.more.data_ptr())

    def _rounded(self, numbers: Tensor, inputs: Tensor) -> Iterator[list[int]]:
        if inputs is not numbers:
            yield [of.ROUND, numbers.data_ptr(), numbers.shape[1], inputs.data_ptr(), inputs.shape[1]]

    def _norm(self, weights: Tensor) -> list[int]:
        hidden, epsilon = self.stream.shape[1], field(float(self._model.config.rms_norm_eps))
        stream, more, normed = self.stream.data_ptr(), self.more.data_ptr(), self._normed.data_ptr()
        sizes = [self._normed.shape[1], hidden, epsilon]
        return [of.NORM, stream, more, self.more.shape[1], normed, *sizes, weights.data_ptr()]

    def _product(self, product: PackedLinear, inputs: Tensor, target: int) -> list[int]:
        return [of.PRODUCT, inputs.data_ptr(), product.steps, product.columns, *product.addresses, target]

    def _of_heads(self, kind: int, place: int, layer: PackedLayer) -> list[int]:
        config, norms, model = self._model.config, layer.head_norms, self._model
        sizes = [config.num_attention_heads, config.num_key_value_heads, field(float(config.rms_norm_eps))]
        mixed = [self._mixed_whole.data_ptr(), self._mixed_whole.shape[1]]
        heads = [kind, self._heads.data_ptr(), self._heads.shape[1], *mixed, *sizes, config.head_dim]
        how = [int(layer.rotated), norms.data_ptr(), norms.shape[1], place]
        return [*heads, *how, model.cosines.data_ptr(), model.sines.data_ptr()]


def _phase(*fields: int) -> list[int]:
    return [*fields, *[0] * (of.SIZE - len(fields))]
