"""What attention on tokens without padding is told: which tokens look at which, and how heads lie in memory.

Shapes: N tokens, S spans (prompts and answers), R rows, Q query heads, K key-value heads, D head size.
"""

from dataclasses import dataclass

from torch import Tensor

QUERIES = 64  # of a block: a whole number of panels

# Fields of a task, the last two as forward and backward take them.
ROWS, NARROW, SHARE, SIZE, ROTATED, TOKENS, SPANS_COUNT, LONGEST, PLACES = range(9)
SPANS, BOUNDS, POSITIONS, COSINES, SINES, LOGSUMS, SCRATCH, SCRATCH_SIZE = range(9, 17)
HEADS, MIXED, OF_MIXED, OF_HEADS = range(17, 21)


@dataclass(frozen=True)
class Rows:
    """Which tokens look at which: N tokens, one behind the other, row after row, in each row the prompt before its
    answers. An answer looks at its row's prompt and at itself."""

    spans: Tensor
    """[S,5] int64: from and to which token a span looks at before its own (its prompt; none for a prompt), its own
    tokens, and where its row begins."""
    bounds: Tensor
    """[R+1] int64: which spans are a row's."""
    positions: Tensor
    """[N] int64"""

    @property
    def longest_row(self) -> int:
        return int((self.spans[self.bounds[1:] - 1, 3] - self.spans[self.bounds[:-1], 4]).max())

    @property
    def longest_sight(self) -> int:
        """The most keys that a span looks at."""
        return int((self.spans[:, 1] - self.spans[:, 0] + self.spans[:, 3] - self.spans[:, 2]).max())


@dataclass(frozen=True)
class Heads:
    """How a layer's joined queries, keys and values [N,(Q+2K)D] are read."""

    queries: int
    narrow: int
    size: int
    rotated: bool
    cosines: Tensor
    """[positions,D] fp32, as are the sines."""
    sines: Tensor


def fields_of(heads: Tensor, rows: Rows, how: Heads, logsums: Tensor, scratch: Tensor) -> list[Tensor | int]:
    """The fields that forward and backward share; scratch [members, numbers of each]."""
    for numbers in (rows.spans, rows.bounds, rows.positions, how.cosines, how.sines):
        assert numbers.is_contiguous()
    assert heads.shape == (len(rows.positions), (how.queries + 2 * how.narrow) * how.size)
    sizes = [len(rows.bounds) - 1, how.narrow, how.queries // how.narrow, how.size, int(how.rotated)]
    sizes += [len(heads), len(rows.spans), rows.longest_row, len(how.cosines)]
    return [*sizes, rows.spans, rows.bounds, rows.positions, how.cosines, how.sines, logsums, scratch, scratch.shape[1]]
