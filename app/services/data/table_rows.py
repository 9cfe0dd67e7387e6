"""Rows of a table: CSV, whatever separates its cells."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from app.errors import InvalidError
from app.formats.strict_json import parse_json
from app.formats.texts import clean_text
from app.services.data.row_places import FORMS, LINE, MAX_ROW_BYTES, OnBad, Place, RowError, lines, refuse, too_long
from app.translation import N_, _

MAX_COLUMNS = 1_000
SEPARATORS = ",;\t|"


def table_rows(file: IO[bytes], known: frozenset[str], on_bad: OnBad = refuse) -> Iterator[Place]:
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
            raise RowError(at.place, _no_csv(error)) from error
        if names is None:
            names = _names(cells, known)
        elif any(map(str.strip, cells)):
            if len(cells) == len(names):
                yield at.place, dict(zip(names, map(_cell, cells), strict=True))
            else:
                said = N_("it has not as many cells as the first line has names: {n} and not {names}.")
                told = _(said, n=f"{len(cells):,}", names=f"{len(names):,}")
                on_bad(RowError(at.place, told))


def _no_csv(error: csv.Error) -> str:
    """By the words of Python's reader, which knows no other way."""
    words = str(error)
    if "unexpected end" in words:
        return _("it is not a row of CSV: a quotation mark is opened and never closed.")
    if "expected after" in words:
        return _(
            "it is not a row of CSV: something stands behind the quotation mark that closes a cell. Within a cell "
            "write it twice."
        )
    if "limit" in words:
        return too_long()
    return _("it is not a row of CSV: its quotation marks or line breaks are not those of a table.")


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
    for place, line in lines(file, LINE):
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
