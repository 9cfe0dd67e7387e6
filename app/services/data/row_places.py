"""Rows of a file with their places, as a person finds them again ("Line 3"), and what is done with bad ones."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from app.errors import InvalidError
from app.translation import _

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
