"""Two web processes and a worker on one installation: eight labelers, nothing given twice, nothing lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import httpx2
import pytest
from sqlalchemy import select

from app.db.models.jobs import JobStatus
from app.db.models.rankings import Ranking
from tests.api.conftest import Json, ranks_of
from tests.databases import is_postgres
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings, take_card
from tests.waiting import PATIENCE_SECONDS
from tests.worker.harness import Harness

LABELERS, CARDS_EACH = 8, 12 if is_postgres() else 4


@pytest.fixture
def webs(tiny_model_dir: Path, data_dir: Path) -> Iterator[tuple[LiveServer, LiveServer]]:
    """Each with an engine of its own: to the database they are two processes."""
    settings, engine = quick_settings(data_dir, tiny_model_dir), ScriptedEngine()
    with ExitStack() as stack:
        one, other = (stack.enter_context(live_server(settings, lambda *_: engine)) for _ in range(2))
        yield one, other


def test_eight_labelers_while_a_job_runs(webs: tuple[LiveServer, LiveServer], data_dir: Path) -> None:
    """Every ranking is sent twice at the same moment, once to each web: both answer with the ranking."""
    worker = Harness(data_dir)
    try:
        job = worker.add_job(steps=5, seconds=0.05)
        worker.start_worker()
        with ThreadPoolExecutor(LABELERS) as pool:
            given = [pair for cards in pool.map(lambda number: label(webs, number), range(LABELERS)) for pair in cards]
        (ended,) = worker.wait_over(job)
        assert ended.status is JobStatus.SUCCEEDED
        groups, rankings = zip(*given, strict=True)
        assert len(set(groups)) == len(groups) == LABELERS * CARDS_EACH, "no card is given twice"
        assert len(set(rankings)) == len(rankings)
        with worker.readers() as session:
            assert set(session.scalars(select(Ranking.id))) == set(rankings), "none is lost, none is there twice"
    finally:
        worker.close()


def label(webs: tuple[LiveServer, LiveServer], number: int) -> list[tuple[int, int]]:
    """Group and ranking of each card."""
    found = []
    headers = {"X-Labeler": f"labeler {number}"}
    both = Barrier(2)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(httpx2.Client(base_url=web.url, headers=headers, timeout=PATIENCE_SECONDS))
            for web in webs
        ]
        pool = stack.enter_context(ThreadPoolExecutor(2))

        def submit(client: httpx2.Client, group: Json) -> int:
            body = {"ranks": ranks_of(group), "idempotency_key": str(group["group_id"])}
            both.wait(PATIENCE_SECONDS)
            answer = client.post(f"/api/v1/groups/{group['group_id']}/rankings", json=body)
            assert answer.status_code == 201, answer.text
            return int(answer.json()["ranking_id"])

        for turn in range(CARDS_EACH):
            group = take_card(clients[turn % 2])
            first, second = pool.map(submit, clients, (group, group))
            assert first == second
            found.append((int(group["group_id"]), first))
    return found


def test_each_of_two_same_things_at_once_finds_the_other(webs: tuple[LiveServer, LiveServer]) -> None:
    """Own prompts, jobs, skips, undo and activation, sent to both webs at the same moment."""
    group = take_card(webs[0].client)
    ranking = webs[0].client.post(f"/api/v1/groups/{group['group_id']}/rankings", json={"ranks": ranks_of(group)})
    undone = f"/api/v1/rankings/{ranking.json()['ranking_id']}"

    def at_once(method: str, path: str, body: Json | None = None) -> list[httpx2.Response]:
        both = Barrier(2)

        def send(web: LiveServer) -> httpx2.Response:
            both.wait(PATIENCE_SECONDS)
            return httpx2.request(method, f"{web.url}{path}", json=body, timeout=PATIENCE_SECONDS)

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(send, webs))

    for number in range(6):
        made = at_once("POST", "/api/v1/prompts", {"prompt": f"A new prompt {number}"})
        assert {answer.status_code for answer in made} == {201}
        assert len({answer.json()["items"][0]["id"] for answer in made}) == 1
    queued = at_once("POST", "/api/v1/jobs", {"kind": "train_reward"})
    assert {answer.status_code for answer in queued} == {202}
    assert len({answer.json()["job_id"] for answer in queued}) == 1
    assert {answer.status_code for answer in at_once("POST", "/api/v1/versions/1/activate")} == {200}
    assert {answer.status_code for answer in at_once("DELETE", undone)} == {204}
    asked = at_once("POST", "/api/v1/groups", {"prompt": "The same own prompt"})
    assert {answer.status_code for answer in asked} == {201}
    assert len({answer.json()["prompt"]["id"] for answer in asked}) == 1
