"""A request while it is answered, from its prompt to the answers' text. Knows no threads and no queue: the scheduler
tells it which sequences ended, and gets further ones where answers must differ.
"""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from app.chat import GenerationRequest, SampledAnswer, StreamEvent
from app.lm.inference.answer_tokens import AnswerTokens
from app.lm.inference.policy import Policy
from app.lm.inference.sampler import base_seed, derived_seed
from app.lm.inference.sequence import Sequence, SequenceGroup, new_sequences
from app.lm.inference.streaming import AnswerText

LONG_ANSWER_TOKENS, LONG_TOKENS = 256, 1_024
"""Above these an answer, or prompt and answer together, are long: they wait and are written apart from the short ones
of the pages."""
TRIES = 3  # further rounds for answers that must differ

Lane = tuple[int, bool]
Emit = Callable[[StreamEvent], None]


class Generation(SequenceGroup):
    """`emit` is told pieces and answers as they come; `result` is done with the answers or an error. `gone` is set by a
    reader who left; `deadline` is one of time.monotonic(). Raises InvalidError where the prompt is too long, the
    settings name a token that there is not, or no answer begins with the tokens that are given."""

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
        self._tokens: dict[int, AnswerTokens] = {}
        self._attempt = 0
        policy.check_given(request.continue_from, request.params.max_tokens)
        super().__init__(policy.encode(request.prompt, request.params.max_tokens), [], request.continue_from)
        self._begin(range(request.n), self._seed, request.index)

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
        index, ids = sequence.index, sequence.completion.token_ids
        text = self._texts.pop(index).finish() if index in self._texts else self.policy.tokenizer.decode(ids)
        tokens = self._tokens.pop(index, None)
        told = None if tokens is None else tokens.whole(text)
        if self.emit is not None and tokens is not None and (rest := tokens.rest(told or ())):
            self.emit(StreamEvent(index, "", tokens=rest))
        self._answers[index] = SampledAnswer(text, ids, sequence.completion.finish_reason, told)
        if self.emit is not None:
            self.emit(StreamEvent(index, "", self._answers[index]))

    def _begin(self, indices: Iterable[int], seed: int, first: int = 0) -> None:
        """New sequences for these answers, by the random streams from number `first` on."""
        params, tokenizer, wanted = self.request.params, self.policy.tokenizer, list(indices)
        logprobs = self.request.logprobs
        sequences = new_sequences(len(wanted), params, tokenizer.end_ids, seed, first=first, logprobs=logprobs)
        for sequence, index in zip(sequences, wanted, strict=True):
            sequence.index = index
            if logprobs is not None:
                self._tokens[index] = AnswerTokens(tokenizer, sequence)
            if self.emit is not None or params.stop:
                text = AnswerText(tokenizer, params.stop, self._piece_of(sequence), each_token=logprobs is not None)
                self._texts[index], sequence.on_token = text, text.push
        self.begin(sequences)

    def _piece_of(self, sequence: Sequence) -> Callable[[str, int], None] | None:
        """What tells the pieces of an answer, with their tokens where these are asked for."""
        emit, index, ids = self.emit, sequence.index, sequence.completion.token_ids
        if emit is None:
            return None
        tokens, told = self._tokens.get(index), 0

        def tell(piece: str, settled: int) -> None:
            nonlocal told
            fresh, told = tuple(ids[told:]), len(ids)
            emit(StreamEvent(index, piece, tokens=tokens.take(settled) if tokens else (), token_ids=fresh))

        return tell

    def _twins(self) -> list[int]:
        """Answers that stand there already; none when that is allowed or cannot be helped."""
        if not self.request.distinct or self.emit is not None:  # what was told cannot be taken back
            return []
        if self.request.params.temperature == 0 or self._attempt == TRIES:
            return []
        # Two answers that ended differently may read the same.
        texts = [self._answers[index].text for index in range(self.request.n)]
        return [place for place, text in enumerate(texts) if text in texts[:place]]
