"""More requests at once than there are threads, while another process writes: nothing stands still, nobody waits long.

The other process is played by connections of its own that keep the database's write lock.
"""

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app.api import health
from app.db.session import open_database
from app.errors import CrowdedError
from app.formats.languages import Asked
from tests.api.conftest import add_policy, check_problem, ranks_of
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings

CROWD, RANKINGS = 150, 40
SUBMIT = re.compile(r"/groups/\d+/rankings")
HTML = {"accept": "text/html"}
ENGLISH = Asked(frozenset({"en"}))  # as the page asks: a card in another language is for somebody else
ELSEWHERE = {"sec-fetch-site": "cross-site"}
A_LINK = {**HTML, **ELSEWHERE, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@contextmanager
def another_writer(server: LiveServer) -> Iterator[None]:
    database = open_database(server.settings.resolved_database_url)
    with database.connect() as connection, connection.begin():
        yield
    database.dispose()


@pytest.fixture
def patient(tiny_model_dir: Path, data_dir: Path, engine: ScriptedEngine) -> Iterator[LiveServer]:
    settings = quick_settings(data_dir, tiny_model_dir, database_wait_seconds=60)
    with live_server(settings, lambda _settings, _directory: engine) as running:
        yield running


@pytest.fixture
def impatient(tiny_model_dir: Path, data_dir: Path, engine: ScriptedEngine) -> Iterator[LiveServer]:
    settings = quick_settings(data_dir, tiny_model_dir, database_wait_seconds=0.05)
    with live_server(settings, lambda _settings, _directory: engine) as running:
        yield running


def waiting(server: LiveServer) -> int:
    return server.runtime.writing._turns.statistics().tasks_waiting


def test_a_crowd_of_writers_stops_nobody(patient: LiveServer) -> None:
    """150 rankings and cards wait for the lock; reads, pages and health are answered meanwhile; then all are stored."""
    cards = []
    for number in range(RANKINGS):
        who = {"X-Labeler": f"labeler {number}"}
        cards.append((who, patient.client.post("/api/v1/groups/next", headers=who).json()))
    taken = patient.client.post("/api/v1/groups/next").json()

    async def crowd() -> Counter[int]:
        limits = httpx2.Limits(max_connections=CROWD + 10)
        async with httpx2.AsyncClient(base_url=patient.url, timeout=90, limits=limits) as client:
            tasks = []
            with another_writer(patient):
                for who, card in cards:
                    url = f"/api/v1/groups/{card['group_id']}/rankings"
                    tasks.append(client.post(url, json={"ranks": ranks_of(card)}, headers=who))
                tasks += [client.post("/api/v1/groups/next") for _ in range(CROWD - RANKINGS)]
                answers = asyncio.gather(*tasks)
                while waiting(patient) < CROWD - 2:
                    await asyncio.sleep(0.01)
                for path in ("/healthz", "/api/v1/rankings", "/api/v1/jobs", "/train", "/strip"):
                    assert (await client.get(path, headers=HTML)).status_code == 200, path
                assert (await client.get("/readyz")).json()["database"] == "ok"
                assert waiting(patient) >= CROWD - 2
            assert {answer.json()["group_id"] for answer in (await answers)[RANKINGS:]} == {taken["group_id"]}
            return Counter(answer.status_code for answer in await answers)

    assert asyncio.run(crowd()) == {201: RANKINGS, 200: CROWD - RANKINGS}
    assert len(patient.client.get("/api/v1/rankings", params={"limit": 500}).json()["items"]) == RANKINGS


def test_who_cannot_write_soon_is_told_when_to_come_again(impatient: LiveServer) -> None:
    group = impatient.client.post("/api/v1/groups/next").json()
    with another_writer(impatient):
        answer = impatient.client.post(f"/api/v1/groups/{group['group_id']}/skip", json={"reason": "unclear"})
        check_problem(answer, 503, "busy with another write")
        assert int(answer.headers["retry-after"]) >= 1
    answer = impatient.client.post(f"/api/v1/groups/{group['group_id']}/skip", json={"reason": "unclear"})
    assert answer.status_code == 204


def test_reads_take_no_write_lock(impatient: LiveServer) -> None:
    """Every GET there is, pages and API, while somebody else keeps the lock."""
    add_policy(impatient)  # else the arena has nothing to compare
    group = impatient.client.post("/api/v1/groups/next").json()
    job = impatient.client.post("/api/v1/jobs", json={"kind": "evaluate", "params": {"version_id": 1}}).json()
    ids = {"group_id": group["group_id"], "version_id": 1, "job_id": job.get("job_id", "none"), "kind": "prompt"}
    paths = [path for path, calls in impatient.client.get("/openapi.json").json()["paths"].items() if "get" in calls]
    pages = ["/", "/card", "/strip", "/groups/{group_id}", "/train", "/train/jobs", "/train/results", "/train/curves"]
    with another_writer(impatient):
        for path in [*paths, *pages, "/versions/{version_id}"]:
            if path.endswith("/events"):
                continue
            filled = re.sub(r"\{(\w+)\}", lambda found: str(ids.get(found[1], 1)), path)
            answer = impatient.client.get(filled, headers=HTML if path in pages else {})
            assert answer.status_code in (200, 404), (path, answer.text)


def test_a_link_elsewhere_takes_no_card(server: LiveServer) -> None:
    server.runtime.group_sampling.sample_ready(ENGLISH)
    for path in ("/", "/card"):
        page = server.client.get(path, headers=A_LINK)
        assert page.status_code == 200
        assert not SUBMIT.search(page.text)
        assert "Look again" in page.text
    assert SUBMIT.search(server.client.get("/", headers={**HTML, "sec-fetch-site": "same-origin"}).text)
    assert SUBMIT.search(server.client.get("/", headers=A_LINK).text)  # what is mine already is shown


@pytest.mark.parametrize("path", ["/", "/card", "/api/v1/versions", "/static/css/label.css", "/groups/1/stream"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(("mode", "dest"), [("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")])
def test_what_another_site_loads_is_refused(shared: LiveServer, path: str, site: str, mode: str, dest: str) -> None:
    headers = {**HTML, "sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
    assert shared.client.get(path, headers={**headers, "host": "7.localhost"}).status_code == 403


def test_readyz_does_not_wait_for_a_model_that_hangs(
    server: LiveServer, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", 0.01)
    go = threading.Event()
    monkeypatch.setattr(engine, "_called", lambda *_: go.wait(30))
    asked = threading.active_count()
    for _ in range(5):
        body = server.client.get("/readyz")
        assert body.status_code == 503
        assert "No answer yet" in body.json()["model"]
    assert threading.active_count() <= asked + 2, "each question took a thread"
    go.set()
    monkeypatch.setattr(health, "READY_SECONDS", 30)
    assert server.client.get("/readyz").status_code == 200


def test_a_crowd_ends_no_live_stream(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    group = server.client.post("/api/v1/groups/next").json()
    server.client.post(f"/api/v1/groups/{group['group_id']}/rankings", json={"ranks": ranks_of(group)})
    job_id = server.client.post("/api/v1/jobs", json={"kind": "train_reward"}).json()["job_id"]
    reading, crowded = server.runtime.reading, threading.Event()
    take_turn = reading._take_turn

    async def refuse_once() -> None:
        if not crowded.is_set():
            crowded.set()
            raise CrowdedError("no")
        await take_turn()

    with server.client.stream("GET", f"/api/v1/jobs/{job_id}/events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: progress"
        monkeypatch.setattr(reading, "_take_turn", refuse_once)
        assert crowded.wait(30)
        server.client.post(f"/api/v1/jobs/{job_id}/cancel")
        assert "event: end" in lines
