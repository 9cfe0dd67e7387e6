"""Keeps groups sampled ahead, so that the next card is there before anyone asks. A thread of the web process.

Where none are to be kept ready, it samples one when somebody waits for it.
"""

import logging
import threading

from sqlalchemy.exc import DBAPIError

from app.db.session import transaction
from app.db.trouble import sentence_of
from app.errors import AppError
from app.services import groups, versions
from app.services.misfits import Misfits
from app.services.priority import Gate
from app.services.sampling import GroupSampler

log = logging.getLogger(__name__)
POLL_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 30.0
GIVE_WAY_SECONDS = 5.0


class GroupStock:
    """Steps aside for people, survives errors (`last_error` tells readyz) and ends on `stop`."""

    def __init__(self, sampler: GroupSampler, gate: Gate, ready_groups: int) -> None:
        self._sampler, self._misfits = sampler, Misfits(sampler)
        self._gate = gate
        self._ready_groups = ready_groups
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="group-stock", daemon=True)
        self.last_error: str | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def wake(self) -> None:
        """A group was taken or a version activated: look now."""
        self._wake.set()

    def ask(self) -> None:
        """Somebody waits for a group: there is to be one, however few are kept."""
        self._asked.set()
        self._wake.set()

    def _run(self) -> None:
        backoff = POLL_SECONDS
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                if self._ready_groups or self._asked.is_set():
                    self.fill()
                self.last_error, backoff = None, POLL_SECONDS
            except Exception as error:  # the stock is a comfort: it must not die of a full disk or a bad version
                self.last_error = _sentence(error)
                log.warning("cannot sample ahead: %s", self.last_error)
                backoff = min(2 * backoff, MAX_BACKOFF_SECONDS)
            self._wake.wait(backoff)

    def fill(self) -> None:
        """Sets aside what the active version cannot answer, then samples until enough groups are ready."""
        self._expire()
        while not self._stopping.is_set() and self._misfits.look_on():
            self._gate.wait_until_idle(GIVE_WAY_SECONDS)
        while not self._stopping.is_set() and self._count() < self._wanted():
            self._gate.wait_until_idle(GIVE_WAY_SECONDS)
            self._sampler.sample_ready()
        self._asked.clear()

    def _wanted(self) -> int:
        return max(self._ready_groups, int(self._asked.is_set()))

    def _count(self) -> int:
        with self._sampler.read() as session:
            return groups.count_ready(session)

    def _expire(self) -> None:
        with self._sampler.read() as session:
            version_id = versions.active_answerer(session).id
            if not groups.has_stale(session, active_version_id=version_id):
                return
        with transaction(self._sampler.write) as session:
            groups.expire_stale(session, active_version_id=versions.active_answerer(session).id)


def _sentence(error: Exception) -> str:
    """The label page shows it where there is no card."""
    if isinstance(error, AppError):
        return error.page_message
    return sentence_of(error) if isinstance(error, DBAPIError) else f"{type(error).__name__}: {error}"
