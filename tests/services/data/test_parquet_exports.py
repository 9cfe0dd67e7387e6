"""Exports as Parquet hold what the lines hold, and no more of them is in memory than a group of rows."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyarrow import parquet
from sqlalchemy import Engine as Database
from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker

from app.formats.json_lines import json_line
from app.services import paging
from app.services.data import export_columns, exports, parquet_exports, vote_exports
from app.services.data.export_columns import Columns
from app.services.data.parquet_exports import parquet_of
from tests.services.conftest import Rank

Rows = Iterator[dict[str, Any]]
EXPORTS: dict[str, tuple[Callable[[sessionmaker[Session]], Rows], Columns]] = {
    "prompts": (exports.export_prompts, export_columns.PROMPTS),
    "rankings": (exports.export_rankings, export_columns.RANKINGS),
    "comparisons": (exports.export_comparisons, export_columns.COMPARISONS),
    "plain comparisons": (exports.export_plain_comparisons, export_columns.PLAIN_COMPARISONS),
    "votes": (vote_exports.export_votes, export_columns.VOTES),
}


def rows_in(file: bytes, columns: Columns) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(file)).to_pylist()
    texts = [name for name, shape in columns.items() if shape is dict]
    return [row | {name: json.loads(row[name]) for name in texts} for row in rows]


@pytest.mark.parametrize("name", EXPORTS)
def test_it_holds_what_the_lines_hold(sessions: sessionmaker[Session], rank: Rank, name: str) -> None:
    rank([3, 1, 4, 2], text="\x85 \u2028 你好 \U0001f600\t")
    rank([1, 1, 1, 2])
    export, columns = EXPORTS[name]
    lines = [json.loads(json_line(row)) for row in export(sessions)]
    assert bool(lines) == (name != "votes")
    assert rows_in(b"".join(parquet_of(export(sessions), columns)), columns) == lines


def test_rows_are_read_as_the_file_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_exports, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(parquet_exports, "ROWS_OF_A_GROUP", 10)
    read: list[int] = []

    def rows() -> Rows:
        for number in range(50):
            read.append(number)
            yield {"number": number, "words": ["a", None]}

    pieces = parquet_of(rows(), {"number": int, "words": [str]})
    assert read == [], "nothing before somebody asks"
    file = next(pieces)
    assert len(read) == 12, "a group, in whole batches"
    file += next(pieces)
    assert len(read) == 24
    file += b"".join(pieces)
    told = parquet.ParquetFile(io.BytesIO(file))
    assert (told.num_row_groups, told.read()["number"].to_pylist()) == (5, list(range(50)))


def test_what_has_no_column_is_not_lost_in_silence() -> None:
    with pytest.raises(AssertionError, match="no column"):
        list(parquet_of([{"number": 1, "more": 2}], {"number": int}))


@pytest.mark.parametrize("as_parquet", [False, True])
def test_a_client_that_stalls_holds_no_transaction_and_no_more_rows_than_a_window(
    database: Database,
    sessions: sessionmaker[Session],
    rank: Rank,
    monkeypatch: pytest.MonkeyPatch,
    as_parquet: bool,
) -> None:
    for _ in range(9):
        rank([1, 2, 3, 4])
    monkeypatch.setattr(paging, "BATCH_ROWS", 2)
    monkeypatch.setattr(parquet_exports, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(parquet_exports, "ROWS_OF_A_GROUP", 2)
    windows: list[str] = []
    open_transactions: list[object] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        windows.extend([statement] * (statement.startswith("SELECT rankings") and "LIMIT" in statement))

    event.listen(database, "before_cursor_execute", note)
    event.listen(database, "begin", open_transactions.append)
    for ending in ("rollback", "commit"):
        event.listen(database, ending, open_transactions.remove)
    rows = exports.export_rankings(sessions)
    pieces: Iterator[Any] = parquet_of(rows, export_columns.RANKINGS) if as_parquet else map(json_line, rows)
    next(pieces)
    assert open_transactions == []
    assert len(windows) == 1, "it reads on only as the client does"
    for _ in pieces:
        assert open_transactions == []
    assert len(windows) == 5


def test_settings_that_nobody_gave_are_null_and_no_text() -> None:
    file = b"".join(parquet_of([{"settings": None}, {"settings": {"seed": 1}}], {"settings": dict}))
    assert parquet.read_table(io.BytesIO(file))["settings"].to_pylist() == [None, '{"seed": 1}']
