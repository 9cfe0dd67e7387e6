"""The documents: generated ones say what the code says; lines are short; what they name exists."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app.__main__ import cli
from app.kinds.registry import KINDS
from bin.write_docs import DOCUMENTS
from tests.repository import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
ROOMS = ("app", "bench", "bin", "migrations", "static", "templates", "tests")
SOURCE = re.compile(r"[\w/-]+\.(?:py|js|css|html|toml)\b")
FILES = [path.relative_to(REPOSITORY).as_posix() for room in ROOMS for path in (REPOSITORY / room).rglob("*.*")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_are_short(page: Path) -> None:
    assert [line for line in page.read_text().splitlines() if len(line) > 119] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    """By their whole path, or by the end of it."""
    named = {name for name in SOURCE.findall(page.read_text()) if not (REPOSITORY / name).exists()}
    assert {name for name in named if not any(path.endswith(f"/{name}") for path in FILES)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_other_pages_lead_somewhere(page: Path) -> None:
    for address in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / address).exists(), address


@pytest.mark.parametrize("name", DOCUMENTS)
def test_generated_documents_are_those_that_the_code_gives(name: str) -> None:
    assert (REPOSITORY / name).read_text() == DOCUMENTS[name](REPOSITORY), "run `make docs`"


def test_every_page_that_says_so_is_generated() -> None:
    pages = [*PAGES, *REPOSITORY.glob("*.yml")]
    said = {
        path for path in pages if re.search(r"(?m)^ *(?:<!--|#) (?:Generated )?[Ff]rom .*`make docs`", path.read_text())
    }
    assert {path.relative_to(REPOSITORY).as_posix() for path in said} == set(DOCUMENTS)


def sections(page: str) -> dict[str, str]:
    """What stands under each heading of a page of docs/."""
    parts = (REPOSITORY / "docs" / page).read_text().split("\n## ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def files_in_rooms() -> dict[str, set[str]]:
    """What the list of files should hold, by its heading."""
    rooms: dict[str, set[str]] = {"bin": {path.name for path in (REPOSITORY / "bin").iterdir() if path.is_file()}}
    for path in [*(REPOSITORY / "app").rglob("*.py"), *REPOSITORY.glob("b*/**/*.py")]:
        if path.name != "__init__.py":
            rooms.setdefault(path.parent.relative_to(REPOSITORY).as_posix(), set()).add(path.name)
    for folder, kind in (("templates", "html"), ("static/js", "js"), ("static/css", "css")):
        root = REPOSITORY / folder
        rooms[folder] = {path.relative_to(root).as_posix() for path in root.rglob(f"*.{kind}")}
    return rooms


def test_every_file_is_listed_in_its_room() -> None:
    listed = {room: set(re.findall(r"(?m)^- `([^`]+)`: \S", text)) for room, text in sections("files.md").items()}
    rooms = files_in_rooms()
    assert len(rooms) > 40
    assert {room: listed.get(room) for room in rooms} == rooms
    tests = {path.parent.relative_to(REPOSITORY / "tests") for path in (REPOSITORY / "tests").rglob("*.py")}
    assert listed["tests"] == {f"{path.as_posix()}/" for path in tests} - {"./"}


def test_every_kind_and_verb_is_described() -> None:
    hparams, metrics = sections("hyper-parameters.md"), sections("metrics.md")
    for kind in KINDS.values():
        described = set(re.findall(r"(?m)^- `(\w+)`: \S", hparams[f"{kind.name}: {kind.title}"]))
        named = {param.name for param in kind.versions} | set(kind.choices)
        assert described == {field.name for field in fields(kind.hparams)} | named
        assert set(re.findall(r"`([\w/]+)`", metrics[kind.metrics.heading])) >= kind.metrics.names
    verbs = {command.name or str(getattr(command.callback, "__name__", "")) for command in cli.registered_commands}
    assert {verb.replace("_", "-") for verb in verbs} == set(sections("cli.md"))
    assert {"fourfold pretrain", "fourfold sft"} <= set(hparams)
