"""Pages of other sites that may call the API: those that are named, and no others."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from app.web.access import COOKIE, Tokens
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings

FRIEND, STRANGER = "https://friend.example", "https://stranger.example"
TOKEN = "correct-horse-battery"
HOW = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
ALLOWED = "access-control-allow-origin"


@pytest.fixture(scope="module")
def server(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("cors") / "data"
    settings = quick_settings(folder, tiny_model_dir, token=TOKEN, cors_origins=f"{FRIEND}, http://localhost:3000")
    with live_server(settings, lambda _settings, _directory: ScriptedEngine()) as running:
        running.client.cookies.clear()
        yield running


def ask(server: LiveServer, origin: str, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
    return server.client.request(method, path, headers={**HOW, "origin": origin, **headers})


def bearer() -> dict[str, str]:
    return {"authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/generate", "/api/v1/rankings/1"])
def test_a_named_page_may_ask_first(server: LiveServer, path: str) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, x-stainless-os"}
    answer = ask(server, FRIEND, path, "OPTIONS", **asked)
    assert answer.status_code == 200
    assert answer.headers[ALLOWED] == FRIEND
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "x-stainless-os" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    refused = ask(server, STRANGER, path, "OPTIONS", **asked)
    assert refused.status_code == 403 or ALLOWED not in refused.headers


def test_a_named_page_gets_answers_and_errors_that_it_can_read(server: LiveServer) -> None:
    answer = ask(server, FRIEND, "/v1/models", **bearer())
    assert (answer.status_code, answer.headers[ALLOWED]) == (200, FRIEND)
    assert "origin" in answer.headers["vary"].lower()
    answer = ask(server, "http://localhost:3000", "/api/v1/groups/next", "POST", **bearer())
    assert (answer.status_code, answer.headers[ALLOWED]) == (200, "http://localhost:3000")
    for path, status in (("/api/v1/versions/99", 404), ("/v1/models/none", 404)):
        answer = ask(server, FRIEND, path, **bearer())
        assert (answer.status_code, answer.headers[ALLOWED]) == (status, FRIEND)
    unknown = ask(server, FRIEND, "/v1/models")
    assert (unknown.status_code, unknown.headers[ALLOWED]) == (401, FRIEND)


@pytest.mark.parametrize("origin", [STRANGER, "null", "https://friend.example.evil.example", "http://friend.example"])
def test_other_pages_are_refused_as_ever(server: LiveServer, origin: str) -> None:
    for method, path in (("GET", "/v1/models"), ("POST", "/api/v1/groups/next")):
        answer = ask(server, origin, path, method, **bearer())
        assert answer.status_code == 403
        assert ALLOWED not in answer.headers


def test_pages_and_files_are_no_ones_elsewhere(server: LiveServer) -> None:
    for method, path in (("GET", "/train"), ("POST", "/prompts"), ("GET", "/static/css/base.css"), ("GET", "/readyz")):
        answer = ask(server, FRIEND, path, method, **bearer())
        assert answer.status_code == 403, path
        assert ALLOWED not in answer.headers


def test_a_cookie_that_comes_along_opens_nothing(server: LiveServer) -> None:
    """Ports do not keep cookies apart: a page on another one of this machine sends ours."""
    session = {"cookie": f"{COOKIE}={Tokens(TOKEN).new_session()}"}
    assert httpx2.get(f"{server.url}/api/v1/versions", headers=session).status_code == 200
    elsewhere = {**HOW, "sec-fetch-site": "same-site", "origin": "http://localhost:3000"}
    assert httpx2.get(f"{server.url}/api/v1/versions", headers=session | elsewhere).status_code == 401


def test_by_default_no_page_elsewhere_may(tiny_model_dir: Path, data_dir: Path) -> None:
    settings = quick_settings(data_dir, tiny_model_dir)
    with live_server(settings, lambda _settings, _directory: ScriptedEngine()) as plain:
        answer = ask(plain, FRIEND, "/v1/models")
        assert answer.status_code == 403
        assert ALLOWED not in answer.headers
