"""Files that were sent and looked at, and wait for somebody to say that they are to be imported."""

import re
import secrets
import shutil
import time
from pathlib import Path
from typing import IO

from app.errors import NotFoundError
from app.translation import _

MOST = 4
KEPT_SECONDS = 3_600.0
_KEY = re.compile("[0-9a-f]{32}")


class Uploads:
    """At most MOST of them, each for KEPT_SECONDS; none outlives the process that took it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def clear(self) -> None:
        """What a process that is gone left."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def keep(self, file: IO[bytes]) -> str:
        """The key by which it is opened again; the oldest gives way."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._oldest_first()[: -(MOST - 1)]:
            old.unlink(missing_ok=True)
        key = secrets.token_hex(16)
        file.seek(0)
        with (self._folder / key).open("wb") as kept:
            shutil.copyfileobj(file, kept, 1 << 20)
        return key

    def open(self, key: str) -> IO[bytes]:
        """Raises NotFoundError where it is not there any more."""
        path = self._folder / key
        try:
            if not _KEY.fullmatch(key) or time.time() - path.stat().st_mtime > KEPT_SECONDS:
                raise FileNotFoundError(key)
            return path.open("rb")
        except FileNotFoundError as error:
            raise NotFoundError(
                _("This file does not wait here any more: it was imported, or an hour has passed. Choose it again.")
            ) from error

    def drop(self, key: str) -> None:
        if _KEY.fullmatch(key):
            (self._folder / key).unlink(missing_ok=True)

    def _oldest_first(self) -> list[Path]:
        return sorted(self._folder.iterdir(), key=lambda each: each.stat().st_mtime)
