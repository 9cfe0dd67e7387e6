"""Prepares the next pair while somebody looks at this one, so that the page answers at once. A thread of the web
process.

A pair is prepared for what people look at now, one ahead for each comparison; nothing is sampled where nobody votes.
"""

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass

from app.db.models.arena import PairSource
from app.formats.languages import ANY, Asked
from app.services.arena.pair_sampling import MatchIds, PairSampling
from app.services.sampling.failures import failure_sentence
from app.services.sampling.priority import Gate

log = logging.getLogger(__name__)
REMEMBERED = 8
GIVE_WAY_SECONDS = 5.0


@dataclass(frozen=True)
class Wanted:
    ids: MatchIds
    source: PairSource
    asked: Asked = ANY


class PairPrefetcher:
    """Steps aside for people who wait for the model, and ends on `stop`. What kept a pair from being prepared is said
    to whoever asks for it again (`problem`)."""

    def __init__(self, sampling: PairSampling, gate: Gate) -> None:
        self._sampling, self._gate = sampling, gate
        self._noting = threading.Condition()  # guards the next three
        self._wanted: OrderedDict[Wanted, None] = OrderedDict()
        self._problems: dict[Wanted, str] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="pair-prefetch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        with self._noting:
            self._stopping = True
            self._noting.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def ask(self, wanted: Wanted) -> None:
        """There is to be a pair that nobody has seen; the latest eight comparisons that were asked for count."""
        with self._noting:
            self._wanted[wanted] = None
            self._wanted.move_to_end(wanted)
            while len(self._wanted) > REMEMBERED:
                self._wanted.popitem(last=False)
            self._noting.notify_all()

    def problem(self, wanted: Wanted) -> str | None:
        """Why there was none the last time, in a sentence."""
        with self._noting:
            return self._problems.get(wanted)

    def _run(self) -> None:
        while True:
            with self._noting:
                while not self._wanted and not self._stopping:
                    self._noting.wait()
                if self._stopping:
                    return
                wanted = next(reversed(self._wanted))
            self.prepare(wanted)

    def prepare(self, wanted: Wanted) -> None:
        """Samples one where none is ready. What goes wrong is kept as a sentence."""
        said = None
        try:
            with self._sampling.read() as session:
                ready = self._sampling.has_ready(session, wanted.ids, wanted.source, wanted.asked)
            if not ready:
                self._gate.wait_until_idle(GIVE_WAY_SECONDS)
                self._sampling.sample_ready(wanted.ids, wanted.source, wanted.asked)
        except Exception as error:  # a comfort: it must not die of a full disk or a bad version
            said = failure_sentence(error)
            log.warning("cannot prepare a pair: %s", said)
        with self._noting:
            self._wanted.pop(wanted, None)
            self._problems.pop(wanted, None)
            if said is not None:
                self._problems[wanted] = said
