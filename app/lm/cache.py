"""Keys and values of past tokens, preallocated once for a whole generation. Knows nothing of sampling.

Shapes: L layers, B rows, K key-value heads, S slots, T new tokens, D head size.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from app.hparams import ModelConfig


class Slots(NamedTuple):
    """Views into one layer: the place of the newest token, [B,K,D], and all filled slots with it, [B,K,S,D]."""

    new_keys: Tensor
    new_values: Tensor
    keys: Tensor
    values: Tensor


class KVCache:
    """One tensor for keys and one for values, [L,B,K,S,D]; `length` slots of S are filled, the same in every row."""

    def __init__(
        self,
        config: ModelConfig,
        rows: int,
        slots: int,
        *,
        dtype: torch.dtype = torch.float32,
        layers: int | None = None,
    ) -> None:
        depth = config.num_hidden_layers if layers is None else layers
        shape = (depth, rows, config.num_key_value_heads, slots, config.head_dim)
        self.keys = torch.empty(shape, dtype=dtype)
        self.values = torch.empty(shape, dtype=dtype)
        self.length = 0

    @property
    def rows(self) -> int:
        return self.keys.shape[1]

    @property
    def slots(self) -> int:
        return self.keys.shape[3]

    def write(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append [B,K,T,D] behind the filled slots; returns all of them. `advance` moves on once all layers wrote."""
        end = self.length + key.shape[2]
        if end > self.slots:
            raise ValueError(f"the cache holds {self.slots} tokens, {end} were asked for")
        keys, values = self.keys[layer], self.values[layer]
        keys[:, :, self.length : end] = key
        values[:, :, self.length : end] = value
        return keys[:, :, :end], values[:, :, :end]

    def advance(self, tokens: int) -> None:
        self.length += tokens

    def one_more(self) -> list[Slots]:
        """Room for one token in every layer, to be written by the caller: as `write` and `advance`, but all views are
        cut at once, which is what a decode step of a small model spends its time on."""
        if self.length == self.slots:
            raise ValueError(f"the cache holds {self.slots} tokens and is full")
        self.length += 1
        views = (
            self.keys[:, :, :, self.length - 1],
            self.values[:, :, :, self.length - 1],
            self.keys[:, :, :, : self.length],
            self.values[:, :, :, : self.length],
        )
        return [Slots(*layer) for layer in zip(*(view.unbind() for view in views), strict=True)]

    def select(self, rows: Tensor) -> None:
        """Keep these rows (int64 [R]), in this order: finished answers leave the batch."""
        self.keys = self.keys.index_select(1, rows)
        self.values = self.values.index_select(1, rows)

    def repeated(self, times: int) -> "KVCache":
        """A cache with each row `times` times in a row: a prompt is read once and answered several times."""
        twin = object.__new__(KVCache)
        twin.keys = self.keys.repeat_interleave(times, dim=1)
        twin.values = self.values.repeat_interleave(times, dim=1)
        twin.length = self.length
        return twin
