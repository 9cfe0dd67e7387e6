"""A model directory as a zip file, made while it is sent: never whole in memory nor on the disk.

The files lie in one folder, as transformers reads them. They are stored as they are, since weights do not become
smaller. All are open before the first byte is sent, so that a removal of the version meanwhile takes nothing away.
"""

import io
import itertools
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from app.model_info.weights import unusable

CONFIG = "config.json"
PIECE_BYTES = 1 << 20


def zipped(directory: Path, folder: str) -> Iterator[bytes]:
    """The files of `directory` in pieces of about a MiB, named `folder/NAME`. Raises CheckpointError at once, before
    the first piece, where it is no model."""
    pieces = _pieces(directory, folder)
    first = next(pieces)  # has opened all files, and closes them whenever it is given up
    return itertools.chain((first,), pieces)


def _pieces(directory: Path, folder: str) -> Iterator[bytes]:
    target = _Pipe()
    with ExitStack() as stack:
        files = _opened(directory, stack)
        archive = stack.enter_context(zipfile.ZipFile(target, "w", zipfile.ZIP_STORED))
        for name, file in files:
            entry = zipfile.ZipInfo(f"{folder}/{name}")  # of 1980: the same version gives the same bytes
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as place:
                while piece := file.read(PIECE_BYTES):
                    place.write(piece)
                    yield target.taken()
    yield target.taken()


def _opened(directory: Path, stack: ExitStack) -> list[tuple[str, IO[bytes]]]:
    try:
        names = sorted(path.name for path in directory.iterdir() if path.is_file() and not path.name.startswith("."))
        files: list[tuple[str, IO[bytes]]] = [
            (name, stack.enter_context((directory / name).open("rb"))) for name in names
        ]
    except OSError as error:
        raise unusable(directory / CONFIG, "cannot be read") from error
    if CONFIG not in names:
        raise unusable(directory / CONFIG, "is missing")
    return files


class _Pipe(io.RawIOBase):
    """What is written waits until it is taken. It cannot seek, so sizes and checksums stand behind each file."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._waiting.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        pieces, self._waiting = b"".join(self._waiting), []
        return pieces
