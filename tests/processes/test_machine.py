"""Free memory, read from files as Linux writes them."""

import ctypes
import resource
from pathlib import Path

import pytest

from app.processes.machine import available_bytes, give_back

MEMINFO = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\n"
MIB = 1 << 20


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def group(folder: str, limit: str, used: int, idle: int) -> dict[str, str]:
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{used}\n",
        f"{folder}/memory.stat": f"anon 5\ninactive_file {idle}\n",
    }


def test_a_machine_without_limits_has_what_meminfo_says(tmp_path: Path) -> None:
    assert available_bytes(write(tmp_path, {"proc/meminfo": MEMINFO})) == 20_000_000 * 1024


@pytest.mark.parametrize(("inner", "outer", "expected"), [("max", str(900 * MIB), 500), (str(700 * MIB), "max", 310)])
def test_the_tightest_of_all_groups_counts_and_idle_file_pages_are_free(
    tmp_path: Path, inner: str, outer: str, expected: int
) -> None:
    files = {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/user/job\n"}
    files |= group("sys/fs/cgroup/user/job", inner, 400 * MIB, 10 * MIB)
    files |= group("sys/fs/cgroup/user", outer, 450 * MIB, 50 * MIB)
    assert available_bytes(write(tmp_path, files)) == expected * MIB


def test_a_container_sees_its_limit_at_the_top(tmp_path: Path) -> None:
    files = {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/\n"}
    assert available_bytes(write(tmp_path, files | group("sys/fs/cgroup", str(100 * MIB), 40 * MIB, 0))) == 60 * MIB


def test_the_older_kind_of_group(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/memory/box"
    files = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "5:cpu:/box\n3:memory:/box\n",
        f"{folder}/memory.limit_in_bytes": str(300 * MIB),
        f"{folder}/memory.usage_in_bytes": str(400 * MIB),
        f"{folder}/memory.stat": f"total_inactive_file {20 * MIB}\n",
    }
    assert available_bytes(write(tmp_path, files)) == 0  # beyond its limit already: nothing is free


def test_where_nothing_is_known_nothing_is_said(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) is None


def test_this_machine_has_some() -> None:
    found = available_bytes()
    assert found is not None
    assert 0 < found < 1 << 50


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library than glibc")
def test_what_was_freed_between_things_in_use_goes_back() -> None:
    taken = [bytes(60_000) for _number in range(1_000)]
    last = bytes(60_000)  # above the others: only what is above this one would go back by itself
    taken.clear()
    before = resident()
    give_back()
    assert before - resident() > 30 * MIB
    assert len(last) == 60_000
