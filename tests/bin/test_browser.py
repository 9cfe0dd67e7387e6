"""Which Chromium bin/browser names for the page tests, and what it installs for that."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.repository import REPOSITORY

TOOLS = ("mktemp", "rm", "id", "env", "timeout", "tail", "cp")
SCRIPT = "#!/bin/sh\n"
GIVES = SCRIPT + 'echo "$*" >>"$SAID"\n[ "$1" = update ] || cp "$HOME/chromium" "$HOME/chromium-headless-shell"\n'
REFUSES = SCRIPT + 'echo "$*" >>"$SAID"\nexit 100\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with nothing but what a script is made of and a browser: all that is on its PATH."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in TOOLS:
        path = shutil.which(name)
        assert path
        (folder / name).symlink_to(path)
    write(folder / "chromium", SCRIPT)
    write(folder / "sudo", SCRIPT + 'shift\nexec "$@"\n')
    return folder


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def named(home: Path, **environment: str) -> tuple[str, str]:
    """(the browser's name, what apt-get was asked)."""
    said = home.parent / "said"
    said.touch()
    done = subprocess.run(
        ["/bin/sh", REPOSITORY / "bin" / "browser"],
        env={"PATH": str(home), "HOME": str(home), "SAID": str(said)} | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return Path(done.stdout.strip()).name, said.read_text()


def test_a_person_keeps_the_browser_that_is_there(home: Path) -> None:
    write(home / "apt-get", GIVES)
    assert named(home) == ("chromium", "")


def test_ci_gets_the_quick_one_which_is_then_taken_by_all(home: Path) -> None:
    write(home / "apt-get", GIVES)
    name, said = named(home, CI="true")
    assert name == "chromium-headless-shell"
    assert "--no-remove chromium chromium-headless-shell fonts-wqy-zenhei" in said
    assert named(home) == named(home, CI="true") == (name, said), "it is asked for once"


def test_ci_takes_the_browser_that_is_there_where_the_quick_one_cannot_be_had(home: Path) -> None:
    assert named(home, CI="true") == ("chromium", "")
    write(home / "apt-get", REFUSES)
    assert named(home, CI="true") == ("chromium", "update -q\n")


def test_the_one_that_was_named_is_taken(home: Path) -> None:
    write(home / "mine", SCRIPT)
    write(home / "chromium-headless-shell", SCRIPT)
    assert named(home, FOURFOLD_CHROMIUM=str(home / "mine")) == ("mine", "")
