"""Continuous batching: which sequences of one model wait for room, are prefilled, are decoded, and end. Nothing else
keeps a list of them. Knows no text, no threads, no versions.

Groups wait in a line and are admitted when they fit; their sequences are decoded side by side and leave when they end.
A prompt is prefilled once for its group, in pieces where it is long, and its keys and values are copied for each
sequence. One `step` prefills a piece of what was admitted and decodes one token of every sequence.

Each answer depends on its own seed, prompt, settings and weights alone, bit by bit (see decoder.py).

Cut as nano-vllm is (https://github.com/GeeeekExplorer/nano-vllm): scheduler, sequences, and a batch that computes.
"""

from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

from app.lm.inference.adjustments import Adjustments
from app.lm.inference.batch import Batch
from app.lm.inference.decoder import Decoder
from app.lm.inference.kv_cache import KVCache
from app.lm.inference.next_tokens import next_tokens, note_given
from app.lm.inference.prefill import PIECE_TOKENS, prefill_piece, prefill_prompts
from app.lm.inference.sequence import Sequence, SequenceGroup

MAX_SEQUENCES = 64
PREFILL_TOKENS = 2_048  # of all short prompts that are prefilled together


class Scheduler:
    """`add` groups, then `admit` and `step` until it is no longer `busy`. `add` and `admit` touch the line of those
    that wait, `step` does not: whoever adds from another thread holds a lock at these two. `max_bytes` bounds the keys
    and values of all that are admitted."""

    def __init__(
        self,
        decoder: Decoder,
        *,
        max_sequences: int = MAX_SEQUENCES,
        max_bytes: int | None = None,
        piece_tokens: int = PIECE_TOKENS,
    ) -> None:
        self._max_sequences, self._max_bytes, self._piece_tokens = max_sequences, max_bytes, piece_tokens
        self._batch = Batch(decoder)
        self.waiting: deque[SequenceGroup] = deque()
        self._prefilling: deque[SequenceGroup] = deque()
        self._decoding: list[Sequence] = []  # each in the batch's row of its place

    @property
    def admitted(self) -> list[Sequence]:
        """What is prefilled or decoded."""
        return [*(one for group in self._prefilling for one in group.unfinished), *self._decoding]

    @property
    def running(self) -> list[SequenceGroup]:
        """The groups of these, each once."""
        return list(dict.fromkeys(sequence.group for sequence in self.admitted))

    @property
    def busy(self) -> bool:
        return bool(self.waiting or self._prefilling or self._decoding)

    def add(self, group: SequenceGroup) -> None:
        self.waiting.append(group)

    def admit(self) -> None:
        """Those at the head of the line that fit."""
        while self.waiting and self.has_room(len(self.waiting[0].sequences), self.waiting[0].limit):
            self._prefilling.append(self.waiting.popleft())

    def has_room(self, count: int, limit: int) -> bool:
        """May so many sequences of up to `limit` tokens join now? What is alone is let in whatever its size."""
        admitted = self.admitted
        if not admitted:
            return True
        total, longest = len(admitted) + count, max(limit, *(sequence.limit for sequence in admitted))
        decoder = self._batch.decoder
        needed = KVCache.bytes_of(decoder.config, decoder.dtype, total, longest)
        return total <= self._max_sequences and (self._max_bytes is None or needed <= self._max_bytes)

    def fail_unwanted(self, error_of: Callable[[], BaseException]) -> None:
        """Whatever nobody waits for: out of the line at once, out of the batch at the next step."""
        for group in [*self.waiting, *self.running]:
            if group.unwanted:
                if group in self.waiting:
                    self.waiting.remove(group)
                group.fail(error_of())

    def fail_running(self, error: BaseException) -> None:
        """All that was admitted; the batch begins anew, and who waits may come."""
        for group in self.running:
            group.fail(error)
        self._prefilling.clear()
        self._decoding.clear()
        self._batch.clear()

    @torch.inference_mode()
    def step(self) -> list[Sequence]:
        """Prefills a piece of what was admitted, decodes one token of every sequence. Returns those that ended."""
        ended = self._drop_cancelled()
        if self._prefilling:
            ended += self._prefill()
        if self._decoding:
            ended += self._decode()
        self._tell([sequence for sequence in ended if not sequence.cancelled])
        if not (self._prefilling or self._decoding):  # let go of the memory of a busy hour
            self._batch.clear()
        return ended

    def _tell(self, ended: list[Sequence]) -> None:
        """Each group hears of its own sequences; an error that this brings is that group's alone."""
        for group in dict.fromkeys(sequence.group for sequence in ended):
            try:
                if group.sequences_ended([sequence for sequence in ended if sequence.group is group]):
                    self._prefilling.append(group)
            except BaseException as error:  # whoever waits for it is told
                group.fail(error)

    def _drop_cancelled(self) -> list[Sequence]:
        gone = [sequence for sequence in self.admitted if sequence.cancelled]
        if gone:
            for sequence in gone:
                sequence.ended = True
            self._prefilling = deque(group for group in self._prefilling if group.unfinished)
            self._drop_ended()
        return gone

    def _drop_ended(self) -> list[int]:
        """Those that did not end stay, the last ones moving into the gaps; returns their former places in the new
        order."""
        staying = [place for place, sequence in enumerate(self._decoding) if not sequence.ended]
        behind = iter([place for place in staying if place >= len(staying)])
        kept = set(staying)
        order = [place if place in kept else next(behind) for place in range(len(staying))]
        self._batch.keep(order, [sequence.cached for sequence in self._decoding])
        self._decoding = [self._decoding[place] for place in order]
        return order

    def _prefill(self) -> list[Sequence]:
        """The next piece of a long prompt, or many short prompts at once; returns those that ended with what they were
        given to begin with."""
        first = self._prefilling[0]
        if len(first.context) <= self._piece_tokens:
            groups = self._short_groups()
            return self._join(groups, self._prefill_together(groups))
        state = self._prefill_next_piece(first)
        return self._join([first], state) if first.prefilled == len(first.context) else []

    def _prefill_next_piece(self, group: SequenceGroup) -> Tensor:
        decoder, start = self._batch.decoder, group.prefilled
        if group.cache is None:
            group.cache = decoder.new_cache(1, len(group.context))
        piece = group.context[start : start + self._piece_tokens]
        group.prefilled += len(piece)
        states = prefill_piece(decoder, piece, start, group.cache)
        note_given(group, states, start, decoder)
        return states[-1:]

    def _short_groups(self) -> list[SequenceGroup]:
        """The first ones, while their prompts are short and together not too long; at least one."""
        groups: list[SequenceGroup] = []
        tokens = 0
        for group in self._prefilling:
            tokens += len(group.context)
            if len(group.context) > self._piece_tokens or (groups and tokens > PREFILL_TOKENS):
                break
            groups.append(group)
        return groups

    def _prefill_together(self, groups: list[SequenceGroup]) -> Tensor:
        decoder, contexts = self._batch.decoder, [group.context for group in groups]
        cache = decoder.new_cache(len(contexts), max(map(len, contexts)))
        all_states = prefill_prompts(decoder, contexts, cache)
        for group, states in zip(groups, all_states, strict=True):
            group.cache, group.prefilled = cache, len(group.context)
            note_given(group, states, 0, decoder)
        return torch.cat([states[-1:] for states in all_states])

    def _join(self, groups: list[SequenceGroup], states: Tensor) -> list[Sequence]:
        """The first groups are prefilled, with `states` [G,H] behind them: their sequences are decoded from here on.
        Returns those that ended with what they were given to begin with."""
        decoder = self._batch.decoder
        begun = [sequence for group in groups for sequence in group.unfinished]
        for sequence in begun:
            sequence.adjustments = Adjustments.of(sequence.params, sequence.group.prompt, decoder.config.vocab_size)
            sequence.append_given()
        self._batch.join(groups, decoder.logits(states))
        for group in groups:
            self._prefilling.popleft()
            group.cache = None
            for sequence in group.unfinished:
                sequence.cached = len(group.context)
                self._decoding.append(sequence)
        return [sequence for sequence in begun if sequence.ended]

    def _decode(self) -> list[Sequence]:
        """One token of every sequence; returns those that ended with it."""
        tokens = next_tokens(self._decoding, self._batch.logits)
        for sequence, token in zip(self._decoding, tokens, strict=True):
            sequence.append(token)
        ended = [sequence for sequence in self._decoding if sequence.ended]
        if ended:
            tokens = [tokens[place] for place in self._drop_ended()]
        if self._decoding:
            self._batch.decode(tokens, [sequence.cached for sequence in self._decoding])
            for sequence in self._decoding:
                sequence.cached += 1
        return ended
