"""Turns the tokens of an answer into text, piece by piece. Complete characters only, and nothing that may turn out to
be the beginning of a stop string; and those pieces on their way to who reads them. Knows no model."""

import queue
from collections.abc import Callable, Iterator, Sequence

from app.chat import StreamEvent
from app.lm.text.tokenizer import IncrementalDecoder, Tokenizer


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


Told = StreamEvent | BaseException | None  # None: that was all


def received(told: "queue.SimpleQueue[Told]") -> Iterator[StreamEvent]:
    """Until None comes; raises what came as an error. What came while its reader was busy is joined: the more people
    read at once, the larger the pieces and the fewer the messages."""
    while True:
        events = [told.get()]
        while not told.empty():
            events.append(told.get())
        yield from _joined([event for event in events if isinstance(event, StreamEvent)])
        for event in events:
            if isinstance(event, BaseException):
                raise event
            if event is None:
                return


def _joined(events: Sequence[StreamEvent]) -> Iterator[StreamEvent]:
    """The pieces of each answer as one, before the event that ends it."""
    texts: dict[int, str] = {}
    for event in events:
        if event.answer is None:
            texts[event.index] = texts.get(event.index, "") + event.text
            continue
        if event.index in texts:
            yield StreamEvent(event.index, texts.pop(event.index))
        yield event
    for index, text in texts.items():
        yield StreamEvent(index, text)
