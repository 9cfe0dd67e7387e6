"""Files of every form give the same rows, each with its place; what cannot be read is named; memory is bounded."""

import errno
import json
import re
import sys
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from app.errors import InvalidError, UnavailableError
from app.processes import own_process
from app.services.data import rows
from app.services.data.row_forms import KNOWN_COLUMNS
from app.services.data.rows import readable

Rows = list[tuple[str, dict[str, Any]]]
ReadAll = Callable[[bytes], Rows]


@pytest.fixture
def read(tmp_path: Path) -> ReadAll:
    def read_all(content: bytes) -> Rows:
        path = tmp_path / "given"
        path.write_bytes(content)
        with path.open("rb") as file, readable(file, KNOWN_COLUMNS, tmp_path) as again:
            rows = [(place, dict(row)) for place, row in again()]
            assert rows == list(again()), "it can be read twice"
        assert [each.name for each in tmp_path.iterdir()] == ["given"]
        return rows

    return read_all


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a": 1}\n\n{"a": "\xe4\xbd\xa0"}', [("Line 1", {"a": 1}), ("Line 3", {"a": "你"})]),
        (BOM + b'{"a": 1}\r\n{"a": 2}\r\n', [("Line 1", {"a": 1}), ("Line 2", {"a": 2})]),
        (b' \n[\n{"a": 1},\n{"a": {"b": "]}"}}\n]\n', [("Entry 1", {"a": 1}), ("Entry 2", {"a": {"b": "]}"}})]),
        (BOM + b"[]", []),
        (b"prompt,split\nx,train\n\ny,\n", [("Line 2", {"prompt": "x", "split": "train"}),
                                           ("Line 4", {"prompt": "y", "split": None})]),
        (BOM + b'Prompt;Chosen;rejected\r\n"a;\r\n""b""";c;d\r\ne;f;g', [
            ("Line 2", {"prompt": 'a;\r\n"b"', "chosen": "c", "rejected": "d"}),
            ("Line 4", {"prompt": "e", "chosen": "f", "rejected": "g"}),
        ]),
        (b"prompt;split\r\n;\r\nx;\r\n;;;;\r\n", [("Line 3", {"prompt": "x", "split": None})]),
        (b"prompt\n" + b"x" * 200_000, [("Line 2", {"prompt": "x" * 200_000})]),
        (b'text\tMy column\nx\t"[1, 2]"\n', [("Line 2", {"text": "x", "My column": [1, 2]})]),
        (b'prompt\n[not JSON\n"{""role"": ""user""}"\n', [("Line 2", {"prompt": "[not JSON"}),
                                                      ("Line 3", {"prompt": {"role": "user"}})]),
        (b"", []),
        (b" \n\n", []),
    ],
)  # fmt: skip
def test_rows_have_their_places(read: ReadAll, content: bytes, expected: Rows) -> None:
    assert read(content) == expected


def test_entries_of_a_list_may_lie_anywhere_in_the_file(read: ReadAll, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a byte at a time: characters, numbers and marks are cut everywhere."""
    monkeypatch.setattr(rows, "READ_AT_ONCE", 1)
    given = [{"a": '你\\"]}', "b": [1.5e3, {"c": None}]}, {}, {"d": "\U0001f600"}]
    content = json.dumps(given, ensure_ascii=False, indent=1).encode()
    assert [row for _, row in read(content)] == given


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"a": 1}\n{"a": }', "Line 2: it is not valid JSON: character 7 cannot stand there: '}'"),
        (b'{"a": 1}\n{"a": "b', "Line 2: it is not valid JSON: character 7 cannot stand there: '\"b'"),
        (b'{"a": 1}\n{"a": ', "Line 2: it is not valid JSON: it ends before it is complete"),
        (b'{"a": 1}\n[1]', "Line 2: it is not a JSON object"),
        (b'{"a": 1}\n{"a": "\xff"}', "Line 2: it is not valid JSON, for it is not UTF-8 text"),
        (b'{"a": NaN}', "Line 1: a: "),
        (b'{"a": "' + b"x" * (1 << 20), "Line 1: it is longer than 1,024 kB"),
        (b'[{"a": 1}, {"a": ]', "Entry 2: it is not valid JSON"),
        (b'[{"a": 1} {"a": 2}]', "Entry 1: it is not valid JSON: after it comes"),
        (b'[{"a": 1}', "Entry 1: after it the list is not closed"),
        (b'[{"a": 1}, 5]', "Entry 2: it is not a JSON object"),
        (b'[{"a": 1}] x', "Something follows the list: 'x'"),
        (b"[" * 100_000, "Entry 1: (it is not valid JSON: its )?lists and objects are nested"),
        (b'[{"a": "' + b"x" * (1 << 21) + b'"}]', "Entry 1: it is longer than 1,024 kB"),
        (b'[{"a": "\xff"}]', "not UTF-8 text"),
        (b"x,y\n1,2\n", "file is not known: its first line is 'x,y'.*prompt, chosen and rejected"),
        (b"What is a prompt?", "file is not known: its first line is 'What is a prompt[?]'"),
        (b"prompt,split\nx\n", "Line 2: it has not as many cells as the first line has names: 1 and not 2"),
        (b"prompt,prompt\nx,y\n", "Line 1: two columns are called 'prompt'"),
        (b'prompt\nx\n"never closed\n' + b"x\n" * (1 << 20), "Line 3: its row is too long: perhaps a quotation mark"),
        (b'prompt\nx\n"y" z\n', "Line 3: it is not a row of CSV: something stands behind the quotation mark"),
        (b'prompt\nx\n"y\n', "Line 3: it is not a row of CSV: a quotation mark is opened and never closed"),
        (b"prompt\nx\ry\n", "Line 2: it is not a row of CSV: its quotation marks or line breaks"),
        (b"prompt\n\xff\n", "Line 2: it is not UTF-8 text"),
        (b"prompt," + b",".join(b"%d" % n for n in range(2_000)), "names 2,001 columns; at most 1,000"),
        (b"prompt," + b"," * 3_000_000, "Line 1: it is longer than 1,024 kB"),
        (b"\x1f\x8b\x08\0", "compressed .gzip.. Unpack it"),
        (b"PK\x03\x04", "compressed .zip."),
        ('{"a": 1}'.encode("utf-16"), "UTF-16 text. Save it as UTF-8"),
        ("prompt,split\nx,".encode("utf-16-le"), "UTF-16 text"),
        ('{"prompt": 1}'.encode("utf-16-be"), "UTF-16 text"),
        (b"PAR1 and no more", "The Parquet file cannot be read: it is damaged, cut off, or no Parquet file"),
        (b"PAR1garbagePAR1", "The Parquet file cannot be read: it is damaged, cut off, or no Parquet file"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(read: ReadAll, content: bytes, says: str) -> None:
    with pytest.raises(InvalidError, match=says) as refused:
        read(content)
    words = r"Expecting|Unterminated|delimiter|codec|recursion|Arrow|footer|\d{4}|\d[a-z]+\b|Errno|end of data"
    told = re.sub(r"Line \d+|'[^']*'|x,y", "", refused.value.message)
    assert not re.search(words, told), "our sentence, not a library's"


def as_parquet(tmp_path: Path, table: pa.Table, **options: Any) -> bytes:
    path = tmp_path / "made.parquet"
    parquet.write_table(table, path, **options)
    content = path.read_bytes()
    path.unlink()
    return content


def test_parquet(read: ReadAll, tmp_path: Path) -> None:
    given = [
        {"prompt": "x" * number, "messages": [{"role": "user", "content": "你"}], "score": number / 2, "none": None}
        for number in range(200)
    ]
    rows = read(as_parquet(tmp_path, pa.Table.from_pylist(given)))
    assert [row for _, row in rows] == given
    assert [place for place, _ in rows[:2]] == ["Row 1", "Row 2"]


def test_decimals_of_parquet_are_numbers(read: ReadAll, tmp_path: Path) -> None:
    """As a text, a temperature would be kept as one."""
    table = pa.table({"prompt": ["x"], "score": pa.array([Decimal("1.50")], pa.decimal128(5, 2))})
    assert read(as_parquet(tmp_path, table)) == [("Row 1", {"prompt": "x", "score": 1.5})]


def test_parquet_with_values_that_say_nothing_here(read: ReadAll, tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="The Parquet file holds values of type bytes in the column 'image'"):
        read(as_parquet(tmp_path, pa.table({"prompt": ["x"], "image": [b"x"]})))


def test_a_small_parquet_file_that_unpacks_to_gigabytes_is_refused(read: ReadAll, tmp_path: Path) -> None:
    """One text of 32 MB, a hundred times: 3.2 GB out of some kB."""
    column = pa.array(["x" * (32 << 20)]).dictionary_encode()
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 100, pa.int32()), column.dictionary)
    content = as_parquet(tmp_path, pa.table({"prompt": many}), compression="zstd")
    assert len(content) < 1 << 20
    with pytest.raises(InvalidError, match=r"^The Parquet file (takes too much memory|cannot be read)"):
        read(content)


def test_parquet_rows_of_more_than_the_limit_are_called_large_and_not_damaged(read: ReadAll, tmp_path: Path) -> None:
    """288 MB of rows, in groups that each fit in memory."""
    table = pa.table({"prompt": ["x" * 90_000] * 3_200})
    content = as_parquet(tmp_path, table, row_group_size=100, compression="zstd")
    with pytest.raises(InvalidError, match=r"^The Parquet file unpacks to more than this server allows\."):
        read(content)


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "disk is full"), (errno.EIO, "could not read or write")],
)
def test_a_server_without_room_does_not_blame_the_parquet_file(
    read: ReadAll, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    content = as_parquet(tmp_path, pa.table({"prompt": ["x"]}))
    broken = (
        "from app.services.data import parquet_child as child\n"
        f"def line_of(row): raise OSError({number}, 'told')\n"
        "child.line_of = line_of\nchild.main()"
    )
    monkeypatch.setattr(own_process, "command", lambda _module: [sys.executable, "-c", broken])
    with pytest.raises(UnavailableError, match=says):
        read(content)


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_parquet_file_is_refused_or_read(read: ReadAll, tmp_path: Path, seed: int) -> None:
    """Lengths and sizes in it are lies then; nothing of this process depends on them."""
    content = bytearray(as_parquet(tmp_path, pa.table({"prompt": [f"prompt {n}" for n in range(50)]})))
    for step in range(4):
        content[4 + (seed * 7919 + step * 104_729) % (len(content) - 8)] ^= 0xFF
    taken = outcome(read, bytes(content))
    assert isinstance(taken, int) or "Parquet" in taken or "UTF-8" in taken
    assert not isinstance(taken, int) or taken <= 50


def outcome(read: ReadAll, content: bytes) -> int | str:
    """How many rows, or why not."""
    try:
        return len(read(content))
    except InvalidError as error:
        return error.message


@pytest.mark.parametrize("start", [b"[", b"prompt\n", b""])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, start: bytes) -> None:
    """Eight MB of rows, at most two in memory."""
    path = tmp_path / "long"
    with path.open("wb") as file:
        file.write(start)
        for number in range(800):
            value = b"x" * 10_000
            comma = b"," if start == b"[" and number else b""
            file.write(comma + (b'{"prompt": "%b"}\n' % value if start != b"prompt\n" else value + b"\n"))
        file.write(b"]" if start == b"[" else b"")
    with path.open("rb") as opened, readable(opened, KNOWN_COLUMNS) as again:
        tracemalloc.start()
        try:
            assert sum(1 for _ in again()) == 800
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 2_000_000
