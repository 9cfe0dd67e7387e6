"""The numbers of the sequences that are decoded side by side: keys, values, and the logits of each one's next token.

Row r belongs to the sequence at place r of the scheduler's list; who that is, only the scheduler knows.

Shapes: B rows in use, G groups, V vocabulary.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from app.lm.inference.decoder import Decoder
from app.lm.inference.sequence import SequenceGroup


class Batch:
    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.clear()

    def clear(self) -> None:
        """No rows, and no memory held for them."""
        self._cache = self.decoder.new_cache(0, 0)
        self.logits = torch.zeros(0, self.decoder.config.vocab_size)  # [B,V]

    def join(self, groups: Sequence[SequenceGroup], logits: Tensor) -> None:
        """New last rows for the unfinished sequences of groups whose prompts are prefilled, in their order. A group's
        place is its row in its own cache; logits [G,V] are those after the prompts and what the answers begin with."""
        counts = torch.tensor([len(group.unfinished) for group in groups])
        row = len(self.logits)
        self._cache.reserve(row + int(counts.sum()), max(group.limit for group in groups))
        for place, group in enumerate(groups):
            assert group.cache is not None, "its prompt is prefilled"
            targets = range(row, row + len(group.unfinished))
            self._cache.take(group.cache, place, targets, len(group.context))
            row = targets.stop
        self.logits = torch.cat([self.logits, logits.repeat_interleave(counts, dim=0)])

    def keep(self, rows: Sequence[int], lengths: Sequence[int]) -> None:
        """Row r becomes what row rows[r] was, for r from 0 on; a row comes from its own place or from behind all that
        stay. `lengths` are those of all former rows in the cache."""
        for target, source in enumerate(rows):
            if source != target:
                self._cache.move(source, target, lengths[source])
        self.logits = self.logits[torch.tensor(rows, dtype=torch.long)]

    def decode(self, tokens: Sequence[int], lengths: Sequence[int]) -> None:
        """One token more for each row, at the place behind the row's length."""
        rows = torch.arange(len(tokens))
        self.logits = self.decoder.next_logits(torch.tensor(tokens), rows, torch.tensor(lengths), self._cache)
