"""A worker's slot: the lowest free numbered one of the data folder, held by a file lock.

The engine recovers a dead worker's jobs by its executor id, so a restarted worker must get the same id back and a
second worker another one. The kernel frees the lock however the worker ends.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import UnavailableError

MAX_WORKERS = 64


@contextmanager
def worker_slot(data_dir: Path) -> Iterator[str]:
    """Gives the executor id of the slot taken."""
    folder = data_dir / "workers"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(MAX_WORKERS):
        descriptor = os.open(folder / f"slot-{number}", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield _executor_id(descriptor, number)
            return
        finally:
            os.close(descriptor)
    raise UnavailableError(f"{MAX_WORKERS} workers already run on {data_dir}. Stop one of them first.")


def _executor_id(descriptor: int, number: int) -> str:
    """Written at the slot's first use; the random part keeps two machines on one database apart."""
    stored = os.pread(descriptor, 256, 0).decode("ascii", errors="replace").strip()
    if stored.startswith(f"worker-{number}-"):
        return stored
    fresh = f"worker-{number}-{uuid.uuid4().hex[:12]}"
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{fresh}\n".encode(), 0)
    os.fsync(descriptor)
    return fresh
