"""What the build of the wheel does about the pages' libraries, which are not in git."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.repository import REPOSITORY

FETCHES = '#!/bin/sh\ncd "$(dirname "$0")/.." && mkdir -p static/vendor && echo "$1" > static/vendor/asked\n'
FAILS = "#!/bin/sh\nexit 7\n"


def build(root: Path, monkeypatch: pytest.MonkeyPatch, version: str = "standard") -> None:
    spec = importlib.util.spec_from_file_location("build_hook", REPOSITORY / "bin" / "build_hook.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.venv, "create", lambda *_, **__: None)
    module.FrontEndHook(str(root), {}, None, None, str(root), "wheel").initialize(version, {})


def source(tmp_path: Path, front_end: str) -> Path:
    script = tmp_path / "bin" / "front-end"
    script.parent.mkdir()
    script.write_text(front_end)
    script.chmod(0o755)
    return tmp_path


def test_what_is_missing_is_fetched_with_an_interpreter_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(source(tmp_path, FETCHES), monkeypatch)
    asked = Path((tmp_path / "static" / "vendor" / "asked").read_text().strip())
    assert asked.parts[-2:] == ("bin", "python")
    assert not asked.parent.parent.exists(), "that environment is gone again"


def test_what_cannot_be_fetched_is_refused_with_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="make front-end"):
        build(source(tmp_path, FAILS), monkeypatch)


def test_what_is_there_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "static" / "vendor").mkdir(parents=True)
    build(source(tmp_path, FAILS), monkeypatch)


def test_nor_for_a_checkout_that_is_installed_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(source(tmp_path, FAILS), monkeypatch, "editable")
    assert not (tmp_path / "static").exists()
