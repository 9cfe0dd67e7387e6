"""Keys and values of rows that have different lengths and come and go. Knows nothing of sampling.

Every row begins at slot 0, so that what a row holds, and with it every bit that is computed from it, does not depend on
its neighbours. Slots behind a row's end hold old numbers, never NaN: attention gives them the weight 0.

Shapes: L layers, R rows, K key-value heads, S slots, D head size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from app.hparams import ModelConfig

SLOTS_AT_ONCE = 16  # attention runs over a multiple of these: products of few different shapes, the same bits in each
ROWS_AT_ONCE = 4  # fp32 products of a multiple of four rows give each row the same bits, whatever its neighbours


def rounded_up(count: int, unit: int) -> int:
    return -(-count // unit) * unit


class RowCache:
    """One tensor [L, 2, R*K, S, D] in fp32, keys before values, that grows when asked to; the caller knows which rows
    are in use."""

    def __init__(self, config: ModelConfig, rows: int, slots: int) -> None:
        self._layers, self._heads, self._size = config.num_hidden_layers, config.num_key_value_heads, config.head_dim
        self.rows, self.slots = 0, 0
        self.numbers = torch.zeros(self._layers, 2, 0, 0, self._size)
        self.reserve(rows, slots)

    @staticmethod
    def bytes_of(config: ModelConfig, rows: int, slots: int) -> int:
        """What a cache of this size takes."""
        numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
        return 4 * numbers * rounded_up(rows, ROWS_AT_ONCE) * rounded_up(slots, SLOTS_AT_ONCE)

    def reserve(self, rows: int, slots: int) -> None:
        """At least so many rows and slots; what is there stays."""
        rows, slots = max(self.rows, rounded_up(rows, ROWS_AT_ONCE)), max(self.slots, rounded_up(slots, SLOTS_AT_ONCE))
        if (rows, slots) == (self.rows, self.slots):
            return
        old = self.numbers
        self.numbers = torch.zeros(self._layers, 2, rows * self._heads, slots, self._size)
        self.numbers[:, :, : old.shape[2], : old.shape[3]] = old
        self.rows, self.slots = rows, slots

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` slots of one row over another row."""
        self.take(self, source, [target], length)

    def take(self, other: "RowCache", source: int, targets: Sequence[int], length: int) -> None:
        """Copy the first `length` slots of a row of `other` into each of these rows: a prompt is read once."""
        heads = self._heads
        read = other.numbers[:, :, source * heads : (source + 1) * heads, :length]
        for target in targets:
            self.numbers[:, :, target * heads : (target + 1) * heads, :length] = read

    def places(self, rows: int, positions: Tensor) -> Tensor:
        """Where tokens at `positions` [rows,T] are written: indices [rows*T*2*K] into a layer seen as [2*R*K*S, D]."""
        heads = torch.arange(rows * self._heads).view(rows, 1, 1, self._heads)  # [rows,1,1,K]
        kinds = torch.tensor([0, self.rows * self._heads]).view(1, 1, 2, 1)
        return ((kinds + heads) * self.slots + positions[:, :, None, None]).view(-1)

    def write(self, layer: int, places: Tensor, keys_and_values: Tensor) -> None:
        """[rows,T,2K,D], keys before values, at `places`."""
        self.numbers[layer].view(-1, self._size).index_copy_(0, places, keys_and_values.reshape(-1, self._size))

    def read(self, layer: int, rows: int, slots: int) -> tuple[Tensor, Tensor]:
        """Keys and values of the first rows and slots, [rows*K, slots, D]; views."""
        keys, values = self.numbers[layer, :, : rows * self._heads, :slots].unbind(0)
        return keys, values
