"""What pages say when something cannot be done: in plain words, with the next step at the pages, never the API's."""

import ast
import re
from html import unescape
from pathlib import Path

import pytest

from app.errors import About, ConflictError, Record
from app.web.errors import way_of
from app.web.pages import PAGES
from tests.live import LiveServer
from tests.repository import REPOSITORY

HTML = {"accept": "text/html"}
FOR_PROGRAMS = re.compile(r"/api/|/v1/|openapi|\bjob train_|`|\b(GET|POST|DELETE|PUT|PATCH|HEAD)\b|\blease|\bgroup \d")
HEARD_BY_PAGES = ("app/services", "app/db", "app/web")
ONLY_PROGRAMS_ASK = {"imports.py", "exports.py"}


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/nowhere", 404, "There is no page at /nowhere."),
        ("/data/prompts/1/delete", 405, "This address only accepts what a button on a page sends."),
        ("/groups/99", 404, "There is no such card."),
        ("/groups/x", 422, "Something in this address"),
        ("/versions/99", 404, "There is no version 99. The Train page lists them."),
        ("/train?job=none", 404, "The Train page shows the latest ones."),
        ("/versions?below=x", 422, "Something in this address"),
    ],
)
@pytest.mark.parametrize("fragment", [False, True])
def test_pages_speak_to_people(server: LiveServer, path: str, status: int, says: str, fragment: bool) -> None:
    page = server.client.get(path, headers={**HTML, **({"hx-request": "true"} if fragment else {})})
    assert page.status_code == status
    said = unescape(re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2] or page.text))
    assert says in said
    assert not FOR_PROGRAMS.search(said.replace(path, "")), said


@pytest.mark.parametrize(
    ("path", "first"),
    [("/data/prompts/1/delete", "/data"), ("/versions/99", "/train"), ("/jobs/x/cancel", "/train"), ("/nowhere", "/")],
)
def test_the_next_step_is_the_nearest_page(server: LiveServer, path: str, first: str) -> None:
    page = server.client.get(path, headers=HTML)
    assert re.findall(r'class="button primary" href="([^"]+)"', page.text) == [first]


@pytest.mark.parametrize(
    ("path", "leads_to_a_card"),
    [("/groups/99", True), ("/versions/99", False), ("/chat/99", False), ("/learn/nothing", False)],
)
def test_a_notice_leads_to_a_card_where_cards_are_ranked_alone(
    server: LiveServer, path: str, leads_to_a_card: bool
) -> None:
    notice = server.client.get(path, headers={**HTML, "hx-request": "true"})
    assert notice.status_code == 404
    assert ("Next card" in notice.text) is leads_to_a_card


def test_programs_are_told_of_the_api(server: LiveServer) -> None:
    assert "GET /api/v1/versions" in server.client.get("/api/v1/versions/99").json()["detail"]
    assert "openapi.json" in server.client.get("/nowhere").json()["detail"]
    assert "use OPTIONS, POST" in server.client.get("/data/prompts/1/delete").json()["detail"]


def test_one_sentence_for_both_where_nothing_differs() -> None:
    assert ConflictError("Wait.").page_message == "Wait."
    both = ConflictError("Wait (POST /api/v1/wait).", page="Wait a moment.")
    assert (both.message, str(both), both.page_message) == (both.message, both.message, "Wait a moment.")


def raised_in(path: Path) -> list[tuple[int, str]]:
    """Line and words of each error of the module that has no words of its own for pages."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not getattr(node.func, "id", "").endswith("Error"):
            continue
        if node.args and not any(keyword.arg == "page" for keyword in node.keywords):
            found.append((node.lineno, ast.unparse(node.args[0])))
    return found


LED_ON_OTHERWISE = {
    "app/services/chat": "the conversation shows what is new itself (chat/_refusal.html)",
    "app/services/sampling": "the prompt stands in its box still, to be worded otherwise",
    "app/services/arena/pairs.py": "the next pair",
    "app/services/arena/votes.py": "the next pair",
    "app/web/arena.py": "the next pair",
    "app/web/label.py": "the next card",
    "app/services/labeling/groups.py": "the next card",
    "app/services/labeling/skips.py": "the next card",
    "app/services/labeling/labelers.py": "the name stands in its form still",
    "app/services/data/imports.py": "the file is sent once more",
    "app/services/data/training_data.py": "a job's error stands on its page",
}
"""Refusals that name no record: where they lead to."""


def test_every_refusal_leads_on() -> None:
    """A person who is told that something is not possible now has a link to what is in the way."""
    lost = []
    for part in HEARD_BY_PAGES:
        for path in (REPOSITORY / part).rglob("*.py"):
            name = path.relative_to(REPOSITORY).as_posix()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ConflictError":
                    leads = any(keyword.arg == "about" for keyword in node.keywords)
                    if not leads and not name.startswith(tuple(LED_ON_OTHERWISE)):
                        lost.append(f"{name}:{node.lineno}")
    assert lost == []


@pytest.mark.parametrize("record", list(Record))
def test_a_refusal_names_the_way(record: Record) -> None:
    found = (
        [way_of(About(record, each.name)) for each in PAGES] if record is Record.PAGE else [way_of(About(record, 7))]
    )
    for way in found:
        assert way.href.startswith("/")
        assert "{" not in way.href
        assert way.label.format(**way.values)


def test_no_service_speaks_of_the_api_to_a_page() -> None:
    modules = [path for part in HEARD_BY_PAGES for path in (REPOSITORY / part).rglob("*.py")]
    errors = {path: raised_in(path) for path in modules if path.name not in ONLY_PROGRAMS_ASK}
    assert sum(map(len, errors.values())) > 30
    wrong = re.compile(r"/api/|/v1/|\(job ")
    assert [f"{path.name}:{line}" for path, found in errors.items() for line, said in found if wrong.search(said)] == []
