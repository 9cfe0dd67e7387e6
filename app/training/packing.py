"""Several answers to one prompt packed into one row: the prompt is read once, and answers do not see each other.

Exact: an answer's states equal those of the row prompt + answer alone (tests/training/test_packing.py). Measured
against padded rows on this project's model: equal with 20-token prompts, 1.7 times as fast with 100-token prompts.
Also runs a part of a model's layers, so that frozen lower layers are computed once and kept. Knows nothing of
losses.

Shapes: B rows (prompts), K answers of a prompt, A tokens of the longest answer, T tokens of a packed row, H hidden
size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from app.lm.kernels.attention_task import Rows
from app.lm.model import Llama
from app.lm.precision import products_dtype

TOKENS_PER_BATCH = 4096


@dataclass(frozen=True)
class Packed:
    """Prompts with their answers, padded on the right. Rows may have fewer than K answers (their mask is all False)."""

    ids: Tensor  # [B,T] int64
    positions: Tensor  # [B,T] int64; every answer goes on from its prompt's end
    segments: Tensor  # [B,T] int64: 0 prompt, 1..K answers, -1 padding
    tokens: Tensor  # [B,K,A] int64, the answers' tokens
    token_mask: Tensor  # [B,K,A] bool, True = real
    state_index: Tensor  # [B,K,A] int64, where in T the state lies that predicts the token
    last_index: Tensor  # [B,K] int64, where in T the answer's last token lies

    def mask(self) -> Tensor:
        """[B,1,T,T], 0 = may look, -inf = may not: a token sees the prompt and its own answer, up to itself.

        Added to the attention scores; a bool mask would make the backward pass 1.5 times as long.
        """
        seen = look_mask(self.segments, torch.arange(self.ids.shape[1]).expand_as(self.ids))
        return torch.zeros(seen.shape).masked_fill_(~seen, -torch.inf)

    @cached_property
    def real(self) -> Tensor:
        """[N] places of the real tokens in [B*T], row after row."""
        return (self.segments >= 0).flatten().nonzero().squeeze(1)

    @cached_property
    def unpadded(self) -> Rows:
        """Which of the N real tokens look at which, for models that are run on these alone."""
        numbers = torch.arange(self.last_index.shape[1] + 1)
        sizes = (self.segments.unsqueeze(2) == numbers).sum(1)  # [B,1+K] tokens of the prompt and of each answer
        stops = sizes.flatten().cumsum(0).view_as(sizes)
        starts = stops - sizes
        begins, prompt_ends = starts[:, :1].expand_as(sizes), stops[:, :1].expand_as(sizes)
        looked_at = torch.where(numbers > 0, prompt_ends, begins)  # a prompt looks at itself alone
        spans = torch.stack((begins, looked_at, starts, stops, begins), dim=2)[sizes > 0]
        bounds = F.pad((sizes > 0).sum(1).cumsum(0), (1, 0))
        return Rows(spans.contiguous(), bounds, self.positions.flatten()[self.real].contiguous())

    def places_of(self, index: Tensor) -> Tensor:
        """Among the N real tokens, the places of chosen real ones; index [M] in [B*T]."""
        return ((self.segments >= 0).flatten().cumsum(0) - 1)[index]

    @property
    def answer_mask(self) -> Tensor:
        """[B,K], True where there is an answer."""
        return self.token_mask.any(-1)

    @property
    def size(self) -> int:
        return self.ids.shape[0]

    def rows(self, chosen: Sequence[int] | Tensor) -> "Packed":
        """These rows in this order, cut to the longest of them."""
        index = torch.as_tensor(chosen, dtype=torch.int64)
        picked = replace(self, **{field.name: getattr(self, field.name)[index] for field in fields(self)})
        span, answers = int(picked.last_index.max()) + 1, int(picked.token_mask.sum(-1).max())
        return Packed(
            picked.ids[:, :span],
            picked.positions[:, :span],
            picked.segments[:, :span],
            picked.tokens[:, :, :answers],
            picked.token_mask[:, :, :answers],
            picked.state_index[:, :, :answers],
            picked.last_index,
        )


def pack(prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[Sequence[int]]], pad_id: int) -> Packed:
    """One row per prompt; `answers[b]` are the answers of `prompts[b]`, none of them empty."""
    spans = [len(prompt) + sum(map(len, group)) for prompt, group in zip(prompts, answers, strict=True)]
    size, total = len(spans), max(spans)
    most, longest = max(map(len, answers)), max(len(answer) for group in answers for answer in group)
    ids = torch.full((size, total), pad_id)
    positions = torch.zeros(size, total, dtype=torch.int64)
    segments = torch.full((size, total), -1)
    tokens = torch.full((size, most, longest), pad_id)
    token_mask = torch.zeros(size, most, longest, dtype=torch.bool)
    state_index = torch.zeros(size, most, longest, dtype=torch.int64)
    last_index = torch.zeros(size, most, dtype=torch.int64)
    for row, (prompt, group) in enumerate(zip(prompts, answers, strict=True)):
        bounds = [len(prompt)]
        for answer in group:
            bounds.append(bounds[-1] + len(answer))
        ids[row, : bounds[-1]] = torch.tensor([*prompt, *(token for answer in group for token in answer)])
        positions[row, : len(prompt)] = torch.arange(len(prompt))
        segments[row, : len(prompt)] = 0
        for k, (start, stop) in enumerate(pairwise(bounds)):
            count = stop - start
            positions[row, start:stop] = torch.arange(len(prompt), len(prompt) + count)
            segments[row, start:stop] = k + 1
            tokens[row, k, :count] = ids[row, start:stop]
            token_mask[row, k, :count] = True
            state_index[row, k, 0] = len(prompt) - 1  # the prompt's last token predicts every answer's first
            state_index[row, k, 1:count] = torch.arange(start, stop - 1)
            last_index[row, k] = stop - 1
    return Packed(ids, positions, segments, tokens, token_mask, state_index, last_index)


def batches_by_length(lengths: Sequence[int], limit: int = TOKENS_PER_BATCH) -> Iterator[list[int]]:
    """Indices, short rows first, in batches of at most `limit` padded tokens (but at least one row)."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if batch and lengths[index] * (len(batch) + 1) > limit:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def look_mask(segments: Tensor, queries: Tensor) -> Tensor:
    """segments [B,T], positions of queries [B,N] -> [B,1,N,T]. Padding sees padding, so no query is without a key."""
    keys = segments.unsqueeze(1)  # [B,1,T]
    own = keys == segments.gather(1, queries).unsqueeze(2)
    before = torch.arange(segments.shape[1]) <= queries.unsqueeze(2)
    return ((own | (keys == 0)) & before).unsqueeze(1)


# A part of a model's layers ---------------------------------------------------------------------------------


def lower_states(model: Llama, packed: Packed, num_layers: int) -> Tensor:
    """[B,T,H]: the residual stream above the lowest `num_layers` layers, zeros in the padding."""
    states = model.model.embed_tokens(packed.ids.flatten()[packed.real]).float()
    states = model.run_layers_of_rows(states, packed.unpadded, dtype=products_dtype(), stop=num_layers)
    whole = states.new_zeros(packed.ids.numel(), states.shape[1])
    return whole.index_copy(0, packed.real, states).view(*packed.ids.shape, -1)


def token_states(model: Llama, below: Tensor, packed: Packed, first_layer: int, *, recompute: bool = False) -> Tensor:
    """[M,H] final normed states that predict the M real answer tokens, from the states [B,T,H] below `first_layer`: the
    head runs on nothing else. `recompute`: as the model's layers say."""
    real = below.flatten(0, 1).index_select(0, packed.real).float()
    states = model.run_layers_of_rows(
        real, packed.unpadded, dtype=products_dtype(), first=first_layer, recompute=recompute
    )
    rows = torch.arange(packed.size).view(-1, 1, 1) * packed.ids.shape[1]
    places = packed.places_of((rows + packed.state_index)[packed.token_mask])
    # Not states[places]: with several threads its gradients are added as they come, the prompt's last one's many.
    picked: Tensor = model.model.norm(states.index_select(0, places))
    return picked


def last_layer_at(model: Llama, states: Tensor, packed: Packed, index: Tensor) -> Tensor:
    """The top layer's output at the positions `index` [B,N] only -> [B,N,H], final norm applied."""
    top = model.model.layers[-1]
    picked = top(states, model.angles(packed.positions), look_mask(packed.segments, index), index)
    final: Tensor = model.model.norm(picked)
    return final
