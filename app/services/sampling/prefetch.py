"""Samples groups ahead, so that the next card is there before anyone asks. A thread of the web process.

Where none are to be kept ready, it samples one when somebody waits for it.
"""

import logging
import threading
from collections import OrderedDict, deque

from app.db.session import transaction
from app.errors import AppError, UnavailableError
from app.formats.languages import ANY, Asked
from app.services.labeling import groups, languages
from app.services.sampling.failures import failure_sentence
from app.services.sampling.group_sampling import GroupSampling
from app.services.sampling.misfits import Misfits
from app.services.sampling.priority import Gate

log = logging.getLogger(__name__)
POLL_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 30.0
GIVE_WAY_SECONDS = 5.0
REMEMBERED = 8  # different languages asked for, the latest


class Prefetcher:
    """Steps aside for people, survives errors (`last_error` tells readyz) and ends on `stop`.

    For each of the languages that people asked for lately there are `ready_groups` groups. What is taken is replaced in
    kind, too (up to twice as many): else the groups of a language that others ask for, which serve whoever reads
    several, would keep the other languages from being drawn for them. Whoever is short after that gets theirs on top:
    no more than twice `ready_groups` for one choice of languages, and `ready_groups` for each other one.
    """

    def __init__(self, sampling: GroupSampling, gate: Gate, ready_groups: int) -> None:
        self._sampling, self._misfits = sampling, Misfits(sampling)
        self._gate = gate
        self._ready_groups = ready_groups
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._noting = threading.Lock()  # guards the next three
        self._asked: OrderedDict[Asked, None] = OrderedDict()
        self._waiting: set[Asked] = set()
        self._taken: deque[Asked] = deque(maxlen=2 * ready_groups)
        self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
        self.last_error: str | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def wake(self) -> None:
        """A version was activated, or prompts came: look now."""
        self._wake.set()

    def ask(self, asked: Asked = ANY) -> None:
        """Somebody waits for a group in these languages: there is to be one, however few are kept."""
        with self._noting:
            self._waiting.add(asked)
            self._remember(asked)
        self.wake()

    def taken(self, asked: Asked = ANY) -> None:
        """A group went to somebody who asked for these languages."""
        with self._noting:
            self._taken.append(asked)
            self._remember(asked)
        self.wake()

    def _remember(self, asked: Asked) -> None:
        self._asked[asked] = None
        self._asked.move_to_end(asked)
        while len(self._asked) > REMEMBERED:
            self._waiting.discard(self._asked.popitem(last=False)[0])

    def _run(self) -> None:
        backoff = POLL_SECONDS
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                if self._ready_groups or self._waiting:
                    self.fill()
                self.last_error, backoff = None, POLL_SECONDS
            except Exception as error:  # prefetching is a comfort: it must not die of a full disk or a bad version
                self.last_error = failure_sentence(error)
                log.warning("cannot sample ahead: %s", self.last_error)
                backoff = min(2 * backoff, MAX_BACKOFF_SECONDS)
            self._wake.wait(backoff)

    def fill(self) -> None:
        """Sets aside what the active version cannot answer, then samples until enough groups are ready."""
        self._expire()
        while not self._stopping.is_set() and self._misfits.look_on():
            self._give_way()
        with self._noting:
            taken, waiting, asked_for = list(self._taken), set(self._waiting), list(self._asked)
            self._taken.clear()
        errors = [self._fill_up(asked, one_more=True) for asked in taken if self._has_prompts(asked)]
        for asked in [asked for asked in asked_for if self._has_prompts(asked)] or [ANY]:
            errors.append(self._fill_up(asked, least=int(asked in waiting)))
        for error in errors:
            if error is not None:
                raise error
        with self._noting:
            self._waiting -= waiting

    def _fill_up(self, asked: Asked, *, one_more: bool = False, least: int = 0) -> AppError | None:
        """The error of these languages: what nobody can be given in them keeps nobody from cards in others."""
        try:
            most = max(self._ready_groups, least)
            if one_more:
                most = min(self._count(asked) + 1, 2 * self._ready_groups)
            while not self._stopping.is_set() and self._count(asked) < most:
                self._give_way()
                self._sampling.sample_ready(asked, hurried=asked in self._waiting, pause=self._give_way)
        except AppError as error:
            return error
        return None

    def _give_way(self) -> None:
        self._gate.wait_until_idle(GIVE_WAY_SECONDS)

    def _has_prompts(self, asked: Asked) -> bool:
        """Who asks for languages that there is nothing in is told so on the label page."""
        with self._sampling.read() as session:
            try:
                languages.tags_to_draw(session, asked)
            except UnavailableError:
                return False
        return True

    def _count(self, asked: Asked) -> int:
        with self._sampling.read() as session:
            return groups.count_ready(session, languages.tags_to_draw(session, asked))

    def _expire(self) -> None:
        """What another version wrote, or what was sampled with other settings."""
        with self._sampling.read() as session:
            if not groups.has_stale(session, sampled_as=self._sampling.wanted(session).key):
                return
        with transaction(self._sampling.write) as session:
            groups.expire_stale(session, sampled_as=self._sampling.wanted(session).key)
