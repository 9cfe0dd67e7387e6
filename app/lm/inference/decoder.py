"""A Llama's weights joined for inference, with rows that are read and continued independently. Knows no sampling.

Gives what Llama.hidden_states and Llama.logits give (tests/lm/inference/test_decoder.py), with the products of a layer
that `Layer.products` gives. All layers are one call (kernels/phases.py). Keys and values are kept in `dtype`; products
take it as well, or 8 bits (`weights`), and give fp32; the residual stream and all that is between products are fp32.

Each token's bits are the same whatever tokens are computed beside it, in any order and by any number of threads (on one
machine and in one precision), by construction: each token is computed alone, and products and attention take each sum
in one order (kernels/tiles.py). torch's own would give other bits for other numbers of rows and slots.

Shapes: M tokens, V vocabulary, H hidden size.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from app.lm.inference.kv_cache import KVCache
from app.lm.inference.workspace import Packed, PackedLayer, Workspace
from app.lm.kernels.compiling import Array
from app.lm.kernels.packed_linear import PackedLinear
from app.lm.kernels.phases import run
from app.lm.layer import Layer
from app.lm.model import Llama
from app.lm.rotary import rotate

KEPT_TOKENS = 256  # a workspace for so many is kept; one for a longer prompt is made for it


class Decoder:
    """Holds joined copies of the weights in `weights` (fp32, bf16, int8; by default `dtype`); build one per loaded
    version and use it for all requests, from any thread. `layers`: the model's, where it has none itself, one after the
    other. `in_place_of_model`: its weights are given up one by one, so that they are in memory once; it is of no use
    afterwards."""

    def __init__(
        self,
        model: Llama,
        dtype: torch.dtype,
        *,
        weights: torch.dtype | None = None,
        layers: Iterable[Layer] | None = None,
        in_place_of_model: bool = False,
    ) -> None:
        self.config, self.dtype, self.weights = model.config, dtype, weights or dtype
        with torch.no_grad():
            head, norm = _packed_head(model, self.weights)
            self._embedding = _embedding(model, head)
            if in_place_of_model and self.weights == torch.int8:
                model.model.embed_tokens.to_empty(device="meta")
            packed = []
            for layer in cast("Iterable[Layer]", model.model.layers) if layers is None else layers:
                packed.append(_packed(layer, self.weights))
                if in_place_of_model:
                    layer.to_empty(device="meta")
        cosines, sines = (model.get_buffer(name).float().contiguous() for name in ("cosines", "sines"))
        self._packed = Packed(model.config, self.weights, packed, head, norm, cosines, sines)
        self._spare: list[Workspace] = []

    def new_cache(self, rows: int, slots: int) -> KVCache:
        """An empty cache for this model's keys and values."""
        return KVCache(self.config, self.dtype, rows, slots)

    def states(self, ids: Tensor, rows: Tensor, positions: Tensor, cache: KVCache) -> Tensor:
        """Put M tokens `ids` into `rows` of the cache at `positions`, all [M]; a row's tokens follow one another, and
        what is before them is there. Returns states [M,H] fp32 before the final norm. Raises IndexError for a place
        outside the cache or the context."""
        return self.states_above((self.config.num_hidden_layers,), ids, rows, positions, cache)[0]

    def states_above(
        self, heights: Sequence[int], ids: Tensor, rows: Tensor, positions: Tensor, cache: KVCache
    ) -> list[Tensor]:
        """As `states`, but above each of these numbers of layers, ascending; 0 are the embeddings."""
        kept, below = list[Tensor](), 0
        with self._at_work(ids, rows, positions, cache) as space:
            for height in heights:
                self._run(space, space.layer_phases * below, space.layer_phases * height, rows, positions, cache)
                kept.append(space.states(len(ids)))
                below = height
        return kept

    def next_logits(self, ids: Tensor, rows: Tensor, positions: Tensor, cache: KVCache) -> Tensor:
        """The logits [M,V] of `states`, by one call."""
        with self._at_work(ids, rows, positions, cache) as space:
            return self._run(space, 0, len(space.program), rows, positions, cache)

    def logits(self, states: Tensor) -> Tensor:
        """[M,H] states before the final norm -> [M,V] in fp32."""
        nowhere, empty = torch.zeros(len(states), dtype=torch.long), self.new_cache(0, 0)
        with self._workspace(len(states)) as space:
            space.begin(states)
            return self._run(space, len(space.program) - 2, len(space.program), nowhere, nowhere, empty)

    def _run(self, space: Workspace, first: int, stop: int, rows: Tensor, positions: Tensor, cache: KVCache) -> Tensor:
        """These phases of the program; returns what the last one gives, if it is the head."""
        out = torch.empty(len(rows) if stop == len(space.program) else 0, self._packed.head.columns)
        where = rows.numpy(), positions.numpy()
        run(space.program, first, stop, *where, cache.numbers, out.data_ptr())
        return out[:, : self.config.vocab_size].contiguous()

    @contextmanager
    def _at_work(self, ids: Tensor, rows: Tensor, positions: Tensor, cache: KVCache) -> Iterator[Workspace]:
        """A workspace with the embeddings of these tokens."""
        self._check_places(rows.numpy(), positions.numpy(), cache)
        with self._workspace(len(ids)) as space:
            space.begin(self._embedding(ids))
            yield space

    @contextmanager
    def _workspace(self, tokens: int) -> Iterator[Workspace]:
        """One for so many tokens that nobody else computes in meanwhile."""
        if tokens > KEPT_TOKENS:
            yield Workspace(self._packed, tokens)
            return
        try:
            space = self._spare.pop()
        except IndexError:
            with torch.inference_mode(False):  # else whoever computes without this mode could not write into it
                space = Workspace(self._packed, KEPT_TOKENS)
        yield space
        self._spare.append(space)

    def turned_heads(self, layer: int, states: Tensor) -> tuple[Tensor, Tensor]:
        """Queries [N,T,D] and keys [K,T,D] of a layer, fp32, normed and turned as it does, out of the states [T,H]
        below it of a text's first T tokens."""
        weights, config, epsilon = self._packed.layers[layer], self.config, self.config.rms_norm_eps
        norm = weights.norms[0] if weights.norms.numel() else None
        normed = F.rms_norm(states, states.shape[1:], norm, epsilon).to(weights.query_key_value.reads)
        queries, keys = config.num_attention_heads, config.num_key_value_heads
        heads = weights.query_key_value(normed).float().view(len(states), -1, config.head_dim)[:, : queries + keys]
        if weights.head_norms.numel():
            heads = F.rms_norm(heads, (config.head_dim,), None, epsilon) * weights.head_norms
        turned = heads.transpose(0, 1)
        if weights.rotated:
            turned = rotate(turned, self._packed.cosines[: len(states)], self._packed.sines[: len(states)])
        return turned[:queries], turned[queries:]

    def _check_places(self, rows: Array, positions: Array, cache: KVCache) -> None:
        """Compiled code would write anywhere."""
        last = min(cache.slots, self.config.context_tokens) - 1
        if rows.min() < 0 or rows.max() >= cache.rows or positions.min() < 0 or positions.max() > last:
            raise IndexError(f"rows to {rows.max()} of {cache.rows}, positions to {positions.max()} of {last}")


def _packed_head(model: Llama, dtype: torch.dtype) -> tuple[PackedLinear, Tensor]:
    """The output matrix, and the norm before it, which is folded in but where weights are in 8 bits."""
    norm = model.model.norm.weight.detach().float()
    if dtype == torch.int8:
        return PackedLinear(model.output_weight, dtype), norm.contiguous()
    return PackedLinear(model.output_weight, dtype, scale=norm), norm[:0]


def _embedding(model: Llama, head: PackedLinear) -> Callable[[Tensor], Tensor]:
    """ids [M] -> [M,H]: with weights in 8 bits, rows of the head where it is the same matrix."""
    matrix = model.model.embed_tokens.weight.detach()
    if head.dtype == torch.int8:
        return (head if model.config.tie_word_embeddings else PackedLinear(matrix, head.dtype)).weights_of
    return partial(F.embedding, weight=matrix)


def _packed(layer: Layer, dtype: torch.dtype) -> PackedLayer:
    apart = dtype == torch.int8  # folded in, norms would move weights away from the grids of their blocks
    joined, attention_out, both, down = layer.products(folded=not apart)
    norms = torch.stack((layer.input_layernorm.weight, layer.post_attention_layernorm.weight)).detach().float()
    half = len(both.weight) // 2
    biases = (None, None) if both.bias is None else (both.bias[:half], both.bias[half:])
    return PackedLayer(
        PackedLinear(joined.weight, dtype, joined.bias),
        PackedLinear(attention_out.weight, dtype, attention_out.bias),
        PackedLinear(both.weight[:half], dtype, biases[0]),
        PackedLinear(both.weight[half:], dtype, biases[1]),
        PackedLinear(down.weight, dtype, down.bias),
        norms if apart else norms[:, :0],
        layer.self_attn.head_norms().contiguous(),
        layer.self_attn.rotated,
    )
