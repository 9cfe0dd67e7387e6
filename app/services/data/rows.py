"""Reads the rows of a file of any length in bounded memory: JSON Lines, a JSON list, CSV or Parquet.

Each row comes with its place, as a person finds it again ("Line 3"). What cannot be read is an InvalidError that says
which place and why.
"""

import codecs
import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from app.errors import InvalidError
from app.formats.strict_json import JsonValueError, NotJsonError, parse_json
from app.formats.texts import clean_text
from app.services.data.parquet_rows import json_lines_of_parquet
from app.services.data.row_places import OnBad, Place, RowError, Rows, refuse
from app.translation import N_, _

MAX_ROW_BYTES = 1 << 20
READ_AT_ONCE = 1 << 16
MAX_COLUMNS = 1_000
SEPARATORS = ",;\t|"
PARQUET = b"PAR1"
PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
}
OTHER_TEXT = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
FORMS = N_("JSON Lines (an object a line), a JSON list, CSV with the columns' names in its first line, or Parquet")
TOO_LONG = N_("it is longer than {n} kB.")
LINE, ROW, ENTRY = N_("Line {n}"), N_("Row {n}"), N_("Entry {n}")


def too_long() -> str:
    return _(TOO_LONG, n=f"{MAX_ROW_BYTES >> 10:,}")


@contextmanager
def readable(file: IO[bytes], known: frozenset[str], folder: Path | None = None) -> Iterator[Rows]:
    """Gives a function that reads the rows from the first on, as often as it is called. It raises RowError where the
    rest of the file cannot be told into rows any more. `known`: names of columns by
    which a table is recognised; `folder`: where files may be written meanwhile."""
    file.seek(0)
    start = file.read(READ_AT_ONCE)
    if start.startswith(PARQUET):
        with json_lines_of_parquet(file, folder) as lines:
            yield partial(_json_lines, lines, ROW)
        return
    for mark, name in PACKED.items():
        if start.startswith(mark):
            raise InvalidError(_("The file is compressed ({name}). Unpack it and send what is inside.", name=name))
    if start.startswith(OTHER_TEXT) or b"\0" in start[:4]:
        raise InvalidError(_("The file is UTF-16 text. Save it as UTF-8 and send it again."))
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    first, line = text[:1], text.partition(b"\n")
    if line[0].strip() == b"{" and line[1]:
        raise InvalidError(_("Its first line is only the beginning of a JSON object. Send {forms}.", forms=_(FORMS)))
    if first in (b"{", b""):
        yield partial(_json_lines, file, LINE)
    elif first == b"[":
        yield partial(_json_list, file)
    else:
        yield partial(_table, file, known)


def _from_start(file: IO[bytes]) -> None:
    """Behind a mark of byte order, as Windows writes it."""
    file.seek(0)
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)


def _lines(file: IO[bytes], word: str) -> Iterator[tuple[str, bytes]]:
    _from_start(file)
    number = 0
    while line := file.readline(MAX_ROW_BYTES + 1):
        number += 1
        if len(line) > MAX_ROW_BYTES:
            raise RowError(_(word, n=number), too_long())
        yield _(word, n=number), line


def _json_lines(file: IO[bytes], word: str, on_bad: OnBad = refuse) -> Iterator[Place]:
    """Blank lines are counted, and are nothing."""
    for place, line in _lines(file, word):
        if line.strip():
            yield from _read(line, place, on_bad)


def _read(data: bytes, place: str, on_bad: OnBad) -> Iterator[Place]:
    """The row, or none where it is bad."""
    try:
        row = _object(data, place)
    except RowError as error:
        on_bad(error)
    else:
        yield place, row


def _object(data: bytes, place: str) -> dict[str, Any]:
    try:
        row = parse_json(data)
    except NotJsonError as error:
        raise RowError(place, _("it is not valid JSON ({error}).", error=error)) from error
    except JsonValueError as error:
        raise RowError(place, _("{error}.", error=error)) from error
    if not isinstance(row, dict):
        raise RowError(place, _("it is not a JSON object."))
    return row


def _json_list(file: IO[bytes], on_bad: OnBad = refuse) -> Iterator[Place]:
    """Its entries, one after the other: of the file, no more is held than one of them may be long."""
    _from_start(file)
    text = _Ahead(file)
    text.skip("[")
    number, place = 0, _(ENTRY, n=1)
    while not text.skip("]"):
        if number and not text.skip(","):
            broken = N_("it is not valid JSON: after it comes {sight}, not a comma.")
            unclosed = N_("after it the list is not closed: a ] is missing, or the file was cut off.")
            raise RowError(place, _(broken if text.more() else unclosed, sight=repr(text.sight())))
        number += 1
        place = _(ENTRY, n=number)
        yield from _read(text.value(place), place, on_bad)
    if text.more():
        said = N_("Something follows the list: {sight}. Send {forms}.")
        raise InvalidError(_(said, sight=repr(text.sight()), forms=_(FORMS)))


class _Ahead:
    """Text that is read piece by piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._text, self._ended = file, "", False
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def _read(self) -> bool:
        if self._ended:
            return False
        piece = self._file.read(max(READ_AT_ONCE, len(self._text)))
        self._ended = not piece
        try:
            self._text += self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise InvalidError(
                _("The file is not UTF-8 text. Save it as UTF-8, unpacked, and send it again.")
            ) from error
        return bool(piece)

    def more(self) -> bool:
        """Whether anything but blanks is left."""
        while not (text := self._text.lstrip()) and self._read():
            pass
        self._text = text
        return bool(text)

    def skip(self, mark: str) -> bool:
        """Whether it stands there."""
        stands = self.more() and self._text.startswith(mark)
        self._text = self._text[len(mark) :] if stands else self._text
        return stands

    def sight(self) -> str:
        """What comes next, for a sentence."""
        return self._text[:20]

    def value(self, place: str) -> bytes:
        """The next one, as it is written."""
        self.more()
        while True:
            try:
                _parsed, end = json.JSONDecoder().raw_decode(self._text)
            except (ValueError, RecursionError) as error:
                if len(self._text) <= MAX_ROW_BYTES and self._read():
                    continue
                long = len(self._text) > MAX_ROW_BYTES
                why = too_long() if long else _("it is not valid JSON ({error}).", error=error or "too deep")
                raise RowError(place, why) from error
            value, self._text = self._text[:end].encode("utf-8", "surrogatepass"), self._text[end:]
            if len(value) > MAX_ROW_BYTES:
                raise RowError(place, too_long())
            return value


def _table(file: IO[bytes], known: frozenset[str], on_bad: OnBad = refuse) -> Iterator[Place]:
    """CSV, whatever separates its cells. An empty cell is nothing, and a row of such is none; one that holds a JSON
    list or object is that."""
    separator = _separator(file, known)
    csv.field_size_limit(MAX_ROW_BYTES)  # of the whole process; nothing else here reads CSV
    at = _Reached()
    rows = csv.reader(_texts(file, at), delimiter=separator, strict=True)
    names: list[str] | None = None
    while True:
        at.begin()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise RowError(at.place, _("it is not a row of CSV ({error}).", error=error)) from error
        if names is None:
            names = _names(cells, known)
        elif any(map(str.strip, cells)):
            if len(cells) == len(names):
                yield at.place, dict(zip(names, map(_cell, cells), strict=True))
            else:
                told = _(
                    "it has {n} cells; the first line names {n2} columns.", n=f"{len(cells):,}", n2=f"{len(names):,}"
                )
                on_bad(RowError(at.place, told))


@dataclass
class _Reached:
    """How far a table is read."""

    lines: int = 0
    place: str = field(default_factory=lambda: _(LINE, n=1))
    """Where the row that is read begins."""
    row_bytes: int = 0

    def begin(self) -> None:
        self.place, self.row_bytes = _(LINE, n=self.lines + 1), 0


def _texts(file: IO[bytes], at: _Reached) -> Iterator[str]:
    for place, line in _lines(file, LINE):
        at.lines += 1
        at.row_bytes += len(line)
        if at.row_bytes > MAX_ROW_BYTES:
            raise RowError(at.place, _("its row is too long: perhaps a quotation mark was never closed."))
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RowError(place, _("it is not UTF-8 text. Save the file as UTF-8 and send it again.")) from error


def _separator(file: IO[bytes], known: frozenset[str]) -> str:
    """The one by which the first line has names that are known, most of them."""
    first = next(iter(_texts(file, _Reached())), "")

    def recognised(separator: str) -> int:
        try:
            return len({_name(cell, known) for cell in next(csv.reader([first], delimiter=separator), [])} & known)
        except csv.Error:
            return 0

    best = max(SEPARATORS, key=recognised)
    if not recognised(best):
        shown = clean_text(first)[:80]
        raise InvalidError(
            _(
                "This kind of file is not known: its first line is {shown}. Send {forms}. Columns are called "
                "for example prompt, or prompt, chosen and rejected (docs/data.md names them all).",
                shown=repr(shown),
                forms=_(FORMS),
            )
        )
    return best


def _names(cells: list[str], known: frozenset[str]) -> list[str]:
    names = [_name(cell, known) for cell in cells]
    if len(names) > MAX_COLUMNS:
        said = N_("it names {n} columns; at most {max_columns} are taken.")
        raise RowError(_(LINE, n=1), _(said, n=f"{len(names):,}", max_columns=f"{MAX_COLUMNS:,}"))
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise RowError(_(LINE, n=1), _("two columns are called {twice}. Rename one.", twice=repr(twice[:60])))
    return names


def _name(cell: str, known: frozenset[str]) -> str:
    name = clean_text(cell)
    return name.lower() if name.lower() in known else name


def _cell(text: str) -> object:
    if not text.strip():
        return None
    if text.lstrip()[0] in "[{":
        try:
            parsed = parse_json(text.encode("utf-8"))
        except ValueError:
            return text
        return parsed if isinstance(parsed, dict | list) else text
    return text
