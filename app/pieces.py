"""Pieces of answers on their way from the thread that writes them to who reads them: in a thread of its own, or on the
event loop, where nobody waits in a thread.

What comes while its reader is busy is joined: the more people read at once, the larger the pieces and the fewer the
messages.
"""

import asyncio
import contextlib
import queue
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import chain

from app.chat import StreamEvent, TokenLogprob

Told = StreamEvent | BaseException | None
"""None: that was all. An error ends it, too."""
Tell = Callable[[Told], None]


def received(told: "queue.SimpleQueue[Told]") -> Iterator[StreamEvent]:
    """Until None comes; raises what came as an error."""
    while True:
        items = [told.get()]
        while not told.empty():
            items.append(told.get())
        yield from _joined(items)
        if _is_last(items[-1]):
            return


class Letterbox:
    """`tell` is called in any thread; the event loop that made it reads. It wakes the loop once for all that comes
    before it is read."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told: deque[Told] = deque()
        self._woken = False
        self._news = asyncio.Event()

    def tell(self, item: Told) -> None:
        self._told.append(item)  # first: a reader who does not see it is woken for it
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # its loop was closed: the server stops
                self._loop.call_soon_threadsafe(self._news.set)

    async def received(self) -> AsyncIterator[StreamEvent]:
        """Until None comes; raises what came as an error."""
        while True:
            await self._news.wait()
            self._news.clear()
            self._woken = False
            items = [self._told.popleft() for _ in range(len(self._told))]
            for event in _joined(items):
                yield event
            if items and _is_last(items[-1]):
                return


def _is_last(item: Told) -> bool:
    """Raises it, if it is an error."""
    if isinstance(item, BaseException):
        raise item
    return item is None


def _joined(items: Sequence[Told]) -> Iterator[StreamEvent]:
    """The pieces of each answer as one, before the event that ends it."""
    pieces: dict[int, list[StreamEvent]] = {}
    for event in items:
        if not isinstance(event, StreamEvent):
            continue
        if event.answer is None:
            pieces.setdefault(event.index, []).append(event)
            continue
        if event.index in pieces:
            yield _as_one(pieces.pop(event.index))
        yield event
    yield from map(_as_one, pieces.values())


def _as_one(pieces: Sequence[StreamEvent]) -> StreamEvent:
    if len(pieces) == 1:
        return pieces[0]
    tokens: Iterator[TokenLogprob] = chain.from_iterable(piece.tokens for piece in pieces)
    ids = chain.from_iterable(piece.token_ids for piece in pieces)
    text = "".join(piece.text for piece in pieces)
    return StreamEvent(pieces[0].index, text, tokens=tuple(tokens), token_ids=tuple(ids))
