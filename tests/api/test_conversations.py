"""Conversations through the API: each labeler's own, kept from the first piece on, with nothing overwritten."""

from collections.abc import Callable
from typing import Any

import pytest

from app.db.models.conversations import Turn, TurnStatus
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.services.versions import versions
from tests.api.conftest import Json, check_problem, sse
from tests.live import LiveServer, ScriptedEngine
from tests.services.chat.slow_engine import SlowEngine
from tests.waiting import PATIENCE_SECONDS, wait_for

URL = "/api/v1/conversations"
Call = Callable[..., Json]


@pytest.fixture
def call(shared: LiveServer, who: dict[str, str]) -> Call:
    """As this test's labeler; the answer's JSON."""

    def call(method: str, path: str, status: int = 200, **body: Any) -> Json:
        response = shared.client.request(method, URL + path, headers=who, json=body or None)
        assert response.status_code == status, response.text
        return dict(response.json()) if response.content else {}

    return call


@pytest.fixture
def conversation(call: Call) -> int:
    return int(call("POST", "", 201, system="Be brief.")["id"])


def policy_of(server: LiveServer) -> int:
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        return versions.add_version(
            session, versions.NewVersion(VersionKind.POLICY, sft.id, "versions/9-policy", "9" * 64)
        ).id


def test_several_turns_an_edit_a_retry_and_the_export(call: Call, conversation: int) -> None:
    first = call("POST", f"/{conversation}/turns", content="Why?", after=0)
    assert first["answers"][0]["text"] == "an answer"
    assert first["answers"][0]["token_ids"] == [5, 4]
    call("POST", f"/{conversation}/turns", content="And?")
    edited = call("POST", f"/{conversation}/turns/{first['question']['id']}/edit", content="Who?")
    retried = call("POST", f"/{conversation}/turns/{edited['answers'][0]['id']}/retry", stream=False)
    now = call("GET", f"/{conversation}")
    assert now["path"] == [edited["question"]["id"], retried["answers"][0]["id"]]
    assert (now["head"], now["title"], len(now["turns"])) == (now["path"][-1], "Why?", 7)
    exported = call("GET", f"/{conversation}/export")
    assert exported["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "an answer"},
    ]
    back = call("POST", f"/{conversation}/turns/{first['question']['id']}/choose")
    assert len(back["path"]) == 4


def test_a_stream_says_what_was_kept_then_the_pieces_then_the_answer(
    shared: LiveServer, shared_engine: ScriptedEngine, who: dict[str, str], call: Call, conversation: int
) -> None:
    """The engine waits until the stream has begun: who comes after the end gets the answer as one piece."""
    shared_engine.may_answer.clear()
    body = {"content": "Why?", "stream": True}
    with shared.client.stream("POST", f"{URL}/{conversation}/turns", headers=who, json=body) as response:
        parts = response.iter_text()
        text = next(parts)
        shared_engine.may_answer.set()
        text += "".join(parts)
    events = sse(text)
    assert [name for name, _ in events] == ["asked", "piece", "piece", "answer", "end"]
    assert "".join(data["text"] for name, data in events if name == "piece") == "an answer"
    assert events[0][1]["answers"][0]["status"] == "writing"
    assert events[-1][1] == {"conversation": conversation, "head": call("GET", f"/{conversation}")["head"]}


def test_who_leaves_a_stream_stops_nothing(
    shared: LiveServer, shared_engine: ScriptedEngine, who: dict[str, str], call: Call, conversation: int
) -> None:
    shared_engine.may_answer.clear()
    body = {"content": "Why?", "stream": True, "idempotency_key": "k"}
    with shared.client.stream("POST", f"{URL}/{conversation}/turns", headers=who, json=body) as response:
        assert next(response.iter_lines()) == "event: asked"
    check_problem(
        shared.client.post(f"{URL}/{conversation}/turns", headers=who, json={"content": "And?"}), 409, "being written"
    )
    shared_engine.may_answer.set()
    again = call("POST", f"/{conversation}/turns", content="Why?", idempotency_key="k")
    assert again["answers"][0]["text"] == "an answer"
    late = sse(shared.client.post(f"{URL}/{conversation}/turns", headers=who, json=body).text)
    assert [name for name, _ in late] == ["asked", "piece", "answer", "end"]
    assert late[1][1]["text"] == "an answer"


def test_a_key_that_is_sent_with_other_words_drops_nothing_in_silence(
    shared: LiveServer, who: dict[str, str], call: Call, conversation: int
) -> None:
    call("POST", f"/{conversation}/turns", content="Why?", idempotency_key="k")
    body = {"content": "Why not?", "idempotency_key": "k"}
    other = shared.client.post(f"{URL}/{conversation}/turns", headers=who, json=body)
    check_problem(other, 409, "Send a new key")


def test_an_answer_that_a_killed_server_left_is_written_when_it_is_looked_at(
    shared: LiveServer, call: Call, conversation: int
) -> None:
    [answer] = call("POST", f"/{conversation}/turns", content="Why?")["answers"]
    with transaction(shared.runtime.write) as session:
        left = session.get_one(Turn, answer["id"])
        left.status, left.text = TurnStatus.WRITING, ""

    def again() -> bool:
        turn = call("GET", f"/{conversation}")["turns"][-1]
        return bool(turn["status"] == "done" and turn["text"] == "an answer")

    wait_for(again, "answer")


def test_two_tabs(shared: LiveServer, who: dict[str, str], call: Call, conversation: int) -> None:
    call("POST", f"/{conversation}/turns", content="Why?", after=0)
    late = shared.client.post(f"{URL}/{conversation}/turns", headers=who, json={"content": "Late?", "after": 0})
    check_problem(late, 409, "gone on meanwhile")
    assert len(call("GET", f"/{conversation}")["turns"]) == 2


def test_side_by_side_it_is_hidden_which_is_which_until_it_is_asked(shared: LiveServer, call: Call) -> None:
    conversation = call("POST", "", 201, other_version=policy_of(shared), blind=True)["id"]
    asked = call("POST", f"/{conversation}/turns", content="Why?")
    assert [answer["version"] for answer in asked["answers"]] == [None, None]
    right = asked["answers"][1]["id"]
    now = call("POST", f"/{conversation}/turns/{right}/choose")
    assert now["head"] == right
    assert {turn["version"] for turn in now["turns"]} == {None}
    told = call("PATCH", f"/{conversation}", blind=False)
    shown = [turn["version"] for turn in told["turns"] if turn["role"] == "assistant"]
    assert sorted(shown) == sorted([told["version"], told["other_version"]])


def test_answers_become_a_group_to_rank(shared: LiveServer, who: dict[str, str], call: Call, conversation: int) -> None:
    asked = call("POST", f"/{conversation}/turns", content="Why?")
    path = f"/{conversation}/turns/{asked['answers'][0]['id']}/rank"
    group = call("POST", path, 201)["group_id"]
    assert call("POST", path, 201)["group_id"] == group
    card = shared.client.post("/api/v1/groups/next", headers=who).json()
    assert (card["group_id"], card["prompt"]["messages"][0]["content"]) == (group, "Be brief.\nWhy?")
    assert len({answer["text"] for answer in card["answers"]}) == 4


def test_it_is_renamed_shortened_and_deleted(
    shared: LiveServer, shared_engine: ScriptedEngine, who: dict[str, str], call: Call, conversation: int
) -> None:
    call("POST", f"/{conversation}/turns", content="one two three")
    asked = call("POST", f"/{conversation}/turns", content="four five")
    room = call("POST", f"/{conversation}/room", content="six seven")
    assert (room["used"], room["context"], room["full"]) == (13, shared_engine.context, False)
    call("PATCH", f"/{conversation}", title="Numbers", reads_from=asked["question"]["id"])
    assert call("POST", f"/{conversation}/room", content="six seven")["used"] == 8
    assert call("GET", f"/{conversation}")["title"] == "Numbers"
    assert call("DELETE", f"/{conversation}/turns/{asked['question']['id']}")["reads_from"] is None
    call("DELETE", f"/{conversation}", 204)
    check_problem(shared.client.get(f"{URL}/{conversation}", headers=who), 404, "no conversation")
    check_problem(shared.client.delete(f"{URL}/{conversation}", headers=who), 404, "no conversation")


def test_a_stopped_answer_keeps_what_is_there(
    shared: LiveServer,
    shared_engine: ScriptedEngine,
    who: dict[str, str],
    call: Call,
    conversation: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = SlowEngine()
    slow.may_finish.clear()
    monkeypatch.setattr(shared_engine, "stream", slow.stream)
    body = {"content": "Why?", "stream": True}
    with shared.client.stream("POST", f"{URL}/{conversation}/turns", headers=who, json=body) as response:
        assert next(response.iter_lines()) == "event: asked"
    turn = call("GET", f"/{conversation}")["head"]
    stopped = call("POST", f"/{conversation}/turns/{turn}/stop")
    answer = next(each for each in stopped["turns"] if each["id"] == turn)
    assert answer["status"] == "stopped"
    assert answer["text"] in {"", "one ", "one two "}
    assert slow.closed.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("what", ["conversation", "message"])
def test_what_is_deleted_while_it_streams_is_told_as_the_streams_last_event(
    shared: LiveServer,
    shared_engine: ScriptedEngine,
    who: dict[str, str],
    call: Call,
    conversation: int,
    what: str,
) -> None:
    shared_engine.may_answer.clear()
    body = {"content": "Why?", "stream": True}
    with shared.client.stream("POST", f"{URL}/{conversation}/turns", headers=who, json=body) as response:
        parts = response.iter_text()
        text = next(parts)
        if what == "conversation":
            call("DELETE", f"/{conversation}", 204)
        else:
            call("DELETE", f"/{conversation}/turns/{sse(text)[0][1]['question']['id']}")
        shared_engine.may_answer.set()
        text += "".join(parts)
    name, data = sse(text)[-1]
    assert (name, data["error"]["type"]) == ("error", "Not found")


def test_nobody_else_sees_it(shared: LiveServer, call: Call, conversation: int) -> None:
    asked = call("POST", f"/{conversation}/turns", content="Why?")
    turn = asked["answers"][0]["id"]
    other = {"X-Labeler": "somebody else"}
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"title": "Mine"}),
        ("DELETE", "", None),
        ("GET", "/export", None),
        ("POST", "/room", {"content": "x"}),
        ("POST", "/turns", {"content": "x"}),
        ("POST", f"/turns/{turn}/retry", {}),
        ("POST", f"/turns/{turn}/choose", None),
        ("POST", f"/turns/{turn}/stop", None),
        ("DELETE", f"/turns/{turn}", None),
    ):
        response = shared.client.request(method, f"{URL}/{conversation}{path}", headers=other, json=body)
        check_problem(response, 404, "no conversation")
    assert len(call("GET", f"/{conversation}")["turns"]) == 2
