"""One request for n answers of one version, from its messages to the answers' text. Knows no threads and no queue: the
engine starts it, hands it the rows that ended, and is given more rows where answers must differ.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from app.chat import Alternative, GenerationRequest, SampledAnswer, StreamEvent, TokenLogprob
from app.errors import InvalidError
from app.lm.inference.batch import Completion, Row
from app.lm.inference.model_cache import Policy
from app.lm.inference.offline import answer_rows, base_seed
from app.lm.inference.sampler import derived_seed
from app.lm.inference.streaming import AnswerText
from app.lm.inference.token_bytes import answer_bytes, token_bytes
from app.lm.text.tokenizer import Tokenizer

LONG_ANSWER_TOKENS, LONG_TOKENS = 256, 1_024
"""Above these an answer, or prompt and answer together, are long: they wait and are written apart from the short ones
of the pages."""
TRIES = 3  # further throws for answers that must differ

Lane = tuple[int, bool]
Emit = Callable[[StreamEvent], None]


@dataclass(eq=False)
class Generation:
    """What was asked for, and how far it is. `gone` is set by a reader who left; `result` by the engine."""

    request: GenerationRequest
    emit: Emit | None = None
    deadline: float = float("inf")  # time.monotonic()
    gone: threading.Event = field(default_factory=threading.Event)
    result: Future[list[SampledAnswer]] = field(default_factory=Future)
    policy: Policy = field(init=False)
    prompt: list[int] = field(default_factory=list)
    seed: int = 0
    rows: dict[Row, int] = field(default_factory=dict)  # being written: their answer's index
    answers: dict[int, SampledAnswer] = field(default_factory=dict)
    _texts: dict[Row, AnswerText] = field(default_factory=dict)
    _attempt: int = 0

    def prepare(self, policy: Policy) -> None:
        """Reads the prompt; raises InvalidError where it is too long, or the settings name a token that is none."""
        last = policy.decoder.config.vocab_size - 1
        if (unknown := max((token for token, _ in self.request.params.logit_bias), default=0)) > last:
            raise InvalidError(f"logit_bias: there is no token {unknown}; the last one is {last}.", param="logit_bias")
        self.prompt, self.policy = policy.encoded(self.request.prompt, self.request.params.max_tokens), policy

    def start(self) -> list[Row]:
        """The rows to write."""
        self.seed = base_seed(self.request.params)
        return self._rows(range(self.request.n), self.seed)

    @property
    def slots(self) -> int:
        """Tokens that a row may grow to."""
        return len(self.prompt) + self.request.params.max_tokens

    @property
    def long(self) -> bool:
        return self.request.params.max_tokens > LONG_ANSWER_TOKENS or self.slots > LONG_TOKENS

    @property
    def lane(self) -> Lane:
        """Which answers it is written beside."""
        return self.request.version_id, self.long

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline

    def ended(self, row: Row) -> list[Row]:
        """Takes the answer of a row; returns the rows that are to be written still, once all have ended."""
        index = self.rows.pop(row)
        text = self._texts.pop(row).finish() if row in self._texts else None
        answer = sampled_answer(
            self.policy.tokenizer, row.completion, text, with_logprobs=self.request.logprobs is not None
        )
        self.answers[index] = answer
        if self.emit is not None:
            self.emit(StreamEvent(index, "", answer))
        if self.rows:
            return []
        twins = self._twins()
        if not twins:
            self.result.set_result([self.answers[index] for index in range(self.request.n)])
            return []
        self._attempt += 1
        return self._rows(twins, derived_seed(self.seed, -1 - self._attempt))

    def _rows(self, indices: Sequence[int], seed: int) -> list[Row]:
        tokenizer = self.policy.tokenizer
        rows = answer_rows(len(indices), self.request.params, tokenizer.end_ids, seed, logprobs=self.request.logprobs)
        self.rows = dict(zip(rows, indices, strict=True))
        if self.emit is not None or self.request.params.stop:
            for row, index in self.rows.items():
                text = AnswerText(tokenizer, self.request.params.stop, self._piece_of(index))
                self._texts[row], row.on_token = text, text.push
        return rows

    def _piece_of(self, index: int) -> Callable[[str], None] | None:
        emit = self.emit
        return None if emit is None else lambda piece: emit(StreamEvent(index, piece))

    def _twins(self) -> list[int]:
        """Answers that stand there already; none when that is allowed or cannot be helped."""
        if not self.request.distinct or self.emit is not None:  # what was told cannot be taken back
            return []
        if self.request.params.temperature == 0 or self._attempt == TRIES:
            return []
        # Two answers that ended differently may read the same.
        texts = [self.answers[index].text for index in range(self.request.n)]
        return [place for place, found in enumerate(texts) if found in texts[:place]]


def sampled_answer(
    tokenizer: Tokenizer, completion: Completion, text: str | None, *, with_logprobs: bool
) -> SampledAnswer:
    """`text` if it is known already (it may end before a stop string)."""
    ids = completion.token_ids
    whole = tokenizer.decode(ids) if text is None else text
    logprobs = _logprobs(tokenizer, completion, whole) if with_logprobs else None
    return SampledAnswer(whole, ids, completion.finish_reason, logprobs)


def _logprobs(tokenizer: Tokenizer, completion: Completion, text: str) -> tuple[TokenLogprob, ...]:
    found = []
    written = answer_bytes(tokenizer, completion.token_ids, text)
    places = zip(completion.token_ids, completion.logprobs, completion.top, written, strict=True)
    for token, logprob, best, part in places:
        texts = tokenizer.pieces([token, *(other for other, _ in best)])
        top = [
            Alternative(other, name, value, tuple(token_bytes(tokenizer, other)))
            for (other, value), name in zip(best, texts[1:], strict=True)
        ]
        found.append(TokenLogprob(token, texts[0], logprob, tuple(top), tuple(part)))
    return tuple(found)
