"""Tokens of several answers, in; pieces of text, out. Complete characters only. Knows no threads, no model."""

from collections.abc import Callable

from app.chat import SampledAnswer, StreamEvent
from app.lm.tokenizer import IncrementalDecoder, Tokenizer


class AnswerStream:
    """`emit` is told every new piece; the last event of an answer carries it whole."""

    def __init__(self, tokenizer: Tokenizer, n: int, max_tokens: int, emit: Callable[[StreamEvent], None]) -> None:
        self._tokenizer, self._max_tokens, self._emit = tokenizer, max_tokens, emit
        self._decoders = [IncrementalDecoder(tokenizer) for _ in range(n)]
        self._ids: list[list[int]] = [[] for _ in range(n)]

    def on_token(self, prompt: int, index: int, token: int) -> None:
        """As sampling.OnToken; there is one prompt."""
        assert prompt == 0
        ids = self._ids[index]
        ids.append(token)
        ended = token == self._tokenizer.end_id
        text = self._decoders[index].push(token)
        if ended or len(ids) == self._max_tokens:
            text += self._decoders[index].flush()
            whole = SampledAnswer(self._tokenizer.decode(ids), list(ids), "stop" if ended else "length")
            self._emit(StreamEvent(index, text, whole))
        elif text:
            self._emit(StreamEvent(index, text))
