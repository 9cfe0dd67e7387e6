"""Labelers as a record to be looked through: those who gave most first, or the newest; and how many cards two people
ranked."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from app.db.models.groups import Group
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.rankings import Ranking
from app.services.labeling import label_settings
from app.services.paging import Page
from app.services.views.record_counts import OfLabeler
from app.services.views.record_window import Order, look_through

NEWEST = Order((Labeler.id,), falling=True)
MOST_COUNTED = 1_000
"""Second cards; more are "at least so many": a page waits for no count."""


@dataclass(frozen=True)
class LabelersWanted:
    words: str = ""
    """Part of the name."""
    kind: LabelerKind | None = None
    newest_first: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [Labeler.import_id.is_(None)]
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


@dataclass(frozen=True)
class SecondCards:
    """Cards that went to a second person (app/services/labeling/repeats.py)."""

    ranked: int
    """At most MOST_COUNTED."""
    people: int
    """Who ranked anything, at most two."""
    share: float
    """Of cards, those that go to a second person now."""


def second_cards(session: Session) -> SecondCards:
    standing = Ranking.withdrawn_at.is_(None)
    ranked = select(Group.id).where(
        Group.second_of.is_not(None), exists().where(Ranking.group_id == Group.id, standing)
    )
    who = exists().where(Ranking.labeler_id == Labeler.id, standing)
    people = select(Labeler.id).where(Labeler.kind == LabelerKind.PERSON, who)
    first, few = (read.limit(most).subquery() for read, most in ((ranked, MOST_COUNTED), (people, 2)))
    return SecondCards(
        session.scalar(select(func.count()).select_from(first)) or 0,
        session.scalar(select(func.count()).select_from(few)) or 0,
        label_settings.chosen(session).second_share,
    )
