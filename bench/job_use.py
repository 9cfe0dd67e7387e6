"""What the processes of jobs took, looked at from outside while they ran: processor time and memory at the peak."""

import contextlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHILD = "app.worker.child"
EVERY_SECONDS = 0.5
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Use:
    """`cpu_seconds` of all threads; `peak_bytes` of resident memory, with what it shares."""

    cpu_seconds: float
    peak_bytes: int


@contextmanager
def jobs_watched() -> Iterator[dict[str, Use]]:
    """By the jobs' ids, each as it was seen last; of all jobs of this machine. On Linux: elsewhere it stays empty."""
    seen, done = dict[str, Use](), threading.Event()

    def watch() -> None:
        while not done.wait(EVERY_SECONDS):
            for folder in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended
                    seen.update(_job_in(folder))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _job_in(process: Path) -> dict[str, Use]:
    words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    if CHILD not in words:
        return {}
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    times = (process / "stat").read_text().rpartition(")")[2].split()  # from field 3 on (proc(5))
    peak = int(status["VmHWM"].split()[0]) << 10
    return {words[words.index(CHILD) + 1]: Use((int(times[11]) + int(times[12])) / TICKS, peak)}
