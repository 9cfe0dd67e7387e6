"""How much memory this process may still take: what the machine has free, or less if its container allows less; and
giving back what it does not need any more.

Linux tells it in files (proc(5); the kernel's cgroup-v2 and cgroup-v1 documents); elsewhere sysconf knows the machine
alone. No library is needed for four small files.
"""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def available_bytes(root: Path = ROOT) -> int | None:
    """The least of all limits; None where nothing can be known. `root` is another one in tests."""
    free = [*_free_on_machine(root), *_free_in_groups(root)]
    return max(0, min(free)) if free else None


def give_back() -> None:
    """Memory that was freed goes back to the system, where the C library can (glibc's malloc_trim); it else keeps what
    lies between things that are in use. Takes some milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _free_on_machine(root: Path) -> Iterator[int]:
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
                return
    except OSError:
        pass
    if root == ROOT and "SC_PHYS_PAGES" in os.sysconf_names:
        name = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
        yield os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")


def _free_in_groups(root: Path) -> Iterator[int]:
    """This process's control groups and all above them, each with its own limit; in a container the top one is its."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _free_up_to_root(root / "sys/fs/cgroup", path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _free_up_to_root(root / "sys/fs/cgroup/memory", path, *names)


def _free_up_to_root(mount: Path, path: str, limit: str, usage: str, idle: str) -> Iterator[int]:
    """Files that were read lie in `idle` pages: they count as used and are given up at need."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for depth in range(len(parts), -1, -1):
        folder = mount.joinpath(*parts[:depth])
        most, used = _read(folder / limit).strip(), _read(folder / usage).strip()
        if most.isdigit() and used.isdigit():
            stat = dict(line.split() for line in _read(folder / "memory.stat").splitlines())
            yield int(most) - int(used) + int(stat.get(idle, 0))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
