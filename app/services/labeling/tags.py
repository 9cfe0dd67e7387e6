"""Tags of prompts, groups and rankings: given and taken away by anybody, looked for, and gone with their record."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, func, insert, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db.base import utc_now
from app.db.models.groups import Group
from app.db.models.prompts import Prompt
from app.db.models.rankings import Ranking
from app.db.models.tags import Tag, Tagged
from app.errors import InvalidError, NotFoundError
from app.formats.texts import clean_name
from app.translation import _

MAX_TAG_CHARACTERS = 40
MOST_TAGS = 20
"""Of one record."""
MOST_NAMES = 200
"""That a list offers to choose from."""
AT_ONCE = 500
_IDS: Mapping[Tagged, InstrumentedAttribute[int]] = {
    Tagged.PROMPT: Prompt.id,
    Tagged.GROUP: Group.id,
    Tagged.RANKING: Ranking.id,
}


def check_tags(given: Iterable[str]) -> list[str]:
    """Each once, in its one form, in order; raises InvalidError."""
    names = sorted({clean_name(name, what=_("A tag"), most=MAX_TAG_CHARACTERS) for name in given})
    if len(names) > MOST_TAGS:
        raise InvalidError(_("A record has {most} tags at most. Take one away first.", most=MOST_TAGS))
    return names


def tags_of(session: Session, kind: Tagged, record_id: int) -> list[str]:
    """Raises NotFoundError where there is no such record."""
    if session.scalar(_record(kind, record_id)) is None:
        raise NotFoundError(_("There is no such record any more. The Data page lists those there are."))
    mine = Tag.kind == kind, Tag.record_id == record_id
    return list(session.scalars(select(Tag.name).where(*mine).order_by(Tag.name)))


def set_tags(session: Session, kind: Tagged, record_id: int, given: Iterable[str]) -> list[str]:
    """These and no others from now on."""
    before, names = set(tags_of(session, kind, record_id)), check_tags(given)
    gone = before - set(names)
    session.execute(delete(Tag).where(Tag.kind == kind, Tag.record_id == record_id, Tag.name.in_(gone)))
    store_tags(session, kind, [(record_id, name) for name in names if name not in before])
    return names


def change_tag(session: Session, kind: Tagged, record_id: int, name: str, *, add: bool) -> list[str]:
    """One more or one less; again changes nothing."""
    before = set(tags_of(session, kind, record_id))
    [name] = check_tags([name])
    return set_tags(session, kind, record_id, before | {name} if add else before - {name})


def store_tags(session: Session, kind: Tagged, of_records: Iterable[tuple[int, str]]) -> None:
    """Checked ones that their records do not have yet."""
    now = utc_now()
    rows = [{"kind": kind, "record_id": record, "name": name, "created_at": now} for record, name in of_records]
    if rows:
        session.execute(insert(Tag), rows)


def add_tags(session: Session, kind: Tagged, of_records: Iterable[tuple[int, str]]) -> None:
    """Those that they have are left as they are, and so is a record that is gone or has as many as it may."""
    for record_id, name in of_records:
        if session.scalar(_record(kind, record_id)) is not None:
            here = tags_of(session, kind, record_id)
            if name not in here and len(here) < MOST_TAGS:
                store_tags(session, kind, [(record_id, name)])


def forget_tags(session: Session, kind: Tagged, records: Sequence[int] | Select[int]) -> None:
    """Before the records are deleted."""
    session.execute(delete(Tag).where(Tag.kind == kind, Tag.record_id.in_(records)))


def known_tags(session: Session, kind: Tagged) -> list[tuple[str, int]]:
    """Names with how many records have them, those of most first."""
    counted = select(Tag.name, func.count()).where(Tag.kind == kind).group_by(Tag.name)
    rows = session.execute(counted.order_by(func.count().desc(), Tag.name).limit(MOST_NAMES))
    return [(row[0], row[1]) for row in rows]


def has_tag(kind: Tagged, name: str) -> ColumnElement[bool]:
    """Found from the tag's side: few records of many have it."""
    return _IDS[kind].in_(select(Tag.record_id).where(Tag.kind == kind, Tag.name == name))


def has_tag_like(kind: Tagged, words: str) -> ColumnElement[bool]:
    """Whether any holds the words; found from the record's side."""
    like = Tag.name.icontains(words, autoescape=True)
    return exists().where(Tag.kind == kind, Tag.record_id == _IDS[kind], like)


def _record(kind: Tagged, record_id: int) -> Select[Any]:
    """Not one of a file that is not in yet."""
    if kind is Tagged.PROMPT:
        return select(Prompt.id).where(Prompt.id == record_id, Prompt.is_visible())
    there = select(Group.id).where(Group.import_id.is_(None))
    if kind is Tagged.GROUP:
        return there.where(Group.id == record_id)
    return there.join(Ranking, Ranking.group_id == Group.id).where(Ranking.id == record_id)
