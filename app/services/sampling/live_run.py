"""A run: answers while they are written by one thread, for any number of readers, who come and go."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from app.chat import StreamEvent
from app.errors import AppError

WAIT_SECONDS = 15.0


@dataclass(frozen=True)
class LivePiece:
    """Piece number `number` of the run: text to add to answer `index`; `finished` with an answer's last piece."""

    number: int
    index: int
    text: str
    finished: bool


@dataclass(frozen=True)
class Beginning:
    """Of an answer: its text so far, and the tokens that it goes on from, of which the last may have no text yet."""

    text: str = ""
    token_ids: tuple[int, ...] = ()


class LiveRun:
    """Written by the thread that samples, read by any number of followers on the event loop: none holds a thread."""

    def __init__(self) -> None:
        self.error: AppError | None = None
        self.ended = False
        self.is_stopped = False
        """Nobody wants what comes now: whoever writes it ends."""
        self._pieces: list[LivePiece] = []
        self._token_ids: list[int] = []
        self._lock = threading.Lock()
        self._followers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def add(self, event: StreamEvent) -> None:
        with self._lock:
            if self.is_stopped:
                return
            finished = event.answer is not None
            self._pieces.append(LivePiece(len(self._pieces) + 1, event.index, event.text, finished))
            if event.index == 0:
                self._token_ids.extend(event.token_ids)
        self._tell()

    def stop(self) -> Beginning:
        """Takes no more pieces; returns what is `there`. Whoever writes it sees `is_stopped`; followers wait for
        `end`."""
        with self._lock:
            self.is_stopped = True
        return self.there

    @property
    def there(self) -> Beginning:
        """Of answer 0, so far."""
        with self._lock:
            text = "".join(piece.text for piece in self._pieces if piece.index == 0)
            return Beginning(text, tuple(self._token_ids))

    def end(self, error: AppError | None) -> None:
        with self._lock:
            self.error, self.ended = error, True
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            followers = list(self._followers.items())
        for news, loop in followers:
            with contextlib.suppress(RuntimeError):  # its loop was closed: the server stops
                loop.call_soon_threadsafe(news.set)

    async def follow(self, after: int) -> AsyncIterator[LivePiece | None]:
        """The pieces after piece number `after`, as they come; None where a while passed in silence."""
        news = asyncio.Event()
        with self._lock:
            self._followers[news] = asyncio.get_running_loop()
            seen = min(after, len(self._pieces))
        try:
            while True:
                news.clear()
                with self._lock:
                    fresh, ended = self._pieces[seen:], self.ended
                seen += len(fresh)
                for piece in fresh:
                    yield piece
                if ended:
                    return
                if not fresh:
                    try:
                        await asyncio.wait_for(news.wait(), WAIT_SECONDS)
                    except TimeoutError:
                        yield None
        finally:
            with self._lock:
                del self._followers[news]


class LiveRuns:
    """The runs that there are, by the number of what they write: whoever asks late follows the one that goes on."""

    def __init__(self, name: str, write: Callable[[int, LiveRun], None]) -> None:
        """`write` (number, run) writes the answers in a thread of its own, and ends the run with `end`."""
        self._name, self._write = name, write
        self._runs: dict[int, LiveRun] = {}
        self._lock = threading.Lock()

    def of(self, number: int) -> LiveRun:
        """The one that goes on, else a new one."""
        with self._lock:
            run = self._runs.get(number)
            if run is None:
                run = self._runs[number] = LiveRun()
                here = contextvars.copy_context()  # what fails is told in the language of whoever asked
                work = partial(here.run, self._write, number, run)
                threading.Thread(target=work, name=f"{self._name}-{number}", daemon=True).start()
            return run

    def going_on(self, number: int) -> LiveRun | None:
        with self._lock:
            return self._runs.get(number)

    def end(self, number: int, run: LiveRun, error: AppError | None) -> None:
        """A newer run of the same number goes on."""
        with self._lock:
            if self._runs.get(number) is run:
                del self._runs[number]
        run.end(error)
