"""Exports as Parquet files, a piece at a time: no more rows are in memory than one group of them, however long the
file is and however slowly it is read."""

import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from app.services.data.export_columns import Columns

ROWS_AT_ONCE = 200
"""That stand in memory as Python's objects, which take ten times what Arrow's do."""
ROWS_OF_A_GROUP = 5_000
PLAIN = {int: "int64", float: "float64", str: "string", bool: "bool", dict: "string"}


def parquet_of(rows: Iterable[dict[str, Any]], columns: Columns) -> Iterator[bytes]:
    """The file in pieces, the last of which says where everything is. `rows` have all of `columns` and no others."""
    import pyarrow
    from pyarrow import parquet

    def type_of(shape: Any) -> Any:
        if isinstance(shape, list):
            return pyarrow.list_(type_of(shape[0]))
        if isinstance(shape, dict):
            return pyarrow.struct([(name, type_of(each)) for name, each in shape.items()])
        return pyarrow.type_for_alias(PLAIN[shape])

    schema = pyarrow.schema([(name, type_of(shape)) for name, shape in columns.items()])
    as_text = [name for name, shape in columns.items() if shape is dict]
    left, sink, group = iter(rows), _Written(), pyarrow.Table.from_batches([], schema)
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        while some := list(islice(left, ROWS_AT_ONCE)):
            assert all(row.keys() == columns.keys() for row in some), "what has no column would be lost"
            some = [_with_texts(row, as_text) for row in some]
            group = pyarrow.concat_tables([group, pyarrow.Table.from_pylist(some, schema=schema)])
            if group.num_rows >= ROWS_OF_A_GROUP:
                writer.write_table(group)
                group = group.slice(0, 0)
                yield sink.taken()
        if group.num_rows:
            writer.write_table(group)
    yield sink.taken()


def _with_texts(row: dict[str, Any], as_text: list[str]) -> dict[str, Any]:
    return row | {name: None if row[name] is None else json.dumps(row[name]) for name in as_text}


class _Written(io.RawIOBase):
    """A file that is only written, from which what was written is taken away."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        data = bytes(piece)
        self._pieces.append(data)
        return len(data)

    def taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data
