"""The store of compiled code may be damaged, full or missing: kernels work all the same."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core import caching
from numba.core.ccallback import CFunc

from app.lm.kernels import cache, compiling

Doubling = Callable[[float], float]


def _double(number: float) -> float:
    return 2 * number


def _nothing(pointer: Any) -> None:
    pass


def compiled() -> Doubling:
    """As a process does that has just started."""
    return compiling.kernel(_double)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def kept(store: Path) -> list[Path]:
    return sorted(path for path in store.rglob("*.nb?") if path.is_file())


def test_what_was_compiled_is_taken_from_the_store(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled()(21) == 42
    assert [path.suffix for path in kept(store)] == [".nbc", ".nbi"]
    compiling.pointed_to(_nothing)
    monkeypatch.setattr(caching.IndexDataCacheFile, "save", lambda *_: pytest.fail("it was compiled anew"))
    assert compiled()(21) == 42
    monkeypatch.setattr(CFunc, "_compile_uncached", lambda _: pytest.fail("it was compiled anew"))
    assert compiling.pointed_to(_nothing) > 0


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("bytes_left", [0, 50, 300])
def test_a_file_that_was_cut_is_written_anew(
    store: Path, suffix: str, bytes_left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compiled()(21) == 42
    (path,) = (path for path in kept(store) if path.suffix == suffix)
    path.write_bytes(path.read_bytes()[: min(bytes_left, path.stat().st_size - 10)])
    assert compiled()(21) == 42
    monkeypatch.setattr(caching.IndexDataCacheFile, "save", lambda *_: pytest.fail("it was compiled anew"))
    assert compiled()(21) == 42


def test_what_was_kept_for_other_types_is_not_taken(store: Path) -> None:
    """Two processes that find an empty store at the same time give their files the same number."""
    big = 2**53 + 1  # no float is
    assert compiled()(big) == 2 * big
    assert compiled()(1.5) == 3
    for_integers, for_floats = (path for path in kept(store) if path.suffix == ".nbc")
    for_integers.write_bytes(for_floats.read_bytes())
    assert compiled()(big) == 2 * big
    assert compiled()(big) == 2 * big


@pytest.mark.usefixtures("store")
def test_code_of_other_sources_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel holds functions of other files than its own."""
    assert compiled()(21) == 42
    monkeypatch.setattr(cache, "SOURCES", "of another version")
    saved: list[object] = []
    monkeypatch.setattr(caching.IndexDataCacheFile, "save", lambda *kept: saved.append(kept))
    assert compiled()(21) == 42
    assert saved, "what another version compiled was taken"


def test_a_full_disk_keeps_nothing_and_ends_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    assert compiled()(21) == 42
    assert compiling.pointed_to(_nothing) > 0
    assert kept(store) == []


def test_without_a_folder_for_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that may write nothing: it is compiled in each process."""
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert compiled()(21) == 42
    assert compiling.pointed_to(_nothing) > 0
