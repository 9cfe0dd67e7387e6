"""Dead code is told; what is called by name, from templates or from text is not dead."""

from pathlib import Path

import pytest

from bin import dead_code

PROGRAM = """
def alive() -> None:
    print(Row(1).shown)


def dead() -> None:
    alive()


class Row:
    def __init__(self, shown: int) -> None:
        self.shown = shown

    def forward(self) -> None:
        self.lost = 1


alive()
"""


def names(folder: Path, *used: str) -> set[str]:
    return {item.name for item in dead_code.unused([str(folder)], set(used))}


def test_what_nobody_calls_is_told(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    assert names(tmp_path) == {"dead", "lost"}
    assert names(tmp_path, "dead") == {"lost"}


def test_templates_and_kinds_use_what_they_name() -> None:
    assert {"version", "job"} <= dead_code.names_in_templates()
    assert "after_evaluate" in dead_code.named_in_text()
    assert "function" not in dead_code.named_in_text()


def test_an_allowance_that_is_not_needed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_code, "PATHS", ("bin/dead_code.py",))
    monkeypatch.setattr(dead_code, "ALLOWED", {"nobody": "because"})
    with pytest.raises(SystemExit, match="nobody: not needed"):
        dead_code.main()
