"""A request while it is answered, from its prompt to the answers' text. Knows no threads and no queue: the scheduler
tells it which sequences ended, and gets further ones where answers must differ.
"""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from app.chat import Alternative, GenerationRequest, SampledAnswer, StreamEvent, TokenLogprob
from app.lm.inference.policy import Policy
from app.lm.inference.sampler import base_seed, derived_seed
from app.lm.inference.sequence import Completion, Sequence, SequenceGroup, new_sequences
from app.lm.inference.streaming import AnswerText
from app.lm.inference.token_bytes import answer_bytes, token_bytes
from app.lm.text.tokenizer import Tokenizer

LONG_ANSWER_TOKENS, LONG_TOKENS = 256, 1_024
"""Above these an answer, or prompt and answer together, are long: they wait and are written apart from the short ones
of the pages."""
TRIES = 3  # further rounds for answers that must differ

Lane = tuple[int, bool]
Emit = Callable[[StreamEvent], None]


class Generation(SequenceGroup):
    """`emit` is told pieces and answers as they come; `result` is done with the answers or an error. `gone` is set by a
    reader who left; `deadline` is one of time.monotonic(). Raises InvalidError where the prompt is too long, or the
    settings name a token that there is not."""

    def __init__(
        self,
        request: GenerationRequest,
        policy: Policy,
        *,
        emit: Emit | None = None,
        deadline: float = float("inf"),
    ) -> None:
        policy.check_biases(request.params)
        self.request, self.policy, self.emit, self.deadline = request, policy, emit, deadline
        self.gone = threading.Event()
        self.result: Future[list[SampledAnswer]] = Future()
        self._seed = base_seed(request.params)
        self._answers: dict[int, SampledAnswer] = {}
        self._texts: dict[int, AnswerText] = {}
        self._attempt = 0
        super().__init__(policy.encode(request.prompt, request.params.max_tokens), [])
        self._begin(range(request.n), self._seed)

    @property
    def long(self) -> bool:
        return self.request.params.max_tokens > LONG_ANSWER_TOKENS or self.limit > LONG_TOKENS

    @property
    def lane(self) -> Lane:
        """Which answers it waits and is written beside."""
        return self.request.version_id, self.long

    @property
    def unwanted(self) -> bool:
        return self.gone.is_set() or time.monotonic() > self.deadline

    def fail(self, error: BaseException) -> None:
        super().fail(error)
        if not self.result.done():
            self.result.set_exception(error)

    def sequences_ended(self, ended: list[Sequence]) -> bool:
        """Takes their answers. Once all have ended: the result, or a further round for those that must differ."""
        for sequence in ended:
            self._take_answer(sequence)
        if self.unfinished:
            return False
        if not (twins := self._twins()):
            self.result.set_result([self._answers[index] for index in range(self.request.n)])
            return False
        self._attempt += 1
        self._begin(twins, derived_seed(self._seed, -1 - self._attempt))
        return True

    def _take_answer(self, sequence: Sequence) -> None:
        text = self._texts.pop(sequence.index).finish() if sequence.index in self._texts else None
        wants_logprobs = self.request.logprobs is not None
        answer = sampled_answer(self.policy.tokenizer, sequence.completion, text, with_logprobs=wants_logprobs)
        self._answers[sequence.index] = answer
        if self.emit is not None:
            self.emit(StreamEvent(sequence.index, "", answer))

    def _begin(self, indices: Iterable[int], seed: int) -> None:
        """New sequences for these answers."""
        params, tokenizer, wanted = self.request.params, self.policy.tokenizer, list(indices)
        sequences = new_sequences(len(wanted), params, tokenizer.end_ids, seed, logprobs=self.request.logprobs)
        for sequence, index in zip(sequences, wanted, strict=True):
            sequence.index = index
            if self.emit is not None or params.stop:
                text = AnswerText(tokenizer, params.stop, self._piece_of(index))
                self._texts[index], sequence.on_token = text, text.push
        self.begin(sequences)

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
        texts = [self._answers[index].text for index in range(self.request.n)]
        return [place for place, text in enumerate(texts) if text in texts[:place]]


def sampled_answer(
    tokenizer: Tokenizer, completion: Completion, text: str | None, *, with_logprobs: bool
) -> SampledAnswer:
    """`text` if it is known already (it may end before a stop string)."""
    ids = completion.token_ids
    whole = tokenizer.decode(ids) if text is None else text
    logprobs = _logprobs(tokenizer, completion, whole) if with_logprobs else None
    return SampledAnswer(whole, ids, completion.finish_reason, logprobs)


def _logprobs(tokenizer: Tokenizer, completion: Completion, text: str) -> tuple[TokenLogprob, ...]:
    logprobs = []
    written = answer_bytes(tokenizer, completion.token_ids, text)
    places = zip(completion.token_ids, completion.logprobs, completion.top, written, strict=True)
    for token, logprob, best, part in places:
        texts = tokenizer.pieces([token, *(other for other, _ in best)])
        top = [
            Alternative(other, name, value, tuple(token_bytes(tokenizer, other)))
            for (other, value), name in zip(best, texts[1:], strict=True)
        ]
        logprobs.append(TokenLogprob(token, texts[0], logprob, tuple(top), tuple(part)))
    return tuple(logprobs)
