"""One spelling and one range of ids, for texts and for parsed JSON alike."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.formats.ids import MAX_ID, EventId, RowId, parse_id

NEVER: list[Any] = [
    "",
    "-1",
    "+1",
    " 1",
    "1 ",
    "1\n",
    "1_0",
    "01",
    "1.0",
    "1e3",
    "٣",
    "３",
    "²",
    "9" * 5_000,
    str(MAX_ID + 1),
]
ROW: TypeAdapter[int] = TypeAdapter(RowId)
EVENT: TypeAdapter[int] = TypeAdapter(EventId)


@pytest.mark.parametrize("text", [*NEVER, "0"])
def test_no_ids(text: str) -> None:
    assert parse_id(text) is None
    with pytest.raises(ValidationError):
        ROW.validate_python(text)


@pytest.mark.parametrize("value", [*NEVER, True, False, -1, MAX_ID + 1, 10**20, 1.5, float("nan"), float("inf"), None])
def test_no_numbers_of_events(value: Any) -> None:
    with pytest.raises(ValidationError):
        EVENT.validate_python(value)


@pytest.mark.parametrize("number", [1, 10, MAX_ID])
def test_ids(number: int) -> None:
    assert parse_id(str(number)) == ROW.validate_python(str(number)) == ROW.validate_python(number) == number
    assert EVENT.validate_python("0") == 0
