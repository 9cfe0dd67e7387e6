"""How many records there are: counted by reading an index from end to end, and not at every page once there are many.

Counts of MANY records and more are kept in proportion to what they cost (KEPT_TIMES as long as they took, so that they
take at most one part in KEPT_TIMES of the time), and are called "about"; fewer are always fresh.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.arena import Vote
from app.db.models.groups import Group
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt
from app.db.models.rankings import Ranking
from app.errors import AppError

log = logging.getLogger(__name__)
KEPT_TIMES = 500
MANY = 20_000


@dataclass(frozen=True)
class OfLabeler:
    in_force: int = 0
    """Rankings that are not withdrawn."""
    votes: int = 0


@dataclass(frozen=True)
class RecordCounts:
    rankings: int = 0
    """Those that are not withdrawn."""
    groups: int = 0
    prompts: int = 0
    votes: int = 0
    labelers: int = 0
    by_labeler: Mapping[int, OfLabeler] = field(default_factory=dict)
    is_rough: bool = False
    """Whether it may be some seconds old."""


def count_records(session: Session) -> RecordCounts:
    """Reads each index once."""
    rankings = _by_labeler(session, Ranking)
    votes = _by_labeler(session, Vote)
    labelers = rankings.keys() | votes.keys()
    return RecordCounts(
        rankings=sum(rankings.values()),
        groups=_seen(session, Group),
        prompts=_seen(session, Prompt),
        votes=sum(votes.values()),
        labelers=_seen(session, Labeler),
        by_labeler={each: OfLabeler(rankings.get(each, 0), votes.get(each, 0)) for each in labelers},
    )


def estimate_records(session: Session) -> RecordCounts:
    """By the largest ids, which an index gives at once: at least as many as there are. Nothing of labelers."""
    tables = (Ranking, Group, Prompt, Vote, Labeler)
    rankings, groups, prompts, votes, labelers = (session.scalar(select(func.max(each.id))) or 0 for each in tables)
    return RecordCounts(rankings, groups, prompts, votes, labelers, is_rough=True)


def _seen(session: Session, of: type[Group] | type[Prompt] | type[Labeler]) -> int:
    """All, but for those of a file that is not in yet, which an index of their own counts."""
    unseen = select(func.count()).where(of.import_id.is_not(None))
    return (session.scalar(select(func.count()).select_from(of)) or 0) - (session.scalar(unseen) or 0)


def _by_labeler(session: Session, of: type[Ranking] | type[Vote]) -> dict[int, int]:
    counted = select(of.labeler_id, func.count()).where(of.withdrawn_at.is_(None)).group_by(of.labeler_id)
    return {row[0]: row[1] for row in session.execute(counted)}


class KeptCounts:
    """The last count, until it is too old; then others take it while a thread counts anew. Before the first, an
    estimate."""

    def __init__(self, read: sessionmaker[Session], clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._lock = threading.Lock()
        self._kept: RecordCounts | None = None
        self._until = 0.0

    def of(self, session: Session) -> RecordCounts:
        kept = self._kept
        if kept is None:
            kept = estimate_records(session)
            if not _are_many(kept):
                return count_records(session)
            self._kept = kept
        if self._clock() >= self._until and self._lock.acquire(blocking=False):
            threading.Thread(target=self._count_beside, name="record-counts", daemon=True).start()
        return kept

    def _count_beside(self) -> None:
        try:
            with self._read() as session:
                self._count(session)
        except (AppError, SQLAlchemyError):  # a busy database: the next page tries again
            log.warning("records were not counted", exc_info=True)
        finally:
            self._lock.release()

    def _count(self, session: Session) -> None:
        began = self._clock()
        counted = replace(count_records(session), is_rough=True)
        self._until = self._clock() + (self._clock() - began) * KEPT_TIMES
        self._kept = counted if _are_many(counted) else None


def _are_many(counts: RecordCounts) -> bool:
    return counts.rankings + counts.groups + counts.prompts + counts.votes >= MANY
