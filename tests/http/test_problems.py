"""Bad input and bad luck: each a problem document with the next step, nothing half-written."""

import sqlite3
from collections.abc import Iterator

import httpx2
import pytest
from sqlalchemy import event

from app.errors import UnavailableError
from tests.api.conftest import Json, check_problem, ranks_of
from tests.live import LiveServer, ScriptedEngine


def test_broken_json(shared: LiveServer) -> None:
    response = shared.client.post(
        "/api/v1/generate", content=b'{"prompt": "Hi', headers={"content-type": "application/json"}
    )
    check_problem(response, 400, "not valid JSON")


def test_lone_surrogates_are_mended_or_refused(shared: LiveServer) -> None:
    response = shared.client.post(
        "/api/v1/groups", content=b'{"prompt": "a \\ud800 b"}', headers={"content-type": "application/json"}
    )
    assert response.status_code in (201, 422)


def test_texts_are_counted_in_characters(shared: LiveServer) -> None:
    body = {"ranks": {}, "comment": "é" * 2_001}
    says = "comment: The text has 2,001 characters, and at most 2,000 are taken."
    check_problem(shared.client.post("/api/v1/groups/1/rankings", json=body), 422, says)
    body = {"prompt": "Hi", "language": "e"}
    says = "language: The text has 1 characters, and at least 2 are taken."
    check_problem(shared.client.post("/api/v1/prompts", json=body), 422, says)


def test_a_name_without_end_is_not_said_back(shared: LiveServer) -> None:
    body = check_problem(shared.client.post("/api/v1/prompts", json={"prompt": "Hi", "x" * 50_000: 1}), 422, "xxx: ")
    assert len(str(body)) < 1_000


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/jobs/nothing", "/api/v1/versions/99"])
def test_unknown_things(shared: LiveServer, path: str) -> None:
    body = check_problem(shared.client.get(path), 404, "There is no")
    assert body["title"] == "Not found" or body["title"] == "Not Found"


def test_wrong_method(shared: LiveServer) -> None:
    response = shared.client.put("/api/v1/prompts", json={})
    check_problem(response, 405, "use ")
    assert response.headers["allow"]


def test_ids_beyond_the_database(shared: LiveServer) -> None:
    check_problem(shared.client.get("/api/v1/versions/99999999999999999999"), 422, "version_id")
    check_problem(shared.client.post("/api/v1/versions/99999999999999999999/activate"), 422, "version_id")
    check_problem(shared.client.get("/api/v1/prompts?after=-1"), 422, "not a cursor")
    check_problem(shared.client.get("/api/v1/prompts?limit=0"), 422, "limit")
    check_problem(shared.client.get("/api/v1/jobs?status=lost"), 422, "status")


def test_huge_prompt(shared: LiveServer) -> None:
    check_problem(shared.client.post("/api/v1/groups", json={"prompt": "x" * 100_000}), 413, "at most 64 kB")


def test_huge_body_that_does_not_say_so(shared: LiveServer) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"prompt": "'
        for _ in range(100):
            yield b"x" * 1_024

    response = httpx2.post(
        f"{shared.url}/api/v1/groups", content=endless(), headers={"content-type": "application/json"}
    )
    check_problem(response, 413, "at most 64 kB")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_foreign_sites_change_nothing(shared: LiveServer, headers: dict[str, str]) -> None:
    check_problem(shared.client.post("/api/v1/groups/next", headers=headers), 403, "another site")


def test_rebound_names_are_refused(shared: LiveServer) -> None:
    check_problem(shared.client.get("/api/v1/versions", headers={"Host": "evil.example"}), 421, "evil.example")
    assert shared.client.get("/healthz", headers={"Host": "localhost:8000"}).status_code == 200


def test_full_queue_is_told_with_a_time_to_try_again(server: LiveServer, engine: ScriptedEngine) -> None:
    engine.failure = UnavailableError("Too many requests wait for the model. Try again in a moment.")
    for path, body in (
        ("/generate", {"prompt": "Hi"}),
        ("/generate", {"prompt": "Hi", "stream": True}),
        ("/groups/next", {}),
    ):
        response = server.client.post(f"/api/v1{path}", json=body)
        check_problem(response, 503, "Try again")
        assert response.headers["retry-after"] == "1"


def test_a_bug_is_a_problem_too(server: LiveServer, engine: ScriptedEngine) -> None:
    engine.failure = ZeroDivisionError("oops")
    answer = server.client.post("/api/v1/generate", json={"prompt": "Hi"})
    assert answer.headers["connection"] == "close"  # as the server does
    body = check_problem(answer, 500, "its log says more")
    assert "oops" not in str(body)


@pytest.mark.sqlite
def test_full_disk_saves_nothing_and_says_so(server: LiveServer) -> None:
    """A real one for SQLite: the file may not grow by a page."""
    groups = [server.client.post("/api/v1/groups", json={"prompt": f"Hi {n}"}).json() for n in range(12)]
    pages = {"most": 1}

    @event.listens_for(server.runtime.database, "checkout")
    def limit_size(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages['most']}")

    def rank(group: Json) -> httpx2.Response:
        url = f"/api/v1/groups/{group['group_id']}/rankings"
        return server.client.post(url, json={"ranks": ranks_of(group), "comment": "x" * 2_000})

    answers = [rank(group) for group in groups]
    refused = [answer for answer in answers if answer.status_code != 201]
    for answer in refused:
        check_problem(answer, 507, "Nothing was saved; free some space")
    kept = [row["ranking_id"] for row in server.client.get("/api/v1/rankings").json()["items"]]
    assert sorted(kept) == [answer.json()["ranking_id"] for answer in answers if answer.status_code == 201]
    assert refused
    pages["most"] = 1_000_000
    again = [rank(group) for group, answer in zip(groups, answers, strict=True) if answer.status_code != 201]
    assert {answer.status_code for answer in again} == {201}


@pytest.mark.sqlite
def test_locked_database_asks_to_try_again(server: LiveServer) -> None:
    @event.listens_for(server.runtime.database, "checkout")
    def be_impatient(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout=50")

    other = sqlite3.connect(server.settings.data_dir / "fourfold.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    response = server.client.post("/api/v1/prompts", json={"prompt": "Hi"})
    check_problem(response, 503, "try again in a moment")
    assert response.headers["retry-after"] == "1"
    assert server.client.get("/api/v1/prompts").status_code == 200  # readers never wait
    other.execute("ROLLBACK")
    other.close()
    assert server.client.post("/api/v1/prompts", json={"prompt": "Hi"}).status_code == 201
