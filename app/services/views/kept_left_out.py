"""Which rankings are not in force, for pages: of many they are found beside, in proportion to what that costs
(KEPT_TIMES as long as it took), and a page goes by those of some seconds ago. Few are found fresh by every page."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.errors import AppError
from app.services.jobs.ranking_counts import LeftOut, find_left_out

log = logging.getLogger(__name__)
KEPT_TIMES = 100
MANY = 5_000
"""So many take a page a hundredth of a second."""


class KeptLeftOut:
    def __init__(self, read: sessionmaker[Session], clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._lock = threading.Lock()
        self._kept: LeftOut | None = None
        self._until = 0.0

    def of(self, session: Session, newest: int) -> LeftOut:
        """As `find_left_out`. Another `newest` is another question, and answered at once."""
        kept = self._kept
        if kept is None or kept.newest != newest:
            return self._find(session, newest)
        if self._clock() >= self._until and self._lock.acquire(blocking=False):
            threading.Thread(target=self._find_beside, args=(newest,), name="left-out", daemon=True).start()
        return kept

    def _find_beside(self, newest: int) -> None:
        try:
            with self._read() as session:
                self._find(session, newest)
        except (AppError, SQLAlchemyError):  # a busy database: the next page tries again
            log.warning("rankings that are left out were not found", exc_info=True)
        finally:
            self._lock.release()

    def _find(self, session: Session, newest: int) -> LeftOut:
        began = self._clock()
        found = find_left_out(session, newest)
        self._until = self._clock() + (self._clock() - began) * KEPT_TIMES
        self._kept = found if found.total >= MANY else None
        return found
