"""The documents: generated ones say what the code says; lines are short; what they name exists."""

import re
from pathlib import Path

import pytest

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


def test_every_python_file_of_the_product_is_listed() -> None:
    listed = (REPOSITORY / "docs" / "files.md").read_text()
    paths = [path for room in ("app", "bench") for path in (REPOSITORY / room).rglob("*.py")]
    assert len(paths) > 200
    for path in paths:
        assert path.name == "__init__.py" or f"\n- `{path.name}`: " in listed, path
        assert f"\n## {path.parent.relative_to(REPOSITORY).as_posix()}\n" in listed
