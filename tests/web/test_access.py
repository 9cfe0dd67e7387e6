"""A server with a token: who is let in, by which door, and what the others are told."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from app.http.problems import API_PREFIXES
from app.web import access, guesses
from app.web.access import COOKIE, SESSION_SECONDS, Tokens
from app.web.security import CSRF_COOKIE
from app.web.sign_in import own_path
from tests.api.route_table import Route, routes_of
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings

TOKEN = "correct-horse-battery"
HTML = {"accept": "text/html"}
BEARER = {"authorization": f"Bearer {TOKEN}"}
OPEN = {"/healthz", "/readyz", "/language", "/sign-in"}


@pytest.fixture(scope="module")
def guarded(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("guarded") / "data"
    settings = quick_settings(folder, tiny_model_dir, token=TOKEN)
    with live_server(settings, lambda _settings, _directory: ScriptedEngine()) as running:
        yield running


@pytest.fixture
def browser(guarded: LiveServer) -> Iterator[httpx2.Client]:
    """Not signed in; it has the cookie that forms need."""
    with httpx2.Client(base_url=guarded.url, headers=HTML) as client:
        client.get("/sign-in")
        yield client


def sign_in(client: httpx2.Client, token: str = TOKEN, **more: str) -> httpx2.Response:
    return client.post("/sign-in", data={"token": token, "csrf_token": client.cookies[CSRF_COOKIE], **more})


def filled(route: Route) -> str:
    return re.sub(r"\{\w+\}", "1", route.path)


def test_nothing_but_health_files_and_signing_in_is_open(guarded: LiveServer) -> None:
    """Every route of the app, asked by a program."""
    asked = 0
    with httpx2.Client(base_url=guarded.url) as stranger:
        for route in routes_of(guarded.app):
            answer = stranger.request(route.method, filled(route))
            if route.path in OPEN:
                assert answer.status_code != 401, route
                continue
            asked += 1
            assert answer.status_code == 401, route
            assert answer.headers["www-authenticate"] == 'Bearer realm="Fourfold"'
            if route.path.startswith("/v1/"):
                assert answer.json()["error"]["code"] == "invalid_api_key"
                assert answer.json()["error"]["type"] == "invalid_request_error"
            else:
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["status"] == 401
            assert "Authorization: Bearer" in answer.text
        assert stranger.get("/openapi.json").status_code == 401
        assert stranger.get("/nothing/here").status_code == 401
        assert stranger.get("/static/css/base.css").status_code == 200
    assert asked > 40


def test_programs_send_it_as_a_bearer_token(guarded: LiveServer) -> None:
    for said in (BEARER, {"authorization": f"bearer  {TOKEN}"}):
        assert httpx2.get(f"{guarded.url}/api/v1/versions", headers=said).status_code == 200
    assert httpx2.get(f"{guarded.url}/v1/models", headers=BEARER).status_code == 200
    assert "securitySchemes" in httpx2.get(f"{guarded.url}/openapi.json", headers=BEARER).json()["components"]


@pytest.mark.parametrize(
    "said", [TOKEN, f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN.upper()}", "Bearer \xe9\xff"]
)
def test_what_is_no_right_token_is_refused(guarded: LiveServer, said: str) -> None:
    headers = httpx2.Headers({b"authorization": said.encode("latin-1")})
    assert httpx2.get(f"{guarded.url}/api/v1/versions", headers=headers).status_code == 401


def test_the_description_names_the_scheme_and_what_needs_none(guarded: LiveServer) -> None:
    document = httpx2.get(f"{guarded.url}/openapi.json", headers=BEARER).json()
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert {"token": []} in document["security"]
    for path, calls in document["paths"].items():
        for call in calls.values():
            assert (call.get("security") == []) is (path in OPEN), path
            assert ("401" in call["responses"]) is (path not in OPEN), path


@pytest.mark.parametrize("path", ["/", "/train", "/prompts?show=archived&q=a b", "/nothing"])
def test_a_page_leads_to_signing_in_and_back(browser: httpx2.Client, path: str) -> None:
    sent_on = browser.get(path)
    assert sent_on.status_code == 303
    wanted = str(httpx2.URL(browser.base_url).join(path).raw_path, "ascii")
    assert sent_on.headers["location"] == f"/sign-in?next={quote(wanted, safe='')}"
    page = browser.get(sent_on.headers["location"])
    [following] = re.findall(r'name="next" value="([^"]*)"', page.text)
    signed = sign_in(browser, next=following.replace("&amp;", "&"))
    assert (signed.status_code, signed.headers["location"]) == (303, wanted)
    assert browser.get("/train").status_code == 200


def test_the_cookie_is_no_token_and_is_kept_from_scripts(browser: httpx2.Client) -> None:
    cookie = sign_in(browser).headers["set-cookie"]
    assert TOKEN not in cookie
    assert cookie.startswith(f"{COOKIE}=")
    assert cookie.endswith(f"; Path=/; Max-Age={SESSION_SECONDS}; HttpOnly; SameSite=Lax")
    assert sign_in(browser).headers["set-cookie"] != cookie
    assert "Secure" in access.session_cookie(Tokens(TOKEN), secure=True)


def test_a_session_opens_pages_and_the_api_and_ends_by_signing_out(browser: httpx2.Client) -> None:
    sign_in(browser)
    page = browser.get("/train")
    assert 'action="/sign-out"' in page.text
    assert browser.get("/api/v1/versions").status_code == 200
    assert browser.get("/sign-in?next=/train").headers["location"] == "/train"
    out = browser.post("/sign-out", data={"csrf_token": browser.cookies[CSRF_COOKIE]})
    assert out.headers["location"] == "/sign-in"
    assert COOKIE not in browser.cookies
    assert browser.get("/train").status_code == 303


@pytest.mark.parametrize("change", ["", "x", "..", "9999999999.abc", "cut", "later"])
def test_a_cookie_that_we_did_not_sign_is_none(guarded: LiveServer, change: str) -> None:
    session = Tokens(TOKEN).new_session()
    ends, rest = session.split(".", 1)
    forged = {"cut": session[:-1], "later": f"{int(ends) + 1}.{rest}"}.get(change, change)
    answer = httpx2.get(f"{guarded.url}/train", headers={**HTML, "cookie": f"{COOKIE}={forged}"})
    assert answer.status_code == 303


def test_another_token_signs_everybody_out_and_a_restart_nobody() -> None:
    session = Tokens(TOKEN).new_session()
    assert Tokens(TOKEN).is_session(session)
    assert not Tokens(TOKEN + "!").is_session(session)


def test_a_session_ends_by_itself() -> None:
    now = [1_000.0]
    tokens = Tokens(TOKEN, lambda: now[0])
    session = tokens.new_session()
    now[0] += SESSION_SECONDS - 1
    assert tokens.is_session(session)
    now[0] += 1
    assert not tokens.is_session(session)


def test_a_wrong_token_is_told_on_the_page(browser: httpx2.Client) -> None:
    wrong = sign_in(browser, "not-the-token-of-it", next="/train")
    assert wrong.status_code == 403
    assert 'role="alert">This is not the token.' in wrong.text
    assert 'name="next" value="/train"' in wrong.text
    assert "not-the-token-of-it" not in wrong.text
    assert 'role="alert">Type the token first.' in sign_in(browser, " ").text
    assert sign_in(browser, f"  {TOKEN}\n").status_code == 303


def test_a_first_post_without_a_cookie_is_refused_with_a_sentence(guarded: LiveServer) -> None:
    answer = httpx2.post(f"{guarded.url}/sign-in", data={"token": TOKEN}, headers=HTML)
    assert answer.status_code == 403
    assert "Your browser sent no cookies" in answer.text
    assert COOKIE not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ("/train", True),
        ("/prompts?q=a%20b&show=archived", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example", False),
        ("javascript:alert(1)", False),
        ("/\t/evil.example", False),
        ("/\n/evil.example", False),
        ("///evil.example", False),
        ("evil", False),
        ("", False),
        ("/sign-in?next=/sign-in", False),
    ],
)
def test_only_own_paths_are_gone_on_to(wanted: str, kept: bool) -> None:
    assert own_path(wanted) == (wanted if kept else "/")


def test_a_part_of_a_page_says_that_nothing_is_lost(browser: httpx2.Client) -> None:
    """htmx swaps it into the alert region: the page, and what stands in its forms, stays."""
    for method, path in (("GET", "/card"), ("POST", "/groups/1/rankings")):
        answer = browser.request(method, path, headers={"hx-request": "true"})
        assert answer.status_code == 401
        assert answer.headers["hx-retarget"] == "#alerts"
        assert "<html" not in answer.text
        assert "You are signed out" in answer.text
        assert "Nothing is lost" in answer.text
        assert '<a class="button" href="/sign-in" target="_blank">' in answer.text


def test_a_form_without_script_is_answered_with_a_page(browser: httpx2.Client) -> None:
    answer = browser.post("/prompts", data={"prompt": "Hi"})
    assert answer.status_code == 401
    assert "go back and send it again" in answer.text
    assert 'href="/sign-in"' in answer.text


def test_health_tells_strangers_no_reasons(guarded: LiveServer) -> None:
    stranger, friend = (httpx2.get(f"{guarded.url}/readyz", headers=sent).json() for sent in ({}, BEARER))
    assert stranger["ready"] is friend["ready"] is True
    assert stranger["worker"] == "not ok: sign in to read why"
    assert "fourfold worker" in friend["worker"]
    assert httpx2.get(f"{guarded.url}/healthz").json() == {"status": "ok"}


def test_a_link_from_elsewhere_finds_one_signed_in_and_a_call_from_elsewhere_does_not(browser: httpx2.Client) -> None:
    sign_in(browser)
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert browser.get("/train", headers=link).status_code == 200


def test_without_a_token_nobody_is_asked(server: LiveServer) -> None:
    assert server.client.get("/sign-in?next=/train", headers=HTML).headers["location"] == "/train"
    page = server.client.get("/train", headers=HTML)
    assert page.status_code == 200
    assert "Sign out" not in page.text
    assert "fourfold worker" in server.client.get("/readyz").json()["worker"]


@pytest.fixture
def clock(guarded: LiveServer, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Fresh guesses of the server's one token, on a clock that a test sets."""
    seconds = [0.0]
    [tokens] = _tokens_of(guarded.app.middleware_stack)
    monkeypatch.setattr(tokens, "guesses", guesses.Guesses(lambda: seconds[0]))
    return seconds


def _tokens_of(layer: Any) -> Iterator[Tokens]:
    while layer is not None:
        if getattr(layer, "_tokens", None) is not None:
            yield layer._tokens
        layer = getattr(layer, "_app", None) or getattr(layer, "app", None)


def test_guesses_are_slowed_down(guarded: LiveServer, browser: httpx2.Client, clock: list[float]) -> None:
    def guess(number: int) -> httpx2.Response:
        return httpx2.get(f"{guarded.url}/v1/models", headers={"authorization": f"Bearer guess-{number}"})

    assert [guess(number).status_code for number in range(12)] == [401] * 10 + [429] * 2
    slowed = guess(99)
    assert slowed.headers["retry-after"] == "10"
    assert slowed.json()["error"]["code"] == "rate_limit_exceeded"
    at_the_door = sign_in(browser)
    assert (at_the_door.status_code, at_the_door.headers["retry-after"]) == (429, "10")
    assert "Wait 10 s" in at_the_door.text
    clock[0] = 10.0
    assert sign_in(browser).status_code == 303
    assert [guess(number).status_code for number in range(100, 102)] == [401, 429]
    assert browser.get("/train").status_code == 200, "who is signed in is not slowed down"


def test_the_same_wrong_token_again_is_no_guess(guarded: LiveServer, clock: list[float]) -> None:
    """A program with yesterday's token asks and asks: it locks nobody out."""
    del clock
    old = {"authorization": "Bearer the-token-of-yesterday"}
    assert {httpx2.get(f"{guarded.url}/v1/models", headers=old).status_code for _ in range(30)} == {401}
    assert httpx2.get(f"{guarded.url}/v1/models", headers=BEARER).status_code == 200


def test_prefixes_of_the_api_end_where_a_name_ends() -> None:
    assert all(prefix.endswith("/") for prefix in API_PREFIXES)
