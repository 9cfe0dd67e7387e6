"""Rows of a file with their places, as a person finds them again ("Line 3"), and what is done with bad ones."""

import codecs
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Protocol

from app.errors import InvalidError
from app.translation import N_, _

MAX_ROW_BYTES = 1 << 20
FORMS = N_("JSON Lines (an object a line), a JSON list, CSV with the columns' names in its first line, or Parquet")
TOO_LONG = N_("it is longer than {n} kB.")
LINE, ROW, ENTRY = N_("Line {n}"), N_("Row {n}"), N_("Entry {n}")
Place = tuple[str, Mapping[str, Any]]


class RowError(InvalidError):
    """What is wrong with a row, and where it stands."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(_("{place}: {problem}", place=place, problem=message))


OnBad = Callable[[RowError], None]
"""What is done with a row that cannot be read, where those behind it can: refuse the file, or note it and go on."""


def refuse(error: RowError) -> None:
    raise error


class Rows(Protocol):
    """Reads the rows from the first on."""

    def __call__(self, on_bad: OnBad = refuse) -> Iterator[Place]: ...


def too_long() -> str:
    return _(TOO_LONG, n=f"{MAX_ROW_BYTES >> 10:,}")


def from_start(file: IO[bytes]) -> None:
    """Behind a mark of byte order, as Windows writes it."""
    file.seek(0)
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)


def lines(file: IO[bytes], word: str) -> Iterator[tuple[str, bytes]]:
    """Each with its place; `word` is what it is called."""
    from_start(file)
    number = 0
    while line := file.readline(MAX_ROW_BYTES + 1):
        number += 1
        if len(line) > MAX_ROW_BYTES:
            raise RowError(_(word, n=number), too_long())
        yield _(word, n=number), line
