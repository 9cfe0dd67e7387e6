"""The model over HTTP, a real one (tiny, random): answers, streams, tokens, distributions."""

import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from anyio import to_thread
from sqlalchemy import event

from app.chat import StreamEvent
from app.errors import UnavailableError
from tests.api.conftest import Json, check_problem, sse
from tests.databases import is_postgres
from tests.live import LiveServer, ScriptedEngine
from tests.waiting import PATIENCE_SECONDS


def generate(server: LiveServer, **body: Any) -> Json:
    response = server.client.post("/api/v1/generate", json={"prompt": "wash my hands", **body})
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_generate(real_server: LiveServer) -> None:
    body = generate(real_server, n=3, max_tokens=5, seed=1)
    assert body["version"] == 1
    assert len(body["completions"]) == 3
    for completion in body["completions"]:
        assert set(completion) == {"text", "token_ids", "finish_reason"}
        assert 1 <= len(completion["token_ids"]) <= 5


def test_seed_decides_and_greedy_needs_none(real_server: LiveServer) -> None:
    assert generate(real_server, seed=7) == generate(real_server, seed=7, version=1)
    assert generate(real_server, seed=7) != generate(real_server, seed=8)
    greedy = generate(real_server, temperature=0, n=2)["completions"]
    assert greedy[0] == greedy[1]


def test_stream_carries_the_same_answers(real_server: LiveServer) -> None:
    whole = generate(real_server, n=2, seed=3)
    response = real_server.client.post(
        "/api/v1/generate", json={"prompt": "wash my hands", "n": 2, "seed": 3, "stream": True}
    )
    assert response.headers["content-type"].startswith("text/event-stream")
    events = sse(response.text)
    assert events[-1] == ("end", {"version": 1, "seed": 3})
    answers = {data["index"]: data for name, data in events if name == "answer"}
    assert [answers[index]["token_ids"] for index in (0, 1)] == [item["token_ids"] for item in whole["completions"]]
    for index, answer in answers.items():
        pieces = "".join(data["text"] for name, data in events if name == "piece" and data["index"] == index)
        assert pieces == answer["text"]


def test_logprobs_and_alternatives(real_server: LiveServer) -> None:
    plain = generate(real_server, seed=3, n=1)["completions"][0]
    told = generate(real_server, seed=3, n=1, logprobs=2)["completions"][0]
    assert [one["token_id"] for one in told["logprobs"]] == told["token_ids"] == plain["token_ids"]
    for one in told["logprobs"]:
        assert len(one["top"]) == 2
        assert one["top"][0]["logprob"] >= one["top"][1]["logprob"]
        assert one["logprob"] <= one["top"][0]["logprob"] + 1e-6


def test_stop_strings_and_further_filters(real_server: LiveServer) -> None:
    whole = generate(real_server, seed=3, n=1, max_tokens=40)["completions"][0]
    mark = whole["text"][3]
    cut = generate(real_server, seed=3, n=1, max_tokens=40, stop=mark)["completions"][0]
    assert cut["text"] == whole["text"][: whole["text"].index(mark)]
    assert cut["finish_reason"] == "stop"
    greedy = generate(real_server, temperature=0, n=1)["completions"]
    assert generate(real_server, temperature=1, min_p=1.0, n=1)["completions"] == greedy, "the likeliest alone stays"
    assert generate(real_server, temperature=0, repetition_penalty=2.0, n=1)["completions"] != greedy


def test_a_full_house_is_told_at_once(server: LiveServer) -> None:
    """Before a thread is taken: pages go on."""
    server.runtime.admission.limit = 0
    for path, body in (
        ("/api/v1/generate", {"prompt": "Hi"}),
        ("/api/v1/generate", {"prompt": "Hi", "stream": True}),
        ("/api/v1/next-token", {"prompt": "Hi"}),
    ):
        response = server.client.post(path, json=body)
        check_problem(response, 503, "Try again in a few seconds")
        assert int(response.headers["retry-after"]) >= 1
    assert server.client.get("/api/v1/versions").status_code == 200


@pytest.mark.skipif(is_postgres(), reason="it lies beyond a network: a thread waits for it")
def test_a_stream_takes_no_thread_and_one_look_at_the_database(
    real_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each trip to a thread and each session is a part of the wait for the first word."""
    generate(real_server, n=1, max_tokens=5)  # opens the version
    trips, statements = list[str](), list[str]()
    plain = to_thread.run_sync

    async def counted(call: Any, *arguments: Any, **options: Any) -> Any:
        trips.append(str(call))
        return await plain(call, *arguments, **options)

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    monkeypatch.setattr(to_thread, "run_sync", counted)
    event.listen(real_server.runtime.database, "before_cursor_execute", note)
    asked = {"prompt": "wash my hands", "stream": True, "n": 2, "max_tokens": 5}
    response = real_server.client.post("/api/v1/generate", json=asked)
    event.remove(real_server.runtime.database, "before_cursor_execute", note)
    assert sse(response.text)[-1][0] == "end"
    assert (trips, statements) == ([], [])
    generate(real_server, n=1, max_tokens=5)
    assert len(trips) == 1, "what blocks takes a thread"


def test_places_are_given_back(server: LiveServer, engine: ScriptedEngine) -> None:
    """By answers, streams and errors alike."""
    server.runtime.admission.limit = 1
    for stream in (False, True, False):
        assert server.client.post("/api/v1/generate", json={"prompt": "Hi", "stream": stream}).status_code == 200
    engine.failure = UnavailableError("Out of order.")
    for stream in (False, True, False):
        response = server.client.post("/api/v1/generate", json={"prompt": "Hi", "stream": stream})
        check_problem(response, 503, "Out of order")


def test_a_reader_who_leaves_ends_the_sampling(server: LiveServer, engine: ScriptedEngine) -> None:
    ended = threading.Event()

    def endless(*_: object, **__: object) -> Iterator[StreamEvent]:
        try:
            while True:
                time.sleep(0.01)
                yield StreamEvent(0, "and on ")
        finally:
            ended.set()

    engine.stream = endless  # type: ignore[method-assign]
    with server.client.stream("POST", "/api/v1/generate", json={"prompt": "Hi", "stream": True}) as response:
        assert next(response.iter_lines()) == "event: piece"
    assert ended.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"n": 0}, 422, "n:"),
        ({"n": 9}, 422, "n:"),
        ({"version": 99}, 404, "no version 99"),
        (
            {"messages": [{"role": "tool", "content": "Hi"}], "prompt": None},
            422,
            "Message 1 must have one of the roles",
        ),
        ({"messages": [], "prompt": None}, 422, "prompt is empty"),
        ({"prompt": " \u200b"}, 422, "prompt is empty"),
        ({"max_tokens": 600}, 422, "with 600 for the answer"),
        ({"prompt": "abcdefgh " * 200}, 422, "tokens"),
    ],
)
def test_wrong_requests(real_server: LiveServer, body: Json, status: int, says: str) -> None:
    for stream in (False, True):
        response = real_server.client.post("/api/v1/generate", json={"prompt": "Hi", **body, "stream": stream})
        check_problem(response, status, says)


def test_score_needs_a_reward_model(real_server: LiveServer) -> None:
    response = real_server.client.post("/api/v1/score", json={"prompt": "Hi", "answers": ["a"]})
    check_problem(response, 409, "train one first")


def test_next_token_is_a_distribution(real_server: LiveServer) -> None:
    def tokens(**body: Any) -> list[Json]:
        response = real_server.client.post("/api/v1/next-token", json={"prompt": "Hi", "k": 100, **body})
        assert response.status_code == 200, response.text
        return list(response.json()["tokens"])

    plain = tokens()
    chances = [token["probability"] for token in plain]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) <= 1.0 + 1e-5
    filtered = [token["filtered"] for token in tokens(top_k=2)]
    assert math.isclose(sum(filtered), 1.0, rel_tol=1e-4)
    assert sum(chance > 0 for chance in filtered) == 2


@pytest.mark.parametrize("temperature", [0.000_999, 1e-9, 1e-40, 1e-320])
def test_below_the_smallest_temperature_the_likeliest_is_taken(real_server: LiveServer, temperature: float) -> None:
    """1e-40 made infinities of logits: NaN in a stream, padding for an answer."""
    asked = {"temperature": temperature, "n": 1, "max_tokens": 5, "logprobs": 2, "seed": 1}
    greedy = generate(real_server, **{**asked, "temperature": 0})
    assert generate(real_server, **asked) == greedy
    body = {"prompt": "wash my hands", **asked, "stream": True}
    told = sse(real_server.client.post("/api/v1/generate", json=body).text)
    [answer] = [data for name, data in told if name == "answer"]
    assert answer["logprobs"] == greedy["completions"][0]["logprobs"]
    numbers = [entry["logprob"] for place in answer["logprobs"] for entry in (place, *place["top"])]
    assert all(math.isfinite(number) for number in numbers)
    body = {"prompt": "wash my hands", "temperature": temperature, "k": 2}
    [first, second] = real_server.client.post("/api/v1/next-token", json=body).json()["tokens"]
    assert (first["token_id"], first["tempered"], first["filtered"]) == (
        greedy["completions"][0]["token_ids"][0],
        1.0,
        1.0,
    )
    assert 0 < second["probability"] < first["probability"]
    assert second["tempered"] == second["filtered"] == 0
