"""Clients that send half a request, read nothing, or come in crowds, over raw sockets."""

import asyncio
import json
import logging
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.http import connections
from app.http.connections import AcceptErrors, connection_limit, raise_descriptor_limit
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = (
    b"POST /api/v1/groups HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
CONNECTIONS = 5
PATIENCE = 20.0


@pytest.fixture(scope="module")
def strict(
    tiny_model_dir: Path, installed_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """Limits of a tenth of a second."""
    settings = quick_settings(
        Path(shutil.copytree(installed_data, tmp_path_factory.mktemp("strict") / "data")),
        tiny_model_dir,
        header_seconds=0.1,
        body_seconds=0.1,
        keep_alive_seconds=1,
        write_seconds=0.1,
        max_connections=CONNECTIONS,
    )
    engine = ScriptedEngine()
    with live_server(settings, lambda _settings, _directory: engine) as running:
        running.client.headers["connection"] = "close"
        yield running


def connect(server: LiveServer) -> socket.socket:
    where = urlsplit(server.url)
    return socket.create_connection((where.hostname or "", where.port or 0), timeout=PATIENCE)


def read_to_end(client: socket.socket) -> bytes:
    """All that comes until the server closes; fails when it does not."""
    whole = b""
    while piece := client.recv(65_536):
        whole += piece
    return whole


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", b""),
        (b"GET", b" 408 "),
        (HEAD, b" 408 "),
        (HEAD + b"X-Slow: " + b"a" * 1_000, b" 408 "),
        (POST % 100, b" 408 "),
        (POST % 100 + b'{"prompt":', b" 408 "),
    ],
)
def test_half_a_request_is_closed(strict: LiveServer, sent: bytes, said: bytes) -> None:
    with connect(strict) as client:
        client.sendall(sent)
        answer = read_to_end(client)
    assert said in answer.partition(b"\r\n")[0]
    assert bool(answer) == bool(said)


def test_openai_s_clients_read_it_in_their_form(strict: LiveServer) -> None:
    with connect(strict) as client:
        client.sendall((POST % 100).replace(b"/api/v1/groups", b"/v1/chat/completions") + b'{"messages":')
        head, _, body = read_to_end(client).partition(b"\r\n\r\n")
    assert b" 408 " in head.partition(b"\r\n")[0]
    assert b"application/json" in head
    error = json.loads(body)["error"]
    assert error["type"] == "invalid_request_error"
    assert "did not arrive in time" in error["message"]


def test_byte_by_byte_is_no_way_around(strict: LiveServer) -> None:
    """Each byte is in time, the whole is not."""
    for start in (b"", POST % 10_000):
        with connect(strict) as client:
            client.sendall(start)
            client.settimeout(0.02)
            until, answer = time.monotonic() + PATIENCE, b""
            while not answer:
                assert time.monotonic() < until
                client.sendall(b"a")
                try:
                    answer = client.recv(1_000)
                except TimeoutError:
                    continue
            assert b" 408 " in answer


def test_half_a_second_request_is_closed_too(strict: LiveServer) -> None:
    with connect(strict) as client:
        client.sendall(HEAD + b"\r\n" + HEAD)
        answer = read_to_end(client)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b" 408 " in answer


def test_an_idle_connection_is_closed(strict: LiveServer) -> None:
    with connect(strict) as client:
        client.sendall(HEAD + b"\r\n")
        assert read_to_end(client).startswith(b"HTTP/1.1 200 OK")


def test_a_body_that_comes_at_a_fair_rate_has_time(strict: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than the limit in all, and still taken: each 16 kB earn a second."""
    monkeypatch.setattr(connections, "BODY_BYTES_PER_SECOND", 10)  # so that a few bytes earn it here
    body = json.dumps({"prompt": "Hi " * 20}).encode()
    with connect(strict) as client:
        client.sendall(POST % len(body))
        for place in range(0, len(body), 8):
            client.sendall(body[place : place + 8])
            time.sleep(0.04)  # the client's rate, nothing that is waited for
        assert b" 201 " in client.recv(1_000)


def test_one_connection_too_many_is_answered(strict: LiveServer) -> None:
    with ExitStack() as stack:
        crowd = [stack.enter_context(connect(strict)) for _ in range(3 * CONNECTIONS)]
        for client in crowd:
            client.sendall(HEAD + b"\r\n")
        answers = [read_to_end(client).partition(b"\r\n")[0] for client in crowd]
    assert answers.count(b"HTTP/1.1 503 Service Unavailable") >= 1
    assert answers.count(b"HTTP/1.1 200 OK") >= CONNECTIONS
    assert len(answers) == answers.count(b"HTTP/1.1 503 Service Unavailable") + answers.count(b"HTTP/1.1 200 OK")
    assert strict.client.get("/healthz").status_code == 200


def test_who_reads_nothing_is_cut_off(tiny_model_dir: Path, data_dir: Path, engine: ScriptedEngine) -> None:
    """An endless answer to a client that never reads: its connection, place and rows are given back."""
    settings = quick_settings(data_dir, tiny_model_dir, write_seconds=0.1)
    with live_server(settings, lambda _settings, _directory: engine) as server:
        engine.endless = True
        body = json.dumps({"prompt": "Hi", "stream": True}).encode()
        with connect(server) as client:
            head = POST.replace(b"/groups", b"/generate") % len(body)
            client.sendall(head + body)
            assert client.recv(1)
            until = time.monotonic() + PATIENCE
            while server.runtime.admission.admitted:
                assert time.monotonic() < until, "who reads nothing keeps its place"
                time.sleep(0.02)


def test_the_soft_limit_of_descriptors_becomes_the_hard_one() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1] // 2, before[1]))
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("descriptors", "allowed"), [(20_000, 1_000), (resource.RLIM_INFINITY, 1_000), (1_024, 512), (256, 16)]
)
def test_connections_leave_descriptors_for_the_rest(
    descriptors: int, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (descriptors, descriptors))
    assert connection_limit(1_000) == allowed


def test_missing_descriptors_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    loop, handler = asyncio.new_event_loop(), AcceptErrors()
    for _ in range(1_000):
        handler(loop, {"message": "socket.accept() out of system resource", "exception": OSError(24, "too many")})
    with caplog.at_level(logging.ERROR):
        handler(loop, {"message": "something else"})
    loop.close()
    assert sum("descriptor" in record.message for record in caplog.records) == 1
    assert any("something else" in record.message for record in caplog.records)
