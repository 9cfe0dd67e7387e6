"""What the build of the wheel does about the pages' libraries, which are not in git."""

import importlib.util
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.repository import REPOSITORY

FETCHES = '#!/bin/sh\ncd "$(dirname "$0")/.." && mkdir -p static/vendor && echo "$1" > static/vendor/asked\n'
FAILS = "#!/bin/sh\nexit 7\n"
VENDOR = REPOSITORY / "static" / "vendor"
NPM = """#!/bin/sh
[ "$1" = ci ] || { echo 10.0.0; exit; }
for file in htmx.org/dist/htmx.min.js sortablejs/Sortable.min.js uplot/dist/uPlot.iife.min.js \\
  uplot/dist/uPlot.min.css; do
  mkdir -p "node_modules/$(dirname $file)" && echo new > "node_modules/$file"
done
"""


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


@pytest.mark.parametrize("before", [[], ["static/vendor/old.js", "static/.vendor.new/half.js"]])
def test_the_front_end_is_fetched_whole(tmp_path: Path, before: list[str]) -> None:
    """Where no folder is there yet, as in the image's build, and after one that was interrupted."""
    npm = tmp_path / "elsewhere" / "npm"
    for name in ("elsewhere/npm", *before):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(NPM)
    npm.chmod(0o755)
    script = source(tmp_path, (REPOSITORY / "bin" / "front-end").read_text()) / "bin" / "front-end"
    environment = os.environ | {"PATH": f"{npm.parent}:{os.environ['PATH']}"}
    subprocess.run([script, "no interpreter is needed"], env=environment, check=True)
    assert {file.name for file in (tmp_path / "static" / "vendor").iterdir()} == {
        file.name for file in VENDOR.iterdir()
    }
    assert [folder.name for folder in (tmp_path / "static").iterdir()] == ["vendor"]
