"""Branches, single answers, documents and base models over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.db.models.conversations import Turn, TurnStatus
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.model_info.weights import copy_directory
from app.services.versions import versions
from tests import databases
from tests.api.conftest import Json, check_openai_error, check_problem, sse
from tests.live import LiveServer, live_server, quick_settings

WASH: Json = {"prompt": "wash my hands"}
SETTINGS: Json = {"max_tokens": 20, "seed": 3, "temperature": 1.3, "repetition_penalty": 1.2, "logprobs": 2}


@pytest.fixture(scope="module")
def running(
    tiny_model_dir: Path, installed_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """Version 1 is an SFT model, version 2 the same weights as a base model, 3 as one that is deleted."""
    copy = databases.copy_data(installed_data, tmp_path_factory.mktemp("continuing") / "data")
    with live_server(quick_settings(copy, tiny_model_dir)) as server:
        assert add_version(server, tiny_model_dir, VersionKind.BASE) == 2
        yield server


def add_version(server: LiveServer, model_dir: Path, kind: VersionKind) -> int:
    with transaction(server.runtime.write) as session:
        path = versions.next_version_path(session, kind)
        content_hash = copy_directory(model_dir, server.settings.data_dir / path)
        new = versions.NewVersion(kind=kind, parent_id=1, path=path, content_hash=content_hash)
        return versions.add_version(session, new).id


def generate(server: LiveServer, **body: Any) -> Json:
    response = server.client.post("/api/v1/generate", json=body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_a_branch_from_any_token_is_the_fresh_run(running: LiveServer) -> None:
    whole = generate(running, **WASH, **SETTINGS, n=4)["completions"]
    for index, answer in enumerate(whole):
        for cut in (0, 1, len(answer["token_ids"]) // 2, len(answer["token_ids"])):
            begun = answer["token_ids"][:cut]
            again = generate(running, **WASH, **SETTINGS, n=1, index=index, continue_from=begun)
            assert again["completions"] == [answer]
            body = {**WASH, **SETTINGS, "n": 1, "index": index, "continue_from": begun, "stream": True}
            events = sse(running.client.post("/api/v1/generate", json=body).text)
            tokens = [token for name, data in events if name == "piece" for token in data.get("tokens", ())]
            assert tokens == answer["logprobs"], "the tokens of the pieces are those of the whole"
            assert [token["uniform"] for token in tokens] == answer["uniforms"]


def test_a_seed_that_the_server_chose_gives_the_same_again(running: LiveServer) -> None:
    first = generate(running, **WASH, n=2, max_tokens=8)
    assert generate(running, **WASH, n=2, max_tokens=8, seed=first["seed"]) == first
    events = sse(running.client.post("/api/v1/generate", json={**WASH, "n": 2, "max_tokens": 8, "stream": True}).text)
    [(_, end)] = [event for event in events if event[0] == "end"]
    again = generate(running, **WASH, n=2, max_tokens=8, seed=end["seed"])
    assert [data["text"] for name, data in sorted(events, key=str) if name == "answer"]
    answers = {data["index"]: data["token_ids"] for name, data in events if name == "answer"}
    assert [answers[0], answers[1]] == [one["token_ids"] for one in again["completions"]]


def test_nothing_is_rolled_at_temperature_0(running: LiveServer) -> None:
    [answer] = generate(running, **WASH, n=1, temperature=0, logprobs=1)["completions"]
    assert "uniforms" not in answer
    assert all("uniform" not in one for one in answer["logprobs"])
    [plain] = generate(running, **WASH, n=1, temperature=1)["completions"]
    assert set(plain) == {"text", "token_ids", "finish_reason"}


def tokens_of_prompt(server: LiveServer, **body: Any) -> list[int]:
    response = server.client.post("/api/v1/next-token", json=body)
    assert response.status_code == 200, response.text
    return list(response.json()["prompt_token_ids"])


def test_a_base_model_continues_texts_without_roles(running: LiveServer) -> None:
    """`text` is a document for every version; a base model reads prompt and messages as one, too."""
    document = tokens_of_prompt(running, text="Once upon a time", version=1)
    assert tokens_of_prompt(running, text="Once upon a time", version=2) == document
    assert tokens_of_prompt(running, prompt="Once upon a time", version=2) == document
    assert tokens_of_prompt(running, prompt="Once upon a time", version=1) != document
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Tea?"}]
    assert tokens_of_prompt(running, messages=turns, version=2) == tokens_of_prompt(
        running, text="Be brief.\n\nTea?", version=1
    )
    assert tokens_of_prompt(running, text=" a ", version=1) != tokens_of_prompt(running, text="a", version=1)
    answers = [generate(running, **body, seed=5, max_tokens=9) for body in (
        {"prompt": "wash my hands", "version": 2}, {"text": "wash my hands", "version": 2})]  # fmt: skip
    assert answers[0] == answers[1]


def asked(server: LiveServer, content: str, **opening: Any) -> tuple[int, Json]:
    """A conversation and the answer to its first message."""
    opened = server.client.post("/api/v1/conversations", json=opening).json()["id"]
    answered = server.client.post(f"/api/v1/conversations/{opened}/turns", json={"content": content})
    assert answered.status_code == 200, answered.text
    return opened, answered.json()["answers"][0]


def test_a_conversation_with_a_base_model_is_what_generate_writes(running: LiveServer) -> None:
    given = {"temperature": 1.3, "max_tokens": 12}
    opened, first = asked(running, "Tea?", version=2, system="Be brief.", settings=given)
    second = running.client.post(f"/api/v1/conversations/{opened}/turns", json={"content": "And?"}).json()["answers"][0]
    read = [("system", "Be brief."), ("user", "Tea?"), ("assistant", first["text"]), ("user", "And?")]
    for answer, count in ((first, 2), (second, 4)):
        messages = [{"role": role, "content": content} for role, content in read[:count]]
        wanted = generate(running, messages=messages, version=2, n=1, seed=answer["seed"], **given)
        assert wanted["completions"][0]["token_ids"] == answer["token_ids"]
        assert wanted["completions"][0]["text"] == answer["text"]
    counted = running.client.post(f"/api/v1/conversations/{opened}/room", json={}).json()
    text = "\n\n".join(content for _, content in [*read, ("assistant", second["text"])] if content)
    assert counted["used"] == len(tokens_of_prompt(running, text=text, version=2))


def test_a_stopped_answer_becomes_what_it_would_have_been(running: LiveServer) -> None:
    """Wherever it was stopped, streamed or not; what was told before is told again."""
    opened, whole = asked(running, "wash my hands", settings={"temperature": 1.3, "max_tokens": 20})
    url = f"/api/v1/conversations/{opened}/turns/{whole['id']}/continue"
    for cut in range(len(whole["token_ids"]) + 1):
        with transaction(running.runtime.write) as session:
            turn = session.get_one(Turn, whole["id"])
            turn.status, turn.text, turn.finish_reason = TurnStatus.STOPPED, "", None
            turn.token_ids = whole["token_ids"][:cut]
        if cut % 2:
            assert running.client.post(url, json={}).json()["answers"] == [whole]
        else:
            events = sse(running.client.post(url, json={"stream": True}).text)
            assert [data for name, data in events if name == "answer"] == [whole]
    assert running.client.post(url, json={}).json()["answers"] == [whole], "a whole one stays"
    running.client.post(f"/api/v1/conversations/{opened}/turns", json={"content": "And?"})
    with transaction(running.runtime.write) as session:
        session.get_one(Turn, whole["id"]).status = TurnStatus.STOPPED
    check_problem(running.client.post(url, json={}), 409, "gone on behind this answer")
    question = f"/api/v1/conversations/{opened}/turns/{whole['parent_id']}/continue"
    check_problem(running.client.post(question, json={}), 422, "Only an answer")


def test_openais_clients_reach_a_base_model(running: LiveServer) -> None:
    names = [model["id"] for model in running.client.get("/v1/models").json()["data"]]
    assert "fourfold-2" in names
    asked = {"model": "fourfold-2", "seed": 1, "max_tokens": 8}
    body = {**asked, "messages": [{"role": "user", "content": "wash my hands"}]}
    chat = running.client.post("/v1/chat/completions", json=body).json()
    plain = running.client.post("/v1/completions", json={**asked, "prompt": "wash my hands"}).json()
    assert chat["choices"][0]["message"]["content"] == plain["choices"][0]["text"]
    refused = running.client.post("/v1/chat/completions", json={**body, "chat_template_kwargs": {"a": True}})
    check_openai_error(refused, 400, "no chat format", param="chat_template_kwargs", code="unsupported_parameter")


def test_a_version_that_is_deleted_while_it_streams_writes_on(running: LiveServer, tiny_model_dir: Path) -> None:
    """What is being written is written to its end; the next question is told that the version is gone."""
    version_id = add_version(running, tiny_model_dir, VersionKind.POLICY)
    asked = {**WASH, **SETTINGS, "max_tokens": 200, "version": version_id}
    whole = generate(running, **asked)
    with running.client.stream("POST", "/api/v1/generate", json={**asked, "stream": True}) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: piece"
        deleted = running.client.delete(f"/api/v1/versions/{version_id}")
        assert deleted.status_code == 200, deleted.text
        text = "event: piece\n" + "\n".join(lines)
    events = sse(text)
    assert events[-1] == ("end", {"version": version_id, "seed": 3})
    answers = {data.pop("index"): data for name, data in events if name == "answer"}
    assert [answers[index] for index in sorted(answers)] == whole["completions"]
    for path in ("generate", "next-token"):
        check_problem(
            running.client.post(f"/api/v1/{path}", json={**WASH, "version": version_id}), 410, "Choose another"
        )


BIG = 10**20


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"continue_from": [7, 99_999]}, "There is no token 99999; the last one is"),
        ({"continue_from": [BIG]}, "continue_from.0: numbers are finite, and whole ones have at most 63 bits"),
        ({"continue_from": [2**31]}, "continue_from.0: Send a whole number from 0 to 2,147,483,647, not 2147483648."),
        ({"continue_from": [-1]}, "continue_from.0: Send a whole number from 0 to 2,147,483,647, not -1."),
        ({"continue_from": ["7"]}, '2,147,483,647, not "7".'),
        ({"continue_from": [True]}, "2,147,483,647, not true."),
        ({"continue_from": [7.5]}, "2,147,483,647, not 7.5."),
        ({"continue_from": "7"}, "continue_from"),
        ({"continue_from": [7] * 4_097}, "continue_from"),
        ({"continue_from": [7] * 9}, "continue_from has 9 tokens, and they count as part of the answer"),
        ({"continue_from": [7, 4, 7]}, "Token 2 of continue_from (4) ends an answer"),
        ({"index": -1}, "index:"),
        ({"index": BIG}, "index:"),
        ({"index": 1_000}, "index:"),
        ({"seed": BIG}, "seed:"),
        ({"n": BIG}, "n:"),
        ({"max_tokens": BIG}, "max_tokens:"),
        ({"temperature": BIG}, "temperature:"),
        ({"top_k": BIG}, "top_k:"),
        ({"logprobs": BIG}, "logprobs:"),
        ({"text": "and a prompt"}, "Give one of prompt"),
        ({"prompt": None}, "Give one of prompt"),
        ({"prompt": None, "text": "字" * 600}, "Shorten it: this version reads 512 tokens, prompt and answer together"),
        ({"max_tokens": 511}, "Shorten it, or ask for an answer of at most"),
        ({"version": BIG}, "version"),
    ],
)  # fmt: skip
def test_wrong_requests_name_what_to_do(running: LiveServer, body: Json, says: str) -> None:
    for stream in (False, True):
        response = running.client.post("/api/v1/generate", json={**WASH, "max_tokens": 8, **body, "stream": stream})
        check_problem(response, 422, says)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"continue_from": [7, 4]}, "Token 2 of continue_from (4) ends an answer"),
        ({"continue_from": [99_999]}, "There is no token 99999"),
        ({"continue_from": [7] * 511}, "The prompt has"),
        ({"k": 101}, "k:"),
        ({"k": BIG}, "k:"),
        ({"all": "yes"}, 'all: Send true or false, not "yes".'),
    ],
)
def test_wrong_questions_for_a_distribution(running: LiveServer, body: Json, says: str) -> None:
    check_problem(running.client.post("/api/v1/next-token", json={**WASH, **body}), 422, says)
