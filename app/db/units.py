"""Runs each request's database work in one thread, from BEGIN to COMMIT; those that wait hold no thread.

Reads and writes have threads of their own, so that neither can take the other's, and writers are few: SQLite lets one
write at a time anyway.
"""

import math
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, Semaphore, move_on_after, to_thread
from sqlalchemy.orm import Session, sessionmaker

from app.db.session import transaction
from app.errors import CrowdedError
from app.translation import N_, _

READERS = 8
WRITERS = 2
"""One writes, the next is at the door."""
LINE = 512
CROWDED = N_("Too many requests are waiting for the database. Nothing was saved; try again in a few seconds.")
Result = TypeVar("Result")


class Units:
    """Runs units of work, at most `threads` at a time, first come first served."""

    def __init__(self, sessions: sessionmaker[Session], *, threads: int, wait_seconds: float, line: int = LINE) -> None:
        self._sessions = sessions
        self._turns = Semaphore(threads)
        self._threads = CapacityLimiter(math.inf)  # whoever has a turn has a thread
        self._wait_seconds, self._line = wait_seconds, line

    async def run(self, work: Callable[[Session], Result]) -> Result:
        """`work`, committed when this returns; rolled back when it raises.

        A request that is cancelled meanwhile leaves the unit to its end: nothing keeps the write lock. Raises
        CrowdedError when no turn comes within the wait, or the line is too long to be worth it.
        """
        await self._take_turn()
        try:
            return await to_thread.run_sync(self._whole, work, limiter=self._threads)
        finally:
            self._turns.release()

    async def _take_turn(self) -> None:
        if self._turns.value == 0 and self._turns.statistics().tasks_waiting >= self._line:
            raise CrowdedError(_(CROWDED))
        with move_on_after(self._wait_seconds) as waiting:
            await self._turns.acquire()
        if waiting.cancelled_caught:
            raise CrowdedError(_(CROWDED))

    def _whole(self, work: Callable[[Session], Result]) -> Result:
        with transaction(self._sessions) as session:
            return work(session)
