"""Labelers as a record to be looked through: those who gave most first, or the newest."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.db.models.labelers import Labeler, LabelerKind
from app.services.paging import Page
from app.services.views.record_counts import OfLabeler
from app.services.views.record_window import Order, look_through

NEWEST = Order((Labeler.id,), falling=True)


@dataclass(frozen=True)
class LabelersWanted:
    words: str = ""
    """Part of the name."""
    kind: LabelerKind | None = None
    newest_first: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.words:
            conditions.append(Labeler.name.icontains(self.words, autoescape=True))
        if self.kind is not None:
            conditions.append(Labeler.kind == self.kind)
        return conditions


def list_labelers(
    session: Session, wanted: LabelersWanted, counts: Mapping[int, OfLabeler], *, after: str | None, limit: int
) -> Page[Labeler]:
    """Newest first; or those first who gave most, and then the cursor is the last one's id among them: who gave nothing
    stands behind all of them, the newest first."""
    if wanted.newest_first:
        return look_through(
            session, select(Labeler), NEWEST, along=(), wanted=wanted.conditions(), after=after, limit=limit
        )
    ids = session.scalars(select(Labeler.id).where(*wanted.conditions())).all()
    ordered = sorted(ids, key=lambda each: (-given(counts, each), -each))
    start = 0
    if after is not None:
        [last] = NEWEST.parse(after)
        start = next((place for place, each in enumerate(ordered, start=1) if each == last), 0)
    page = ordered[start : start + limit]
    rows = {each.id: each for each in session.scalars(select(Labeler).where(Labeler.id.in_(page)))}
    return Page([rows[each] for each in page], str(page[-1]) if len(ordered) > start + limit else None)


def given(counts: Mapping[int, OfLabeler], labeler_id: int) -> int:
    """Rankings and votes."""
    count = counts.get(labeler_id, OfLabeler())
    return count.in_force + count.votes
