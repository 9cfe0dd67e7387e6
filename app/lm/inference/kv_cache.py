"""Keys and values of rows that differ in length and come and go. Knows nothing of sampling.

Every row begins at slot 0, so that what a row holds, and with it every bit that is computed from it, does not depend on
its neighbours. What is behind a row's end was never written and is never read.

Shapes: L layers, R rows, K key-value heads, S slots, E head size rounded up to whole vectors.
"""

from collections.abc import Sequence

import torch

from app.hparams import ModelConfig
from app.lm.kernels.tiles import LANES, rounded_up

SLOTS_AT_ONCE, ROWS_AT_ONCE = LANES, 4  # a cache grows by so many: it is copied when it does


class KVCache:
    """One tensor `numbers` [L, 2, R*K, S, E], keys before values, that grows when asked to; the caller knows which rows
    are in use. `dtype` fp32 or bf16.

    Within a row, values lie slot by slot and keys in blocks of SLOTS_AT_ONCE slots (kernels/cached_attention.py): whole
    blocks are copied."""

    def __init__(self, config: ModelConfig, dtype: torch.dtype, rows: int, slots: int) -> None:
        self._layers, self._heads = config.num_hidden_layers, config.num_key_value_heads
        self._size = rounded_up(config.head_dim, LANES)
        self.rows, self.slots = 0, 0
        self.numbers = torch.empty(self._layers, 2, 0, 0, self._size, dtype=dtype)
        self.reserve(rows, slots)

    @staticmethod
    def bytes_of(config: ModelConfig, dtype: torch.dtype, rows: int, slots: int) -> int:
        """What a cache of this size takes."""
        numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * rounded_up(config.head_dim, LANES)
        return dtype.itemsize * numbers * rounded_up(rows, ROWS_AT_ONCE) * rounded_up(slots, SLOTS_AT_ONCE)

    def reserve(self, rows: int, slots: int) -> None:
        """At least so many rows and slots; what is there stays."""
        rows, slots = max(self.rows, rounded_up(rows, ROWS_AT_ONCE)), max(self.slots, rounded_up(slots, SLOTS_AT_ONCE))
        if (rows, slots) == (self.rows, self.slots):
            return
        old = self.numbers
        self.numbers = old.new_empty(self._layers, 2, rows * self._heads, slots, self._size)
        self.numbers[:, :, : old.shape[2], : old.shape[3]] = old
        self.rows, self.slots = rows, slots

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` slots of one row over another row."""
        self.take(self, source, [target], length)

    def take(self, other: "KVCache", source: int, targets: Sequence[int], length: int) -> None:
        """Copy the first `length` slots of a row of `other` into each of these rows: a prompt is prefilled once."""
        heads, length = self._heads, rounded_up(length, SLOTS_AT_ONCE)
        prompt = other.numbers[:, :, source * heads : (source + 1) * heads, :length]
        for target in targets:
            self.numbers[:, :, target * heads : (target + 1) * heads, :length] = prompt
