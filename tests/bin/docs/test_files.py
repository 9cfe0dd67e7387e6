"""The list of files: rooms with their own sentence, every file in its room, tests by what they mirror."""

from pathlib import Path

import pytest

from bin.docs.files import room, rooms_of_tests
from bin.docs.first_sentences import NoSentenceError


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_room_lists_its_own_modules_alone(tmp_path: Path) -> None:
    write(tmp_path / "app/web/__init__.py", '"""The pages."""')
    write(tmp_path / "app/web/label.py", '"""The label page. Knows `<br>`."""')
    write(tmp_path / "app/web/parts/__init__.py", '"""Parts."""')
    write(tmp_path / "app/web/about.py", '"""About <us>."""')
    assert room(tmp_path, tmp_path / "app/web") == (
        "app/web",
        ["The pages.", "", "- `about.py`: About &lt;us>", "- `label.py`: The label page"],
    )


def test_tests_are_named_by_what_they_mirror(tmp_path: Path) -> None:
    write(tmp_path / "app/web/__init__.py", "")
    write(tmp_path / "bench/__init__.py", "")
    write(tmp_path / "tests/web/test_label.py", "")
    write(tmp_path / "tests/bench/test_loop.py", "")
    write(tmp_path / "tests/faults/__main__.py", '"""Puts faults in. One by one."""')
    assert list(rooms_of_tests(tmp_path)) == [
        "- `bench/`: Tests of `bench`",
        "- `faults/`: Puts faults in",
        "- `web/`: Tests of `app/web`",
    ]
    write(tmp_path / "tests/odd/test_odd.py", "")
    with pytest.raises(NoSentenceError, match="odd mirrors no room"):
        list(rooms_of_tests(tmp_path))
