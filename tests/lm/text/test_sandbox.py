"""A stranger's part runs beside the libraries of this process, and sees nothing else of where it was started."""

from pathlib import Path

import pytest

from app.lm.text.sandbox import RefusedError, Sandbox

PROGRAM = """
MEMORY_BYTES, OPENING_SECONDS, CPU_SECONDS = 1 << 32, 5.0, 5.0

def opened(begin):
    import {module}
    return lambda request: {module}.__file__
"""


def where(tmp_path: Path, module: str) -> object:
    """The file that a process takes the module from."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(module=module))
    process = Sandbox("model", program.name, {})
    process._program = program
    try:
        return process.ask({})
    finally:
        process.close()


def test_it_finds_the_libraries_that_this_process_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a person's home (`pip install --user`) and of PYTHONPATH, too."""
    library = tmp_path / "libraries" / "only_there.py"
    library.parent.mkdir()
    library.write_text("")
    monkeypatch.syspath_prepend(library.parent)
    assert where(tmp_path, "only_there") == str(library)


def test_pythons_own_modules_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "colorsys.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert where(tmp_path, "colorsys") != str(tmp_path / "colorsys.py")


@pytest.mark.parametrize("stands", [".", "hostile", "/"])
def test_it_does_not_look_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands: str) -> None:
    """Whatever a relative entry of the path means here, or would mean there."""
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    (hostile / "only_here.py").write_text("")
    monkeypatch.chdir({".": hostile, "hostile": tmp_path, "/": Path("/")}[stands])
    monkeypatch.syspath_prepend(hostile.relative_to(Path.cwd()))
    with pytest.raises(RefusedError, match="No module named 'only_here'"):
        where(tmp_path, "only_here")
