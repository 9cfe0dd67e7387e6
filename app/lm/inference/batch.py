"""Continuous batching: answers of many requests are written side by side, join when there is room, leave at their end.
Knows no text, no threads, no versions.

A prompt is read once, in pieces of at most READ_TOKENS so that long prompts do not hold up what is being written, and
its cache is copied for its answers. One `step` reads a piece of what waits and writes one token of every row.

Each answer depends on its own seed, prompt, settings and weights alone, bit by bit (see decoder.py).

Shapes: B rows in use, V vocabulary.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.kv_cache import KVCache
from app.lm.inference.sampler import discount, draw, filter_logits, finite_only, likeliest, penalized

MAX_ROWS = 64
READ_TOKENS = 256  # of one prompt at a time
READ_TOKENS_AT_ONCE = 2_048  # of all short prompts that are read together

FinishReason = Literal["stop", "length"]
OnToken = Callable[[int], bool]  # is told each token; True ends the answer there


@dataclass
class Completion:
    """`token_ids` as sampled, the end token included. If asked for: their log-probabilities, under the model's own
    distribution (temperature 1, no filter, no penalty, no bias), and the likeliest (token, log-probability) of each
    place."""

    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top: list[list[tuple[int, float]]] = field(default_factory=list)
    finish_reason: FinishReason = "length"


@dataclass(eq=False)
class Row:
    """One answer. `uniforms` are its dice, one per token; `logprobs` asks for that many alternatives (0: for the
    sampled tokens' alone); setting `cancelled` ends it at the next step."""

    params: SamplingParams
    end_ids: frozenset[int]
    uniforms: Sequence[float]
    on_token: OnToken | None = None
    logprobs: int | None = None
    completion: Completion = field(default_factory=Completion)
    cancelled: bool = False
    length: int = 0  # tokens in the cache
    seen: Tensor | None = None  # [V] bool, for the repetition penalty
    bias: Tensor | None = None  # [V], of settings with a logit_bias
    discounts: Tensor | None = None  # [V], what the frequency and presence penalties take off
    counts: Counter[int] = field(default_factory=Counter)  # of the answer's tokens, for these two


@dataclass(eq=False)
class _Reading:
    """A prompt that is being read, and its rows."""

    prompt: Sequence[int]
    rows: list[Row]
    cache: KVCache | None = None
    done: int = 0


class Batch:
    """The rows of one model. `add` what fits (see `has_room`), then `step` until nothing is `busy`."""

    def __init__(self, decoder: Decoder, *, max_rows: int = MAX_ROWS, max_bytes: int | None = None) -> None:
        self.decoder, self._max_rows, self._max_bytes = decoder, max_rows, max_bytes
        self._cache = decoder.new_cache(0, 0)
        self._rows: list[Row] = []
        self._reading: deque[_Reading] = deque()
        self._logits = torch.zeros(0, decoder.config.vocab_size)  # [B,V] of each row's next token
        self._slots: dict[Row, int] = {}  # what each row may grow to

    @property
    def busy(self) -> bool:
        return bool(self._slots)

    def has_room(self, rows: int, slots: int) -> bool:
        """May so many rows of up to `slots` tokens join now? What is alone is let in whatever its size."""
        if not self.busy:
            return True
        total = len(self._slots) + rows
        needed = KVCache.bytes_of(self.decoder.config, self.decoder.dtype, total, max(slots, *self._slots.values()))
        return total <= self._max_rows and (self._max_bytes is None or needed <= self._max_bytes)

    def add(self, prompt: Sequence[int], rows: list[Row]) -> None:
        """Rows that answer one prompt of at least one token, each with its settings' max_tokens (at least 1)."""
        self._reading.append(_Reading(prompt, rows))
        for row in rows:
            self._slots[row] = len(prompt) + row.params.max_tokens
            _prepare(row, prompt, self.decoder.config.vocab_size)

    @torch.inference_mode()
    def step(self) -> list[Row]:
        """Read a piece of what waits, write one token of every row. Returns the rows that ended."""
        ended = self._drop_cancelled()
        if self._reading:
            self._read()
        if self._rows:
            ended += self._write()
        if not self.busy:  # let go of the memory of a busy hour
            self._cache = self.decoder.new_cache(0, 0)
        return ended

    def _drop_cancelled(self) -> list[Row]:
        gone = [row for row in self._slots if row.cancelled]
        if gone:
            for reading in list(self._reading):
                reading.rows = [row for row in reading.rows if not row.cancelled]
                if not reading.rows:
                    self._reading.remove(reading)
            self._keep([place for place, row in enumerate(self._rows) if not row.cancelled])
            for row in gone:
                del self._slots[row]
        return gone

    # Reading

    def _read(self) -> None:
        """The next piece of a long prompt, or many short prompts at once."""
        first = self._reading[0]
        if len(first.prompt) > READ_TOKENS:
            if first.cache is None:
                first.cache = self.decoder.new_cache(1, len(first.prompt))
            last = _read_piece(self.decoder, first.prompt, first.done, first.cache)
            first.done += READ_TOKENS
            if first.done >= len(first.prompt):
                self._reading.popleft()
                self._join([first], self.decoder.logits(last))
            return
        together: list[_Reading] = []
        tokens = 0
        while self._reading and len(self._reading[0].prompt) <= READ_TOKENS:
            tokens += len(self._reading[0].prompt)
            if together and tokens > READ_TOKENS_AT_ONCE:
                break
            together.append(self._reading.popleft())
        prompts = [reading.prompt for reading in together]
        cache = self.decoder.new_cache(len(prompts), max(map(len, prompts)))
        for reading in together:
            reading.cache = cache
        self._join(together, self.decoder.logits(read_prompts(self.decoder, prompts, cache)))

    def _join(self, readings: Sequence[_Reading], logits: Tensor) -> None:
        """What was read becomes rows; logits [readings,V]."""
        first = len(self._rows)
        fresh = [row for reading in readings for row in reading.rows]
        self._cache.reserve(first + len(fresh), max(self._slots[row] for row in fresh))
        for place, reading in enumerate(readings):
            start = len(self._rows)
            assert reading.cache is not None
            targets = range(start, start + len(reading.rows))
            self._cache.take(reading.cache, place, targets, len(reading.prompt))
            for row in reading.rows:
                row.length = len(reading.prompt)
            self._rows += reading.rows
        copies = torch.tensor([len(reading.rows) for reading in readings])
        self._logits = torch.cat([self._logits, logits.repeat_interleave(copies, dim=0)])

    # Writing

    def _write(self) -> list[Row]:
        tokens = self._draw()
        going: list[int] = []
        ended: list[Row] = []
        for place, (row, token) in enumerate(zip(self._rows, tokens, strict=True)):
            if _note(row, token):
                ended.append(row)
                del self._slots[row]
            else:
                going.append(place)
        if ended:
            tokens = [tokens[place] for place in self._keep(going)]
        if self._rows:
            self._advance(tokens)
        return ended

    def _keep(self, going: list[int]) -> list[int]:
        """These rows stay, the last ones moving into the gaps; returns their former places in the new order."""
        staying = len(going)
        late = [place for place in going if place >= staying]
        holes = sorted(set(range(staying)) - set(going))
        order = [place for place in going if place < staying]
        for hole, source in zip(holes, late, strict=True):
            self._cache.move(source, hole, self._rows[source].length)
            order.insert(hole, source)
        self._rows = [self._rows[place] for place in order]
        self._logits = self._logits[torch.tensor(order, dtype=torch.long)]
        return order

    def _advance(self, tokens: list[int]) -> None:
        """One decode step with the tokens just drawn."""
        rows, lengths = torch.arange(len(self._rows)), torch.tensor([row.length for row in self._rows])
        states = self.decoder.states(torch.tensor(tokens), rows, lengths, self._cache)
        self._logits = self.decoder.logits(states)
        for row in self._rows:
            row.length += 1

    def _draw(self) -> list[int]:
        """One token for every row; rows with the same settings are drawn together."""
        alike: dict[tuple[float, ...], list[int]] = {}
        for place, row in enumerate(self._rows):
            p = row.params
            alike.setdefault((p.temperature, p.top_k, p.top_p, p.min_p, p.repetition_penalty), []).append(place)
        tokens = torch.zeros(len(self._rows), dtype=torch.long)
        for places in alike.values():
            index = torch.tensor(places)
            logits = self._logits if len(alike) == 1 else self._logits[index]
            tokens[index] = self._draw_alike([self._rows[place] for place in places], logits)
        chosen: list[int] = tokens.tolist()
        self._note_logprobs(chosen)
        return chosen

    def _draw_alike(self, rows: Sequence[Row], logits: Tensor) -> Tensor:
        params = rows[0].params
        logits = _shifted(logits, [row.bias for row in rows])
        if rows[0].seen is not None:
            logits = penalized(logits, torch.stack([_seen(row) for row in rows]), params.repetition_penalty)
        logits = _shifted(logits, [row.discounts for row in rows])
        if params.temperature == 0:
            return likeliest(logits)
        uniforms = torch.tensor([row.uniforms[len(row.completion.token_ids)] for row in rows])
        return draw(filter_logits(logits, params.temperature, params.top_k, params.top_p, params.min_p), uniforms)

    def _note_logprobs(self, tokens: Sequence[int]) -> None:
        for place, row in enumerate(self._rows):
            if row.logprobs is None:
                continue
            full = self._logits[place].log_softmax(dim=-1)  # [V]
            row.completion.logprobs += finite_only([float(full[tokens[place]])])
            best = full.topk(min(row.logprobs, len(full)))
            row.completion.top.append(list(zip(best.indices.tolist(), finite_only(best.values.tolist()), strict=True)))


def _read_piece(decoder: Decoder, prompt: Sequence[int], start: int, cache: KVCache) -> Tensor:
    """Reads up to READ_TOKENS of a prompt into row 0; returns the last token's state [1,H]."""
    ids = torch.tensor(prompt[start : start + READ_TOKENS])
    positions = torch.arange(start, start + len(ids))
    return decoder.states(ids, torch.zeros_like(ids), positions, cache)[-1:]


def read_prompts(decoder: Decoder, prompts: Sequence[Sequence[int]], cache: KVCache) -> Tensor:
    """Reads prompts into rows 0 and on; returns the state after each [prompts,H]."""
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    rows = torch.arange(len(prompts)).repeat_interleave(lengths)
    positions = torch.cat([torch.arange(len(prompt)) for prompt in prompts])
    ids = torch.tensor([token for prompt in prompts for token in prompt])
    return decoder.states(ids, rows, positions, cache)[lengths.cumsum(0) - 1]


@torch.inference_mode()
def prompt_logits(decoder: Decoder, prompt: Sequence[int]) -> Tensor:
    """[V] of the token after the prompt: what a row that answers it is drawn from first."""
    cache = decoder.new_cache(1, len(prompt))
    for start in range(0, len(prompt), READ_TOKENS):
        last = _read_piece(decoder, prompt, start, cache)
    return decoder.logits(last)[0]


def _prepare(row: Row, prompt: Sequence[int], vocabulary: int) -> None:
    """What the row's settings need beside the logits; most need nothing."""
    params = row.params
    if params.repetition_penalty != 1:
        row.seen = torch.zeros(vocabulary, dtype=torch.bool)
        row.seen[torch.tensor(prompt)] = True
    if params.logit_bias:
        row.bias = torch.zeros(vocabulary)
        for token, amount in params.logit_bias:
            row.bias[token] = amount
    if params.frequency_penalty or params.presence_penalty:
        row.discounts = torch.zeros(vocabulary)


def _shifted(logits: Tensor, shifts: Sequence[Tensor | None]) -> Tensor:
    """[R,V] logits with each row's [V] added; the same tensor where no row has one. Row by row: a row's bits do not
    depend on its neighbours."""
    if all(shift is None for shift in shifts):
        return logits
    return torch.stack([row if shift is None else row + shift for row, shift in zip(logits, shifts, strict=True)])


def _seen(row: Row) -> Tensor:
    assert row.seen is not None
    return row.seen


def _note(row: Row, token: int) -> bool:
    """Write the token down; is the answer at its end?"""
    row.completion.token_ids.append(token)
    if row.seen is not None:
        row.seen[token] = True
    if row.discounts is not None:
        row.counts[token] += 1
        params = row.params
        row.discounts[token] = -discount(row.counts[token], params.frequency_penalty, params.presence_penalty)
    stopped = row.on_token is not None and row.on_token(token)
    if stopped or token in row.end_ids:
        row.completion.finish_reason = "stop"
        return True
    return len(row.completion.token_ids) >= row.params.max_tokens
