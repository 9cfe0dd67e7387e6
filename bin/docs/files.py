"""docs/files.md: every file by its room, with the first sentence of its docstring or comment."""

from collections.abc import Iterator
from pathlib import Path

from bin.docs.first_sentences import NoSentenceError, first_sentence
from bin.docs.markdown import escaped, heading, item, paragraph

INTRODUCTION = "Every file with the first sentence of its docstring, or of its first comment."
ASSETS = {
    "templates": ("html", "The pages' HTML, one folder for each page"),
    "static/js": ("js", "Scripts of the pages, as modules that the browser loads as they are"),
    "static/css": ("css", "Style sheets of the pages"),
}
"""Folder -> the end of its files' names, and what they are: such folders have no docstring."""
MIGRATIONS = "`migrations/versions/` holds one Alembic file for each change of the schema, named by its date."
MIRRORED = "Tests of `{room}`"


def document(repository: Path) -> str:
    """The whole text of docs/files.md."""
    sections = [heading("Files", "docstrings and comments"), paragraph(INTRODUCTION), ""]
    for title, lines in rooms(repository):
        sections += [f"## {title}", *lines, ""]
    return "\n".join(sections).rstrip() + "\n"


def rooms(repository: Path) -> Iterator[tuple[str, list[str]]]:
    """Each room with its lines: its own sentence first, then its files."""
    for package in [*packages(repository / "app"), *packages(repository / "bench")]:
        yield room(repository, package)
    scripts = sorted(path for path in (repository / "bin").iterdir() if path.is_file())
    yield "bin", ["What `make` and the packaging call.", "", *listed(scripts, repository / "bin")]
    yield room(repository, repository / "bin" / "docs")
    yield "migrations", [paragraph(MIGRATIONS)]
    for folder, (ending, purpose) in ASSETS.items():
        paths = sorted((repository / folder).rglob(f"*.{ending}"))
        yield folder, [f"{purpose}.", "", *listed(paths, repository / folder)]
    yield "tests", [*rooms_of_tests(repository)]


def packages(root: Path) -> list[Path]:
    """The folders of Python files at `root` and below it."""
    return sorted({path.parent for path in root.rglob("*.py") if "__pycache__" not in path.parts})


def room(repository: Path, package: Path) -> tuple[str, list[str]]:
    """A package: its sentence and its modules."""
    modules = sorted(path for path in package.glob("*.py") if path.name != "__init__.py")
    purpose = paragraph(f"{first_sentence(package / '__init__.py')}.")
    return package.relative_to(repository).as_posix(), [purpose, "", *listed(modules, package)]


def listed(paths: list[Path], folder: Path) -> list[str]:
    """One item of a list for each file."""
    return [item(f"`{path.relative_to(folder).as_posix()}`: {escaped(first_sentence(path))}") for path in paths]


def rooms_of_tests(repository: Path) -> Iterator[str]:
    """The folders of tests: those that mirror one of app, and what the others say of themselves."""
    tests = repository / "tests"
    for folder in packages(tests):
        name = folder.relative_to(tests).as_posix()
        mirrored = [room for room in (f"app/{name}", name) if (repository / room).is_dir()]
        if name != ".":
            yield item(f"`{name}/`: {MIRRORED.format(room=mirrored[0]) if mirrored else purpose_of_tests(folder)}")


def purpose_of_tests(folder: Path) -> str:
    """What a folder of tests says of itself, where it mirrors nothing."""
    own = [path for name in ("__init__.py", "__main__.py", "conftest.py") if (path := folder / name).is_file()]
    if not own:
        raise NoSentenceError(f"{folder} mirrors no room: give it an __init__.py with a docstring (docs/files.md).")
    return first_sentence(own[0])
