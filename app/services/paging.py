"""Cursor paging: a page of rows and the cursor of the next one, or all rows page by page. Rows that arrive meanwhile
never shift a page."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session, sessionmaker

from app.errors import InvalidError
from app.formats.ids import parse_id
from app.translation import _

MAX_LIMIT = 500
BATCH_ROWS = 200
Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    items: list[Row]
    next: str | None
    """Pass it as `after` for the following page; None at the end."""


def check_limit(limit: int) -> int:
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidError(_("limit goes from 1 to {max_limit}.", max_limit=MAX_LIMIT))
    return limit


def page_by_id(
    session: Session,
    statement: Select[Row],
    column: InstrumentedAttribute[int],
    *,
    after: str | None,
    limit: int,
    newest_first: bool,
) -> Page[Row]:
    """One page in the order of an integer key; the cursor is the last key of the page before."""
    check_limit(limit)
    if after is not None:
        key = parse_cursor(after)
        statement = statement.where(column < key if newest_first else column > key)
    statement = statement.order_by(column.desc() if newest_first else column.asc()).limit(limit + 1)
    rows: list[Any] = list(session.scalars(statement))
    return Page(rows[:limit], str(getattr(rows[limit - 1], column.key)) if len(rows) > limit else None)


def parse_cursor(after: str) -> int:
    key = parse_id(after)
    if key is None:
        raise InvalidError(
            "after is not a cursor of this list: pass the `next` value of the page before.",
            page=_("This address leads nowhere in the list. Begin at its first page."),
        )
    return key


def in_batches(read: sessionmaker[Session], statement: Select[Row], key: InstrumentedAttribute[int]) -> Iterator[Row]:
    """All rows in the order of their ids, so many in each transaction."""
    after = 0
    while True:
        with read() as session:
            batch: list[Any] = list(session.scalars(statement.where(key > after).order_by(key).limit(BATCH_ROWS)))
        yield from batch
        if len(batch) < BATCH_ROWS:
            return
        after = getattr(batch[-1], key.key)
