"""Checkpoints of a job in its folder, and what a failed write is called. Knows nothing of jobs."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.errors import AppError
from app.training.context import FileContext, TrainingError

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class CheckpointContext(FileContext):
    """FileContext that survives a power cut (the folder is synced too) and tells each save."""

    def __init__(self, path: Path, *, on_saved: Callable[[], None] = lambda: None) -> None:
        super().__init__(path)
        self._on_saved = on_saved

    def save(self, state: dict[str, Any]) -> None:
        with saving("checkpoint of the job"):
            super().save(state)
            sync_directory(self.path.parent)
        self._on_saved()


def sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_disk_full(error: BaseException) -> bool:
    """Libraries wrap the system's error in their own kinds, so the chain and the words are looked at."""
    seen: BaseException | None = error
    while seen is not None:
        words = str(seen).lower()
        if isinstance(seen, OSError) and seen.errno in DISK_FULL:
            return True
        if any(phrase in words for phrase in ("no space left", "disk is full", "file too large", "quota exceeded")):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


@contextlib.contextmanager
def saving(what: str) -> Iterator[None]:
    """Turns a failed write into a sentence with the next step. Files that were there before are untouched."""
    try:
        yield
    except AppError:
        raise
    except Exception as error:  # torch and safetensors raise kinds of their own for a full disk
        reason = "the disk is full" if is_disk_full(error) else str(error)
        raise TrainingError(
            f"The {what} could not be saved: {reason}. Free some disk space and start the job again; "
            "the model versions so far are untouched."
        ) from error
