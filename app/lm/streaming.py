"""Tokens of an answer, in; its text, out, piece by piece. Complete characters only, and nothing that may turn out to be
the beginning of a stop string. Knows no threads, no model."""

from collections.abc import Callable, Sequence

from app.lm.tokenizer import IncrementalDecoder, Tokenizer


class AnswerText:
    """`emit` is told every new piece; the pieces joined are the text."""

    def __init__(
        self, tokenizer: Tokenizer, stop: Sequence[str] = (), emit: Callable[[str], None] | None = None
    ) -> None:
        self._decoder, self._stop, self._emit = IncrementalDecoder(tokenizer), [text for text in stop if text], emit
        self._told: list[str] = []
        self._held = ""
        self._stopped = False

    def push(self, token: int) -> bool:
        """As batch.OnToken: True once a stop string is there; the text ends before it."""
        self._held += self._decoder.push(token)
        places = [place for place in map(self._held.find, self._stop) if place >= 0]
        if places:
            self._held, self._stopped = self._held[: min(places)], True
            self._tell(len(self._held))
        elif self._held:
            self._tell(len(self._held) - self._beginning())
        return self._stopped

    def finish(self) -> str:
        """The whole text; what was held back is told first."""
        if not self._stopped:
            self._held += self._decoder.flush()
            self._tell(len(self._held))
        return "".join(self._told)

    def _beginning(self) -> int:
        """How many last characters could be the beginning of a stop string."""
        longest = max((len(text) for text in self._stop), default=1) - 1
        sizes = range(min(longest, len(self._held)), 0, -1)
        return next((size for size in sizes if any(text.startswith(self._held[-size:]) for text in self._stop)), 0)

    def _tell(self, count: int) -> None:
        piece, self._held = self._held[:count], self._held[count:]
        if piece:
            self._told.append(piece)
            if self._emit is not None:
                self._emit(piece)
