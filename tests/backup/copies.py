"""Backups made and restored: by the program's functions, by the commands, and by commands that are killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from app.backup.restore import restore
from app.processes.parent_watch import settings_environment
from app.settings.config import Settings
from tests import databases
from tests.repository import REPOSITORY
from tests.waiting import PATIENCE_SECONDS


def elsewhere(settings: Settings, folder: Path) -> Settings:
    """The same settings for an empty installation."""
    changed = {"data_dir": folder, "database_url": databases.empty_database_url(folder)}
    return Settings(**(settings.model_dump() | changed))


def back(settings: Settings, path: Path) -> None:
    with path.open("rb") as source:
        restore(settings, source)


def files_of(folder: Path) -> dict[str, bytes]:
    names = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


def command(settings: Settings, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env=os.environ | settings_environment(settings),
        cwd=REPOSITORY,
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


KILLED = """
import os, signal, sys
import {module} as module
def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
module.{name} = die
from app.__main__ import main
main()
"""


def killed(settings: Settings, module: str, name: str, *arguments: str) -> None:
    """The command, killed (-9) where it calls that function."""
    code = KILLED.format(module=module, name=name)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | settings_environment(settings),
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
