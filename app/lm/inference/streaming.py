"""Turns the tokens of an answer into text, piece by piece. Complete characters only, and nothing that may turn out to
be the beginning of a stop string. Knows no model."""

from collections import deque
from collections.abc import Callable, Sequence

from app.lm.text.tokenizer import IncrementalDecoder, Tokenizer


class AnswerText:
    """`emit` is told every new piece, with the number of tokens that are settled by then; the pieces joined are the
    text. A token is settled once no stop string can take any of its text away; with `each_token` it is told then even
    where it completes no character."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        stop: Sequence[str] = (),
        emit: Callable[[str, int], None] | None = None,
        *,
        each_token: bool = False,
    ) -> None:
        self._decoder, self._stop, self._emit = IncrementalDecoder(tokenizer), [text for text in stop if text], emit
        self._each_token = each_token
        self._told: list[str] = []
        self._held = ""
        self._stopped = False
        self._settled = self._characters = self._open = 0
        self._ends: deque[int] = deque()  # of tokens that are not settled, in characters of the text

    def push(self, token: int) -> bool:
        """As batch.OnToken: True once a stop string is there; the text ends before it."""
        fresh = self._decoder.push(token)
        self._held += fresh
        if self._each_token:
            self._open += 1
            if fresh or not self._stop:  # else a stop string may begin with the character that these are parts of
                self._ends.extend([self._characters + len(self._held)] * self._open)
                self._open = 0
        places = [place for place in map(self._held.find, self._stop) if place >= 0]
        if places:
            self._held, self._stopped = self._held[: min(places)], True
            self._tell(len(self._held))
        else:
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
        self._characters += count
        before = self._settled
        while self._ends and self._ends[0] <= self._characters:
            self._ends.popleft()
            self._settled += 1
        if piece:
            self._told.append(piece)
        if self._emit is not None and (piece or self._settled > before):
            self._emit(piece, self._settled)
