"""Stylesheets: short, and no rule for what no page has."""

import re
from pathlib import Path

import pytest

from tests.repository import REPOSITORY

SHEETS = sorted((REPOSITORY / "static" / "css").glob("*.css"))
MOST_LINES = 400
BY_OTHERS = {"htmx-request", "sortable-drag", "sortable-ghost", "u-wrap"}  # classes of htmx, SortableJS and uPlot
MAKERS = (("templates", "*.html"), ("static/js", "*.js"), ("app/web", "*.py"), ("app/formats", "*.py"))
QUOTED = re.compile(r""""[^"\n]*"|'[^'\n]*'|`[^`]*`|class=[^>]*""")
WORD = re.compile(r"[a-zA-Z_][\w-]*")
BEGINNING = re.compile(r"([a-zA-Z][\w-]*-)\$?\{")  # of a name whose end is a value: stage-${stage}, rank-{{ n }}
NAME = re.compile(r"[.#]([a-zA-Z_][\w-]*)")


def names(css: str) -> set[str]:
    """The classes and ids of its selectors."""
    heads = re.findall(r"([^{};]+)\{", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    return {name for head in heads if not head.strip().startswith("@") for name in NAME.findall(head)}


@pytest.fixture(scope="module")
def known() -> tuple[set[str], tuple[str, ...]]:
    """Every word within quotes of what makes elements, and every beginning of one."""
    files = [path for folder, pattern in MAKERS for path in (REPOSITORY / folder).rglob(pattern)]
    quoted = [text for path in files for text in QUOTED.findall(path.read_text(encoding="utf-8"))]
    words = {word for text in quoted for word in WORD.findall(text)}
    return words | BY_OTHERS, tuple({start for text in quoted for start in BEGINNING.findall(text)})


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_each_class_is_known_to_a_template_or_a_script(sheet: Path, known: tuple[set[str], tuple[str, ...]]) -> None:
    words, beginnings = known
    css = sheet.read_text(encoding="utf-8")
    assert [name for name in names(css) if name not in words and not name.startswith(beginnings)] == []
    assert len(css.splitlines()) <= MOST_LINES


def test_the_names_of_a_selector_are_seen() -> None:
    css = (
        ".a:has(> .b, #c) { color: #fff; inset: .5rem }\n@media (width >= 4.5rem) { .d-1, p.e { top: 0 } } /* .f {} */"
    )
    assert names(css) == {"a", "b", "c", "d-1", "e"}
