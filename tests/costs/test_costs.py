"""What a change costs (the table in docs/architecture.md): each kind of change is made in a copy of the program, its
files are counted, and it is tried there by its own `see_*.py` and by tests of the house."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.costs.change import applied, read_change
from tests.repository import REPOSITORY

HERE = Path(__file__).parent
MOST_FILES = {"kind": 3, "page": 3, "reward_loss": 3, "setting": 2, "family_trait": 3}
"""By the folder of the change; tests and generated docs are not counted."""
COPIED = ("app", "templates", "tests")  # the rest is linked
NOT_COPIED = shutil.ignore_patterns(".mypy_cache", "*.pyc.*", "*.tmp.*")  # the last two: just being written
LINTER = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program, which the test leaves as it was."""
    folder = tmp_path_factory.mktemp("program") / "copy"
    folder.mkdir()
    for entry in REPOSITORY.iterdir():
        if entry.name in COPIED:
            shutil.copytree(entry, folder / entry.name, ignore=NOT_COPIED)
        elif not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    return folder


def python(program: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=program,
        env=os.environ | {"PYTHONPATH": str(program)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]


@pytest.mark.parametrize("name", MOST_FILES)
def test_a_change_costs_no_more_than_it_should(name: str) -> None:
    change = read_change(HERE / name)
    assert len(change.files) <= MOST_FILES[name], change.files


@pytest.fixture
def changed(program: Path) -> Iterator[Path]:
    """The copy with all changes together, since a process that tries them takes seconds to begin."""
    with ExitStack() as stack:
        for name in MOST_FILES:
            stack.enter_context(applied(read_change(HERE / name), program))
        yield program


def test_each_change_still_finds_its_place(changed: Path) -> None:
    for path in {path for name in MOST_FILES for path in read_change(HERE / name).files}:
        assert not path.endswith(".py") or compile((changed / path).read_text(encoding="utf-8"), path, "exec")


@pytest.mark.nightly
def test_changes_work(changed: Path) -> None:
    """By what each is seen by."""
    python(changed, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(see, MOST_FILES))


@pytest.mark.nightly
def test_changes_keep_to_the_rules_of_the_house(changed: Path) -> None:
    """Tests of the house; who may import whom, sizes, circles."""
    also = [test for name in MOST_FILES for test in read_change(HERE / name).also]
    python(changed, "-m", "pytest", "-q", "-p", "no:cacheprovider", *also, "tests/test_structure.py")
    python(changed, "-c", LINTER)


def see(name: str) -> str:
    return f"tests/costs/{name}/see_{name}.py"
