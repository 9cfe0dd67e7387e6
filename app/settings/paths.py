"""Paths as people give them, in settings and on the command line."""

import os
from pathlib import Path

SQLITE_PATH_BYTES = 504
"""The longest path of a database: SQLite takes 512 bytes, those of the journal's name included."""


def usable_path(given: str | Path) -> Path:
    """Absolute, `~` and `~NAME` taken for the home folder they mean. Any other character stands for itself.

    Raises ValueError with the rest of a sentence that begins with the path."""
    text = os.fspath(given)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("has bytes that are not UTF-8 in its name; rename it or choose another one") from error
    if not text or "\0" in text:
        raise ValueError("is not a path; give one without the character NUL" if text else "is not a path: it is empty")
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError("begins with the home folder of a user that this machine does not know") from error
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: Python before 3.13
        raise ValueError("goes round in circles: a symbolic link leads back to itself") from error
