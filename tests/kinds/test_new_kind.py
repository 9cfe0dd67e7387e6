"""A new kind of job costs three files: its kind, its handler and its trainer. Shown on a copy of the program."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.repository import REPOSITORY

TOY = REPOSITORY / "tests" / "kinds" / "toy"
ADDED = {
    "kind.py": "app/kinds/train_toy.py",
    "handler.py": "app/worker/handlers/train_toy.py",
    "trainer.py": "app/training/toy.py",
}
COPIED = ("app", "tests")  # the rest is linked
WITHOUT_CACHES = shutil.ignore_patterns("__pycache__", ".mypy_cache")


def copy_of_the_program(folder: Path) -> Path:
    folder.mkdir()
    for entry in REPOSITORY.iterdir():
        if entry.name in COPIED:
            shutil.copytree(entry, folder / entry.name, ignore=WITHOUT_CACHES)
        elif not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    return folder


def test_a_new_kind_costs_three_files(tmp_path: Path) -> None:
    copy = copy_of_the_program(tmp_path / "copy")
    for name, path in ADDED.items():
        assert not (copy / path).exists(), "nothing that was there is touched"
        shutil.copyfile(TOY / name, copy / path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/kinds/toy/see_toy.py"],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
