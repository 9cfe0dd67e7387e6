"""How many requests may wait for the model at once. Each takes a thread while it waits: without a bound, a thousand of
them would take all threads from the pages and answer minutes later what nobody waits for any more."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import CrowdedError


class Places:
    """Counted on the event loop alone, hence without a lock."""

    def __init__(self, count: int) -> None:
        self.count, self.taken = count, 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Raises CrowdedError when all are taken."""
        if self.taken >= self.count:
            raise CrowdedError("Too many answers are being written right now. Try again in a few seconds.")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
