"""Reads the rows of a file of any length in bounded memory: JSON Lines, a JSON list, CSV or Parquet.

Each row comes with its place, as a person finds it again ("Line 3"). What cannot be read is an InvalidError that says
which place and why.
"""

import codecs
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from app.errors import InvalidError
from app.formats.strict_json import JsonValueError, NotJsonError, not_json, parse_json
from app.services.data.parquet_rows import json_lines_of_parquet
from app.services.data.row_places import (
    ENTRY,
    FORMS,
    LINE,
    MAX_ROW_BYTES,
    ROW,
    OnBad,
    Place,
    RowError,
    Rows,
    from_start,
    lines,
    refuse,
    too_long,
)
from app.services.data.table_rows import table_rows
from app.translation import N_, _

READ_AT_ONCE = 1 << 16
PARQUET = b"PAR1"
PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
}
OTHER_TEXT = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextmanager
def readable(file: IO[bytes], known: frozenset[str], folder: Path | None = None) -> Iterator[Rows]:
    """Gives a function that reads the rows from the first on, as often as it is called. It raises RowError where the
    rest of the file cannot be told into rows any more. `known`: names of columns by
    which a table is recognised; `folder`: where files may be written meanwhile."""
    file.seek(0)
    start = file.read(READ_AT_ONCE)
    if start.startswith(PARQUET):
        with json_lines_of_parquet(file, folder) as table:
            yield partial(_json_lines, table, ROW)
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
        yield partial(table_rows, file, known)


def _json_lines(file: IO[bytes], word: str, on_bad: OnBad = refuse) -> Iterator[Place]:
    """Blank lines are counted, and are nothing."""
    for place, line in lines(file, word):
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
        raise RowError(place, _no_json(error)) from error
    except JsonValueError as error:
        raise RowError(place, _("{error}.", error=error)) from error
    if not isinstance(row, dict):
        raise RowError(place, _("it is not a JSON object."))
    return row


def _no_json(error: NotJsonError) -> str:
    if error.at is None:
        return _("it is not valid JSON, for it is not UTF-8 text. Save the file as UTF-8 and send it again.")
    if not error.sight:
        return _("it is not valid JSON: it ends before it is complete.")
    return _(
        "it is not valid JSON: character {n} cannot stand there: {sight}", n=f"{error.at:,}", sight=repr(error.sight)
    )


def _json_list(file: IO[bytes], on_bad: OnBad = refuse) -> Iterator[Place]:
    """Its entries, one after the other: of the file, no more is held than one of them may be long."""
    from_start(file)
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
                raise RowError(place, self._why_not(error)) from error
            value, self._text = self._text[:end].encode("utf-8", "surrogatepass"), self._text[end:]
            if len(value) > MAX_ROW_BYTES:
                raise RowError(place, too_long())
            return value

    def _why_not(self, error: Exception) -> str:
        if len(self._text) > MAX_ROW_BYTES:
            return too_long()
        if isinstance(error, json.JSONDecodeError):
            return _no_json(not_json(error))
        return _("it is not valid JSON: its lists and objects are nested too deep.")
