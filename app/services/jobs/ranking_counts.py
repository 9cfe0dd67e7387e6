"""How many rankings are in force, those that a training would learn from now: all rows, less the few that are left out
(`Ranking.left_out`). With a million rankings no page and no ranking that is saved waits for them to be looked at one by
one."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.rankings import Ranking


@dataclass(frozen=True)
class RankingCounts:
    """Rankings in force."""

    people: int
    simulated: int
    imported: int
    """Of files that do not say who ranked."""

    @property
    def total(self) -> int:
        return self.people + self.simulated + self.imported


@dataclass(frozen=True)
class LeftOut:
    """Rankings that are not in force: found once, for whoever counts in two ways."""

    by_labeler: Mapping[int, int]
    newest: int
    later: int
    """Those with later ids than `newest`."""

    @property
    def total(self) -> int:
        return sum(self.by_labeler.values())


def find_left_out(session: Session, newest: int = 0) -> LeftOut:
    found = Ranking.left_out().subquery()
    counts = func.count(), func.count().filter(Ranking.id > newest)
    by_labeler = select(Ranking.labeler_id, *counts).join(found, found.c.id == Ranking.id).group_by(Ranking.labeler_id)
    rows = session.execute(by_labeler).all()
    return LeftOut({row[0]: row[1] for row in rows}, newest, sum(row[2] for row in rows))


def count_rankings(session: Session, left_out: LeftOut | None = None) -> RankingCounts:
    """Those of others than people are counted by their labelers; the rest are people's. `left_out`: where it is known
    already."""
    left_out = left_out or find_left_out(session)
    others = select(Labeler.id, Labeler.kind).where(Labeler.kind != LabelerKind.PERSON)
    kinds: dict[int, LabelerKind] = {row[0]: row[1] for row in session.execute(others)}
    by_labeler = select(Ranking.labeler_id, func.count()).group_by(Ranking.labeler_id)
    counted = {**dict.fromkeys(LabelerKind, 0), LabelerKind.PERSON: _rows(session)}
    given = by_labeler.where(Ranking.labeler_id.in_(others.with_only_columns(Labeler.id)))
    for labeler_id, count in session.execute(given):
        counted[LabelerKind.PERSON] -= count
        counted[kinds[labeler_id]] += count
    for labeler_id, count in left_out.by_labeler.items():
        counted[kinds.get(labeler_id, LabelerKind.PERSON)] -= count
    return RankingCounts(*(counted[kind] for kind in LabelerKind))


def count_around(session: Session, newest: int, left_out: LeftOut | None = None) -> tuple[int, int]:
    """Those with later ids than `newest`, and the others. `left_out`: found for the same `newest`."""
    if left_out is None:
        found = Ranking.left_out().subquery()
        gone = select(func.count().filter(found.c.id > newest), func.count()).select_from(found)
        gone_later, all_gone = session.execute(gone).one()
    else:
        gone_later, all_gone = left_out.later, left_out.total
    together = _rows(session)
    later = _rows(session, Ranking.id > newest) if newest else together
    return later - gone_later, (together - later) - (all_gone - gone_later)


def _rows(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Ranking).where(*conditions)) or 0
