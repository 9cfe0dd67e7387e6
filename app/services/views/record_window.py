"""Pages of a table in the order of an index: each looks at so many rows at most, whatever is searched for.

What an index answers (`along`) is never counted; what it does not (`wanted`) is looked up row by row, and where too few
of LOOKED_THROUGH rows are wanted, the page is short and says where the next one goes on. So a page takes the same time
with a hundred rows and with a million (keyset paging; Winand, "SQL Performance Explained", chapter 7).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.errors import InvalidError
from app.formats.ids import MAX_ID, parse_id
from app.services.paging import Page
from app.translation import _

LOOKED_THROUGH = 3_000
MARK = "-"
Row = TypeVar("Row")


@dataclass(frozen=True)
class Order:
    """By whole numbers that an index holds in this order; the last of them is the id, so no two rows are equal."""

    keys: tuple[InstrumentedAttribute[Any], ...]
    falling: bool

    @property
    def by(self) -> list[ColumnElement[Any]]:
        return [key.desc() if self.falling else key.asc() for key in self.keys]

    def behind(self, place: Sequence[int]) -> ColumnElement[bool]:
        here, there = self._here, self._there(place)
        condition: ColumnElement[bool] = here < there if self.falling else here > there
        return condition

    def until(self, place: Sequence[int]) -> ColumnElement[bool]:
        here, there = self._here, self._there(place)
        condition: ColumnElement[bool] = here >= there if self.falling else here <= there
        return condition

    def place_of(self, row: Any) -> list[int]:
        return [getattr(row, key.key) for key in self.keys]

    def parse(self, cursor: str) -> list[int]:
        *values, row_id = cursor.split(MARK)
        numbers = [int(value) for value in values if value.isascii() and value.isdigit() and len(value) <= 10]
        last = parse_id(row_id)
        if (
            last is None
            or not len(values) == len(numbers) == len(self.keys) - 1
            or any(number > MAX_ID for number in numbers)
        ):
            raise InvalidError(
                "after is not a cursor of this list: pass the `next` value of the page before.",
                page=_("This address leads nowhere in the list. Begin at its first page."),
            )
        return [*numbers, last]

    @property
    def _here(self) -> Any:
        return self.keys[0].expression if len(self.keys) == 1 else tuple_(*self.keys)

    def _there(self, place: Sequence[int]) -> Any:
        return place[0] if len(self.keys) == 1 else tuple_(*place)


def look_through(
    session: Session,
    statement: Select[Row],
    order: Order,
    *,
    along: Sequence[ColumnElement[bool]],
    wanted: Sequence[ColumnElement[bool]],
    after: str | None,
    limit: int,
) -> Page[Row]:
    """`statement` gives the table's rows, with whatever `wanted` needs joined to them. Raises InvalidError for a cursor
    of another list."""
    conditions = [*along, *([] if after is None else [order.behind(order.parse(after))])]
    last: Sequence[int] | None = None
    if wanted:
        window = select(*order.keys).where(*conditions).order_by(*order.by).offset(LOOKED_THROUGH - 1).limit(1)
        last = session.execute(window).first()
    if last is not None:
        conditions.append(order.until(last))
    page = statement.where(*conditions, *wanted).order_by(*order.by).limit(limit + 1)
    rows: list[Any] = list(session.scalars(page))
    place = order.place_of(rows[limit - 1]) if len(rows) > limit else last
    return Page(rows[:limit], None if place is None else MARK.join(map(str, place)))
