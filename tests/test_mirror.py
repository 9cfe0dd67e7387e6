"""tests/ mirrors app/: what app/x/y.py does is tested in tests/x/test_y.py, or tests/mirror.py says where."""

from fnmatch import fnmatchcase
from pathlib import PurePath

from tests.mirror import COVERED
from tests.repository import REPOSITORY

MODULES = [path.relative_to(REPOSITORY) for path in sorted((REPOSITORY / "app").rglob("*.py"))]
UNTESTED = [
    path.as_posix()
    for path in MODULES
    if path.name != "__init__.py"
    and not (REPOSITORY / "tests").joinpath(*path.parts[1:-1], f"test_{path.name}").exists()
]


def covers(pattern: str, path: str) -> bool:
    """Patterns stay in their folder."""
    return PurePath(pattern).parent == PurePath(path).parent and fnmatchcase(path, pattern)


def test_every_module_has_a_test_of_its_name_or_is_listed() -> None:
    without = [path for path in UNTESTED if not any(covers(pattern, path) for pattern in COVERED)]
    assert not without, f"no test of their name, and not in tests/mirror.py: {without}"


def test_no_entry_outlives_its_reason() -> None:
    needless = [pattern for pattern in COVERED if not any(covers(pattern, path) for path in UNTESTED)]
    assert not needless, f"tested by name or gone, so they leave tests/mirror.py: {needless}"
    gone = {test for _reason, test in COVERED.values() if not (REPOSITORY / test).is_file()}
    assert not gone, f"named by tests/mirror.py, but not there: {gone}"


def test_no_test_file_is_too_long_to_read() -> None:
    files = (REPOSITORY / "tests").rglob("test_*.py")
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path.relative_to(REPOSITORY).as_posix(): length for path, length in lengths.items() if length > 400} == {}
