"""Ids of rows, wherever one comes in: path, query, body, header, form, cursor, model name. One spelling, one range."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

MAX_ID = 2**31 - 1
"""The largest key of PostgreSQL's integer columns. SQLite's are larger, and no installation comes near either."""


_DIGITS = re.compile("0|[1-9][0-9]{0,9}")


def parse_id(text: str) -> int | None:
    """The id that `text` spells; None where it can be the id of nothing."""
    number = int(text) if _DIGITS.fullmatch(text) else 0
    return number if 1 <= number <= MAX_ID else None


def _spelled_plainly(value: Any) -> Any:
    """int() would take more: " 1", "+1", "1_0", digits of other scripts, and true from JSON."""
    if isinstance(value, bool) or (isinstance(value, str) and not _DIGITS.fullmatch(value)):
        raise ValueError(f"an id is a whole number up to {MAX_ID}, in the digits 0 to 9")
    return value


RowId = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(_spelled_plainly)]
EventId = Annotated[int, Field(ge=0, le=MAX_ID), BeforeValidator(_spelled_plainly)]
"""Of a stream's event, as `Last-Event-ID` names it; 0 is before the first."""
