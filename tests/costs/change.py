"""A change of the program as `change.toml` tells it: files that are added, lines of others that are replaced.

also = ["tests/web/test_pages.py"]      # tests of the house that the change is tried by as well

[added]
"routes.py" = "app/web/about_model.py"  # a file beside change.toml, and where it goes

[[edits]]
path = "app/web/pages.py"
instead_of = '''…'''                    # stands there once
put = '''…'''
"""

import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    path: str
    instead_of: str
    put: str


@dataclass(frozen=True)
class Change:
    folder: Path
    added: dict[str, str]
    edits: tuple[Edit, ...]
    also: tuple[str, ...]

    @property
    def files(self) -> list[str]:
        """All that it touches, each once."""
        return sorted({*self.added.values(), *(edit.path for edit in self.edits)})


def read_change(folder: Path) -> Change:
    found = tomllib.loads((folder / "change.toml").read_text(encoding="utf-8"))
    edits = tuple(Edit(**edit) for edit in found.get("edits", []))
    return Change(folder, found.get("added", {}), edits, tuple(found.get("also", [])))


@contextmanager
def applied(change: Change, program: Path) -> Iterator[None]:
    """The program with the change; as it was before at the end."""
    before = {path: (program / path).read_bytes() for path in {edit.path for edit in change.edits}}
    made: list[Path] = []
    try:
        for name, path in change.added.items():
            assert not (program / path).exists(), f"{path} is there already: it would be no new file"
            (program / path).parent.mkdir(exist_ok=True)
            made.append(program / path)
            shutil.copyfile(change.folder / name, made[-1])
        for edit in change.edits:
            _make(edit, program)
        yield
    finally:
        for path, content in before.items():
            (program / path).write_bytes(content)
        for added in made:
            added.unlink(missing_ok=True)


def _make(edit: Edit, program: Path) -> None:
    text = (program / edit.path).read_text(encoding="utf-8")
    count = text.count(edit.instead_of)
    assert count == 1, (
        f"{edit.path} has {count} times {edit.instead_of!r}: say in change.toml what is to be replaced now"
    )
    (program / edit.path).write_text(text.replace(edit.instead_of, edit.put), encoding="utf-8")
