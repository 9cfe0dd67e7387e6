"""A part between two marks is replaced, and nothing else of its document."""

from pathlib import Path

import pytest

from bin.docs.marked_parts import with_part


def test_only_the_part_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before\nBEGIN\nold\nEND\nafter\n")
    assert with_part(page, "BEGIN", "END", "new\n") == "Before\nBEGIN\nnew\nEND\nafter\n"


@pytest.mark.parametrize("text", ["BEGIN\n", "END\n", "BEGIN\nEND\nBEGIN\nEND\n"])
def test_marks_stand_there_once(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="must hold these two lines once each"):
        with_part(page, "BEGIN", "END", "new\n")
