"""A file of an export, in pieces as they go out: JSON Lines or Parquet."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from app.formats.json_lines import json_line
from app.services.data.export_columns import Columns
from app.services.data.parquet_exports import parquet_of

CHARACTERS_AT_ONCE = 1 << 16


class FileFormat(StrEnum):
    """By the ending of a file's name."""

    JSON_LINES = "jsonl"
    PARQUET = "parquet"


MEDIA_TYPES = {FileFormat.JSON_LINES: "application/jsonl", FileFormat.PARQUET: "application/vnd.apache.parquet"}


def pieces_of(
    rows: Iterable[dict[str, Any]], columns: Columns, file_format: FileFormat
) -> Iterator[str] | Iterator[bytes]:
    return parquet_of(rows, columns) if file_format is FileFormat.PARQUET else _lines_of(rows)


def _lines_of(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Each piece takes the server's threads a turn, and the network a write: a line is too little for that."""
    lines: list[str] = []
    length = 0
    for row in rows:
        line = json_line(row)
        lines.append(line)
        length += len(line)
        if length >= CHARACTERS_AT_ONCE:
            yield "".join(lines)
            lines, length = [], 0
    yield "".join(lines)
