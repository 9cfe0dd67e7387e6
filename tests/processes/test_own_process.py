"""Processes of the program run the program, wherever a person stands and whatever their path holds."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.processes import own_process
from app.processes.own_process import PACKAGE, command, environment

HOSTILE = "raise SystemExit('a file of the current folder was run')"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with modules of the same names as ours, torch's and Python's own."""
    for name in ("app/__init__.py", "app/__main__.py", "app/errors.py", "torch.py", "json.py", "typing.py", "runpy.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(HOSTILE)
    return tmp_path


def said(command: list[str], cwd: Path, **changes: str) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment() | changes, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_another_app_in_the_current_folder_is_not_run(hostile: Path) -> None:
    assert said(command("app", "--version"), hostile).startswith("fourfold ")


def test_nor_one_that_comes_first_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text(HOSTILE)
    assert said(command("app", "--version"), tmp_path, PYTHONPATH=str(tmp_path)).startswith("fourfold ")


def test_the_current_folder_is_not_on_the_path(hostile: Path) -> None:
    """Nor that of this file, whose neighbours have names of their own."""
    command_line = command("app")
    [start] = [place for place, word in enumerate(command_line) if word == own_process.__file__]
    shown = said([*command_line[:start], "-c", "import sys; print(*sys.path, sep='\\n')"], hostile, PYTHONPATH="")
    assert not {"", str(hostile), str(PACKAGE)} & set(shown.splitlines())


def test_modules_find_their_neighbours_and_arguments(hostile: Path) -> None:
    """Each module's own `__main__` part runs, with its own arguments."""
    done = subprocess.run(
        command("app.lm.text.sandboxed", "no program"), cwd=hostile, capture_output=True, text=True, check=False
    )
    assert "No such file or directory" in done.stderr
    assert "no program" in done.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, None),
        ("", None),
        (":", None),
        (":/libraries", "/libraries"),
        ("/libraries:", "/libraries"),
        ("/a::/b", "/a:/b"),
        ("/a:b", "/a:b"),
    ],
)
def test_empty_entries_of_the_path_stand_for_nothing(before: str | None, after: str | None) -> None:
    outer = {"LANG": "C"} | ({} if before is None else {"PYTHONPATH": before})
    assert environment(outer) == {"LANG": "C"} | ({} if after is None else {"PYTHONPATH": after})


@pytest.mark.parametrize(("option", "kept"), [("-E", {"-P", "-E"}), ("-s", {"-P", "-s"}), ("-I", {"-P", "-E", "-s"})])
def test_where_the_interpreter_was_told_to_look_is_passed_on(option: str, kept: set[str]) -> None:
    program = f"import runpy; print(*runpy.run_path({own_process.__file__!r})['command']('app')[1:])"
    shown = said([sys.executable, option, "-c", program], PACKAGE.parent).split()
    assert set(shown[: shown.index(own_process.__file__)]) == kept
