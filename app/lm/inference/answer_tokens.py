"""The tokens of an answer as they are told: with text, bytes, log-probabilities and the random number of each."""

from collections.abc import Sequence as Series

from app.chat import Alternative, TokenLogprob
from app.lm.inference.sequence import Sequence
from app.lm.inference.token_bytes import AnswerBytes, token_bytes, token_text
from app.lm.text.tokenizer import Tokenizer


class AnswerTokens:
    """Of one sequence that notes log-probabilities. A stream takes them as they come; `whole` gives all of them once
    the text is known."""

    def __init__(self, tokenizer: Tokenizer, sequence: Sequence) -> None:
        self._tokenizer, self._sequence = tokenizer, sequence
        self._bytes = AnswerBytes(tokenizer)
        self._taken: list[TokenLogprob] = []

    def take(self, count: int) -> tuple[TokenLogprob, ...]:
        """The next ones, up to the answer's first `count`: none that a stop string may take text away from."""
        first = len(self._taken)
        for place in range(first, count):
            written = self._bytes.push(self._sequence.completion.token_ids[place])
            self._taken.append(self._told(place, written))
        return tuple(self._taken[first:])

    def whole(self, text: str) -> tuple[TokenLogprob, ...]:
        """All tokens of the answer that reads so, as they were taken."""
        first = len(self._taken)
        for token in self._sequence.completion.token_ids[first:]:
            self._bytes.push(token)
        rest = enumerate(self._bytes.whole(text)[first:], first)
        return (*self._taken, *(self._told(place, written) for place, written in rest))

    def rest(self, whole: Series[TokenLogprob]) -> tuple[TokenLogprob, ...]:
        """Of these, the ones that a stream has not taken yet."""
        return tuple(whole[len(self._taken) :])

    def _told(self, place: int, written: bytes) -> TokenLogprob:
        completion, sequence = self._sequence.completion, self._sequence
        token = completion.token_ids[place]
        top = (self._alternative(other, logprob) for other, logprob in completion.top[place])
        return TokenLogprob(
            token,
            token_text(self._tokenizer, token),
            completion.logprobs[place],
            tuple(top),
            tuple(written),
            sequence.uniforms[place] if sequence.params.temperature > 0 else None,
        )

    def _alternative(self, token: int, logprob: float) -> Alternative:
        written = token_bytes(self._tokenizer, token)
        return Alternative(token, token_text(self._tokenizer, token), logprob, tuple(written))
