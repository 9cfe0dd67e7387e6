"""Admission control: how many requests may wait for the model at once. Each takes a thread while it waits: without a
bound, a thousand of them would take all threads from the pages and answer minutes later what nobody waits for any more.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import CrowdedError
from app.translation import _


class Admission:
    """Counted on the event loop alone, hence without a lock."""

    def __init__(self, limit: int) -> None:
        self.limit, self.admitted = limit, 0

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Raises CrowdedError when as many as may are waiting already."""
        if self.admitted >= self.limit:
            raise CrowdedError(_("Too many answers are being written right now. Try again in a few seconds."))
        self.admitted += 1
        try:
            yield
        finally:
            self.admitted -= 1
