"""A sequence is one answer while it is written, a group those that answer one prompt. Knows no model."""

from array import array
from collections import abc
from dataclasses import dataclass, field
from typing import Literal

from app.hparams import SamplingParams
from app.lm.inference.adjustments import Adjustments
from app.lm.inference.kv_cache import KVCache
from app.lm.inference.sampler import uniform_stream

FinishReason = Literal["stop", "length"]
OnToken = abc.Callable[[int], bool]  # is told each token; True ends the answer there


@dataclass
class Completion:
    """`token_ids` as given and sampled, the end token included. If asked for: their log-probabilities, under the
    model's own distribution (temperature 1, no filter, no penalty, no bias), and the likeliest (token,
    log-probability) of each place."""

    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top: list[list[tuple[int, float]]] = field(default_factory=list)
    finish_reason: FinishReason = "length"


@dataclass(eq=False)
class Sequence:
    """Answer `index` of its group. `uniforms` are its random numbers, one per token; `logprobs` asks for that many
    alternatives (0: for the sampled tokens' alone); setting `cancelled` ends it at the next step. The scheduler sets
    the rest: whether it has `ended`, and how many of its tokens are in the cache of keys and values."""

    params: SamplingParams
    end_ids: frozenset[int]
    uniforms: abc.Sequence[float]
    index: int = 0
    logprobs: int | None = None
    on_token: OnToken | None = None
    completion: Completion = field(default_factory=Completion)
    cancelled: bool = False
    ended: bool = False
    cached: int = 0
    adjustments: Adjustments | None = None
    group: "SequenceGroup" = field(init=False, repr=False)

    @property
    def limit(self) -> int:
        """Tokens that prompt and answer may grow to."""
        return len(self.group.prompt) + self.params.max_tokens

    @property
    def uniform(self) -> float:
        """The random number of the next token, in [0, 1)."""
        return self.uniforms[len(self.completion.token_ids)]

    def append_given(self) -> None:
        """The tokens that the answer is given to begin with, up to where one of them ends it."""
        for place, token in enumerate(self.group.given):
            if self.ended:
                return
            if self.logprobs is not None:
                self.note(self.group.notes[place])
            self.append(token)

    def note(self, note: "Note") -> None:
        """Of the token that is appended next."""
        self.completion.logprobs.append(note.logprob)
        self.completion.top.append(note.top)

    def append(self, token: int) -> None:
        """The token that was sampled; the sequence has `ended` where it, a stop string or the length says so."""
        self.completion.token_ids.append(token)
        if self.adjustments is not None:
            self.adjustments.append(token)
        stopped = self.on_token is not None and self.on_token(token)
        if stopped or token in self.end_ids:
            self.completion.finish_reason = "stop"
            self.ended = True
        elif len(self.completion.token_ids) >= self.params.max_tokens:
            self.ended = True


@dataclass(frozen=True)
class Note:
    """What is told of a token where log-probabilities are asked for: its own, and the likeliest tokens of its place."""

    logprob: float
    top: list[tuple[int, float]]


class SequenceGroup:
    """A prompt of at least one token, tokens that every answer is given to begin with, and the sequences that answer:
    they are admitted together, and both are prefilled once for all of them. `prefilled` tokens of them are in a row of
    `cache`, until the sequences have rows of their own; `notes` are of the given tokens, where they are asked for."""

    def __init__(self, prompt: list[int], sequences: list[Sequence], given: abc.Sequence[int] = ()) -> None:
        self.prompt, self.given = prompt, given
        self.context = [*prompt, *given]
        self.begin(sequences)

    def begin(self, sequences: list[Sequence]) -> None:
        """These are to be written, each with its settings' max_tokens (at least 1, and as many as are given)."""
        self.sequences = sequences
        self.prefilled = 0
        self.notes: list[Note] = []
        self.cache: KVCache | None = None
        for sequence in sequences:
            sequence.group = self

    @property
    def unfinished(self) -> list[Sequence]:
        return [sequence for sequence in self.sequences if not sequence.ended]

    @property
    def limit(self) -> int:
        """Tokens that the longest of the sequences may grow to."""
        return max(sequence.limit for sequence in self.sequences)

    @property
    def unwanted(self) -> bool:
        """Nobody waits for it any longer."""
        return False

    def sequences_ended(self, ended: list[Sequence]) -> bool:
        """Told of those that ended in a step and were not cancelled. True: the group has begun anew, with others."""
        del ended
        return False

    def fail(self, error: BaseException) -> None:
        """It ends at the next step. A group that is waited for tells the error."""
        del error
        for sequence in self.sequences:
            sequence.cancelled = True


def new_sequences(
    n: int, params: SamplingParams, end_ids: frozenset[int], seed: int, *, first: int = 0, logprobs: int | None = None
) -> list[Sequence]:
    """n sequences with random numbers of their own: those of streams `first` and on of this seed."""
    sequences = []
    for index in range(n):
        # fp32, as they were drawn: a list takes eight times as much, and requests may wait in numbers.
        uniforms = array("f", uniform_stream(seed, first + index, params.max_tokens))
        sequences.append(Sequence(params, end_ids, uniforms, index, logprobs))
    return sequences
