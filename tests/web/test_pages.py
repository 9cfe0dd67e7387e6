"""A page costs its routes, its template and a line in the table: a toy page of these three is linked and served."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from jinja2 import ChoiceLoader, FileSystemLoader

import app.web
from app.web import pages
from app.web.pages import PAGES, WITHOUT_LINK, Page, pages_from
from app.web.templating import ENVIRONMENT
from tests.live import ScriptedEngine, live_server, quick_settings
from tests.web import toy_page

TOY = Page("toy", "/toy", "Toys", "Go to the toys", (toy_page.__name__,), below=("/toy",))
TEMPLATE = """{% extends "base.html" %}
{% block content %}<h1>{{ words }}</h1>{% endblock %}"""


@pytest.fixture
def toy_server(tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx2.Client]:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "index.html").write_text(TEMPLATE, encoding="utf-8")
    table = (*PAGES, TOY)
    assert ENVIRONMENT.loader is not None
    monkeypatch.setattr(ENVIRONMENT, "loader", ChoiceLoader([ENVIRONMENT.loader, FileSystemLoader(tmp_path)]))
    monkeypatch.setitem(ENVIRONMENT.globals, "pages", table)
    monkeypatch.setattr(pages, "PAGES", table)
    with live_server(quick_settings(tmp_path / "data", tiny_model_dir), lambda *_: ScriptedEngine()) as server:
        yield server.client


def test_a_line_in_the_table_makes_a_page(toy_server: httpx2.Client) -> None:
    page = toy_server.get("/toy")
    assert page.status_code == 200, page.text
    assert "<h1>play</h1>" in page.text
    assert '<a href="/toy" class="further" aria-current="page">Toys</a>' in page.text
    assert page.text.count(">Toys</a>") == 1, "the page that one is on is not behind More, too"
    assert page.text.count(">Train</a>") == 2
    lost = toy_server.get("/toy/box", headers={"accept": "text/html"}).text
    assert '<a class="button primary" href="/toy">Go to the toys</a>' in lost


def test_every_module_with_routes_stands_in_the_table() -> None:
    names = [f"app.web.{each.name}" for each in pkgutil.iter_modules(app.web.__path__)]
    with_routes = {name for name in names if hasattr(importlib.import_module(name), "router")}
    assert {name for page in PAGES for name in page.routes} | set(WITHOUT_LINK) == with_routes


def test_the_nearest_page_comes_first() -> None:
    for path, name in (
        ("/versions/3", "train"),
        ("/jobs/7/x", "train"),
        ("/data/prompts/1", "data"),
        ("/prompts", "data"),
        ("/", "label"),
        ("/nowhere", "label"),
    ):
        first, *others = pages_from(path)
        assert first.name == name
        assert len(others) == len(PAGES) - 1
