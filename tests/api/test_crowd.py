"""A crowd at the door of a real server (tiny, random model): who cannot be served is told at once, all others are."""

import json
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from app.lm.inference.engine import LocalEngine
from tests.live import LiveServer, live_server, quick_settings

WAVES = 2
BODY = {"prompt": "wash my hands", "n": 2, "seed": 1, "max_tokens": 40}


@pytest.fixture(scope="module")
def small_house(
    tiny_model_dir: Path, installed_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    copy = Path(shutil.copytree(installed_data, tmp_path_factory.mktemp("crowd") / "data"))
    with live_server(quick_settings(copy, tiny_model_dir, sampler_queue=12, sampler_rows=8)) as running:
        yield running


def engine_of(server: LiveServer) -> LocalEngine:
    engine: LocalEngine = server.runtime.prefetcher._sampling.engine  # type: ignore[assignment]
    return engine


def post_all(server: LiveServer, count: int, **body: object) -> list[httpx2.Response]:
    limits = httpx2.Limits(max_connections=count)
    with (
        httpx2.Client(base_url=server.url, timeout=60.0, limits=limits) as client,
        ThreadPoolExecutor(count) as threads,
    ):
        return list(threads.map(lambda _: client.post("/api/v1/generate", json={**BODY, **body}), range(count)))


@pytest.mark.parametrize("stream", [False, True])
def test_four_hundred_at_once(small_house: LiveServer, stream: bool) -> None:
    """In waves of 100, as sockets allow: every answer is there whole or is a 503 that says when to come again."""
    expected = small_house.client.post("/api/v1/generate", json=BODY).json()
    seen: Counter[int] = Counter()
    slowest = 0.0
    done = threading.Event()

    def look_in() -> None:
        nonlocal slowest
        while not done.is_set():
            started = time.perf_counter()
            assert small_house.client.get("/healthz").status_code == 200
            slowest = max(slowest, time.perf_counter() - started)
            time.sleep(0.02)

    with ThreadPoolExecutor(1) as other:
        looking = other.submit(look_in)
        try:
            for _ in range(WAVES):
                for response in post_all(small_house, 100, stream=stream):
                    seen[response.status_code] += 1
                    if response.status_code == 503:
                        assert int(response.headers["retry-after"]) >= 1
                    elif not stream:
                        assert response.json() == expected
                    else:
                        last = json.loads(response.text.rstrip().rpartition("data: ")[2])
                        assert last == {"version": 1, "seed": expected["seed"]}
        finally:
            done.set()  # else what is wrong is told only after the time is up
        looking.result(30)
    assert set(seen) == {200, 503}
    assert seen[200] >= WAVES * 12
    assert slowest < 5.0, "a page waited for the crowd"
    assert small_house.runtime.admission.admitted == 0


def open_stream(server: LiveServer) -> socket.socket:
    where = urlsplit(server.url)
    body = json.dumps({**BODY, "n": 8, "max_tokens": 100, "stream": True}).encode()
    reader = socket.create_connection((where.hostname or "", where.port or 0), timeout=30)
    head = f"POST /api/v1/generate HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
    reader.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return reader


def test_a_slow_reader_holds_nobody_up(small_house: LiveServer) -> None:
    """One byte at a time; the others are served, and the slow one's rows end although it has read nothing of them."""
    slow = open_stream(small_house)
    assert slow.recv(1)
    for _ in range(3):
        assert small_house.client.post("/api/v1/generate", json=BODY).status_code == 200
        assert slow.recv(1)
    deadline = time.monotonic() + 20
    while engine_of(small_house)._lanes:
        assert time.monotonic() < deadline, "the sequences of a slow reader are still there"
        time.sleep(0.02)
    slow.close()


def test_who_leaves_frees_rows_and_place(small_house: LiveServer) -> None:
    for _ in range(30):  # more than may wait
        reader = open_stream(small_house)
        assert reader.recv(1)
        reader.close()
    deadline = time.monotonic() + 20
    while small_house.runtime.admission.admitted or engine_of(small_house)._lanes:
        assert time.monotonic() < deadline, "somebody who left is still waited for"
        time.sleep(0.02)
    assert small_house.client.post("/api/v1/generate", json=BODY).status_code == 200
