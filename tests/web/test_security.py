"""What a hostile page elsewhere in the browser could send, against a real server."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import func, select

from app.db.models.rankings import Ranking
from app.formats.languages import Asked
from app.web.browser_name import COOKIE
from app.web.security import CSRF_COOKIE, host_allowed
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings

HTML = {"accept": "text/html"}


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None
    return found.group(1)


@pytest.fixture(scope="module")
def server(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    engine = ScriptedEngine()
    settings = quick_settings(tmp_path_factory.mktemp("web") / "data", tiny_model_dir)
    with live_server(settings, lambda _settings, _directory: engine) as running:
        yield running


@pytest.fixture
def browser(server: LiveServer) -> httpx2.Client:
    """A client that has opened the page and so has its cookie."""
    server.client.get("/", headers=HTML)
    return server.client


def card(server: LiveServer) -> tuple[int, dict[str, str]]:
    """The group on the page, and its form filled in."""
    server.runtime.group_sampling.sample_ready(Asked(frozenset({"en"})))  # as the page: another is for somebody else
    html = server.client.get("/", headers=HTML).text
    found = re.search(r"/groups/(\d+)/rankings", html)
    assert found is not None
    names = sorted(set(re.findall(r'name="(rank-\d+)"', html)))
    form = {name: str(rank) for rank, name in enumerate(names, start=1)}
    form |= {name: hidden(html, name) for name in ("csrf_token", "idempotency_key")}
    return int(found.group(1)), form


def count(server: LiveServer, group_id: int) -> int:
    with server.runtime.read() as session:
        return session.scalar(select(func.count()).select_from(Ranking).where(Ranking.group_id == group_id)) or 0


def test_pages_carry_a_policy_that_lets_no_foreign_script_run(server: LiveServer) -> None:
    answer = server.client.get("/", headers=HTML)
    policy = answer.headers["content-security-policy"]
    nonces = set(re.findall(r'nonce="([^"]+)"', answer.text))
    assert len(nonces) == 1
    assert f"'nonce-{nonces.pop()}'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"\son\w+=|javascript:|\sstyle=", answer.text)
    assert server.client.get("/", headers=HTML).headers["content-security-policy"] != policy


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(server: LiveServer) -> None:
    answer = httpx2.get(f"{server.url}/?first", headers=HTML)
    cookies = answer.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {CSRF_COOKIE, COOKIE}
    assert all("; HttpOnly; SameSite=Lax" in cookie for cookie in cookies)
    assert "set-cookie" not in server.client.get("/api/v1/versions").headers


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/train/jobs", "/api/v1/jobs"])
def test_other_sites_cannot_write(browser: httpx2.Client, headers: dict[str, str], path: str) -> None:
    answer = browser.post(path, headers=headers, data={"kind": "train_reward"})
    assert answer.status_code == 403
    assert "another site" in answer.text


@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_a_form_needs_its_token(browser: httpx2.Client, server: LiveServer, token: str) -> None:
    group_id, form = card(server)
    answer = browser.post(f"/groups/{group_id}/rankings", data={**form, "csrf_token": token}, headers=HTML)
    assert answer.status_code == 403
    assert "Reload the page" in answer.text
    assert count(server, group_id) == 0


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""])
def test_other_host_names_get_nothing(server: LiveServer, host: str) -> None:
    answer = server.client.get("/api/v1/versions", headers={"host": host})
    assert answer.status_code in {400, 421}


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost:8000", True),
        ("LOCALHOST", True),
        ("fourfold.localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("192.168.1.7:8000", True),
        ("box.lan:8000", True),
        ("localhost.:8000", True),
        ("evil.example", False),
        ("evillocalhost", False),
        ("", False),
    ],
)
def test_host_names(host: str, allowed: bool) -> None:
    assert host_allowed(host, frozenset({"box.lan"})) is allowed


def test_a_form_sent_many_times_at_once_saves_one_ranking(browser: httpx2.Client, server: LiveServer) -> None:
    group_id, form = card(server)

    def send(_: int) -> int:
        with httpx2.Client(base_url=server.url, cookies=dict(browser.cookies), timeout=30) as client:
            return client.post(f"/groups/{group_id}/rankings", data=form, headers=HTML).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(send, range(8))) == [303] * 8
    assert count(server, group_id) == 1


def test_a_second_ranking_is_refused(browser: httpx2.Client, server: LiveServer) -> None:
    group_id, form = card(server)
    assert browser.post(f"/groups/{group_id}/rankings", data=form, headers=HTML).status_code == 303
    again = {**form, "idempotency_key": "another"}
    answer = browser.post(f"/groups/{group_id}/rankings", data=again, headers=HTML)
    assert answer.status_code == 409
    assert "already ranked" in answer.text
    assert count(server, group_id) == 1


@pytest.mark.parametrize("rank", ["0", "5", "-1", "x", "١", "9" * 40])
def test_ranks_out_of_range_are_refused(browser: httpx2.Client, server: LiveServer, rank: str) -> None:
    group_id, form = card(server)
    name = next(name for name in form if name.startswith("rank-"))
    answer = browser.post(f"/groups/{group_id}/rankings", data={**form, name: rank}, headers=HTML)
    assert answer.status_code == 422
    assert count(server, group_id) == 0


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/versions/99", 404), ("/groups/99", 404), ("/groups/x", 422)]
)
def test_error_pages_have_a_next_step(server: LiveServer, path: str, status: int) -> None:
    page = server.client.get(path, headers=HTML)
    assert page.status_code == status
    assert "<h1" in page.text
    assert "Go to labeling" in page.text
    piece = server.client.get(path, headers={**HTML, "hx-request": "true"})
    assert piece.headers["hx-retarget"] == "#alerts"
    assert "<html" not in piece.text


def test_a_bug_is_a_page_too(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.train.training_overview", lambda _session: 1 / 0)
    page = server.client.get("/train", headers=HTML)
    assert page.status_code == 500
    assert "Go to labeling" in page.text
    assert "ZeroDivisionError" not in page.text
