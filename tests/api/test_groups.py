"""Cards over real HTTP: leasing, ranking, skipping, undoing, own prompts."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.db.models.groups import Group
from tests.api.conftest import Json, check_problem, ranks_of
from tests.live import LiveServer, take_card

Take = Callable[[], Json]


def rank(shared: LiveServer, group: Json, who: dict[str, str], **body: Any) -> Any:
    url = f"/api/v1/groups/{group['group_id']}/rankings"
    return shared.client.post(url, headers=who, json={"ranks": ranks_of(group), **body})


def test_card_tells_nothing_of_the_model(next_group: Take) -> None:
    group = next_group()
    assert set(group) == {"group_id", "prompt", "answers", "lease_expires_at"}
    assert [set(answer) for answer in group["answers"]] == [{"id", "text"}] * 4
    assert group["lease_expires_at"].endswith("Z")


def test_same_labeler_gets_the_same_card_in_the_same_order(next_group: Take) -> None:
    assert next_group() == next_group()


def test_ranking_then_next_card_is_another(shared: LiveServer, next_group: Take, who: dict[str, str]) -> None:
    group = next_group()
    response = rank(shared, group, who, comment="  the second is rude\0 ", duration_ms=1_234)
    assert response.status_code == 201
    assert next_group()["group_id"] != group["group_id"]
    listed = shared.client.get("/api/v1/rankings").json()["items"][0]
    assert listed["ranking_id"] == response.json()["ranking_id"]
    assert (listed["comment"], listed["duration_ms"]) == ("the second is rude", 1_234)
    assert (listed["labeler"], listed["labeler_kind"]) == (who["X-Labeler"], "person")


def test_same_key_answers_the_same_a_second_ranking_is_refused(
    shared: LiveServer, next_group: Take, who: dict[str, str]
) -> None:
    group = next_group()
    first = rank(shared, group, who, idempotency_key="k")
    again = rank(shared, group, who, idempotency_key="k")
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    check_problem(rank(shared, group, who), 409, "already ranked")


def test_group_leased_to_another_is_refused(shared: LiveServer, next_group: Take) -> None:
    response = rank(shared, next_group(), {"X-Labeler": "a stranger"})
    check_problem(response, 409, "leased to somebody else")


def test_unknown_group(shared: LiveServer, who: dict[str, str]) -> None:
    group = {"group_id": 999_999, "answers": [{"id": 1}]}
    check_problem(rank(shared, group, who), 404, "no group 999999")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda _: {}, "missing"),
        (lambda ranks: dict(list(ranks.items())[1:]), "missing"),
        (lambda ranks: {**ranks, "999999": 1}, "unknown: [999999]"),
        (lambda ranks: dict.fromkeys(ranks, 5), "from 1 (best) to 4"),
        (lambda ranks: dict.fromkeys(ranks, 0), "from 1 (best) to 4"),
        (lambda ranks: dict.fromkeys(ranks, "1"), "ranks."),
        (lambda ranks: dict.fromkeys(ranks, 1.5), "ranks."),
        (lambda ranks: dict.fromkeys(ranks, True), "ranks."),
        (lambda _: {"first": 1}, "ranks.first"),
        (lambda ranks: list(ranks), "ranks:"),
        (lambda _: None, "ranks:"),
    ],
)
def test_wrong_ranks_are_refused(
    shared: LiveServer, next_group: Take, who: dict[str, str], change: Callable[[dict[str, int]], object], says: str
) -> None:
    group = next_group()
    check_problem(rank(shared, group, who, ranks=change(ranks_of(group))), 422, says)
    assert next_group() == group  # still theirs


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"comment": "x" * 2_001}, "comment"),
        ({"duration_ms": -1}, "duration_ms"),
        ({"duration_ms": "soon"}, "duration_ms"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "x" * 201}, "idempotency_key"),
        ({"rank": {}}, "rank: There is no such field here: leave it out, or correct its name."),
    ],
)
def test_wrong_extras_are_refused_by_name(
    shared: LiveServer, next_group: Take, who: dict[str, str], body: Json, says: str
) -> None:
    check_problem(rank(shared, next_group(), who, **body), 422, says)


def test_skip(shared: LiveServer, next_group: Take, who: dict[str, str]) -> None:
    group = next_group()
    url = f"/api/v1/groups/{group['group_id']}/skip"
    check_problem(shared.client.post(url, headers=who, json={"reason": "boring"}), 422, "reason")
    assert shared.client.post(url, headers=who, json={"reason": "all_bad"}).status_code == 204
    assert next_group()["group_id"] != group["group_id"]
    check_problem(shared.client.post(url, headers=who, json={"reason": "all_bad"}), 409, "skipped")


def test_withdrawn_ranking_brings_the_card_back(shared: LiveServer, next_group: Take, who: dict[str, str]) -> None:
    group = next_group()
    ranking_id = rank(shared, group, who).json()["ranking_id"]
    url = f"/api/v1/rankings/{ranking_id}"
    check_problem(shared.client.delete(url, headers={"X-Labeler": "a stranger"}), 409, "another labeler")
    assert [shared.client.delete(url, headers=who).status_code for _ in range(2)] == [204, 204]
    assert next_group()["group_id"] == group["group_id"]
    everything = shared.client.get("/api/v1/rankings", params={"include_withdrawn": True}).json()["items"]
    assert next(row for row in everything if row["ranking_id"] == ranking_id)["withdrawn_at"] is not None
    standing = shared.client.get("/api/v1/rankings").json()["items"]
    assert ranking_id not in [row["ranking_id"] for row in standing]
    assert rank(shared, group, who).status_code == 201
    check_problem(shared.client.delete("/api/v1/rankings/999999", headers=who), 404, "no ranking 999999")


def test_own_prompt(shared: LiveServer, next_group: Take, who: dict[str, str]) -> None:
    response = shared.client.post(
        "/api/v1/groups", headers=who, json={"prompt": "你好 😀", "temperature": 0.5, "seed": 11}
    )
    assert response.status_code == 201
    group = response.json()
    assert group["prompt"]["text"] == "你好 😀"
    assert next_group()["group_id"] == group["group_id"]
    with shared.runtime.read() as session:
        stored = session.get_one(Group, group["group_id"])
        assert (stored.seed, stored.settings["temperature"], stored.settings["seed"]) == (11, 0.5, 11)
    assert rank(shared, group, who).status_code == 201


def test_own_conversation(shared: LiveServer, who: dict[str, str]) -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Who are you?"},
    ]
    response = shared.client.post("/api/v1/groups", headers=who, json={"messages": messages})
    assert response.status_code == 201
    assert response.json()["prompt"]["messages"] == messages


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "either prompt"),
        ({"prompt": "Hi", "messages": []}, "either prompt"),
        ({"prompt": "   "}, "is empty"),
        ({"messages": []}, "is empty"),
        ({"prompt": "x" * 2_001}, "2,001 characters; at most 2,000"),
        ({"prompt": "Hi", "temperature": 3}, "temperature"),
        ({"prompt": "Hi", "top_p": 0}, "top_p"),
        ({"prompt": "Hi", "top_k": -1}, "top_k"),
        ({"prompt": "Hi", "max_tokens": 257}, "max_tokens"),
        ({"prompt": "Hi", "seed": 2**31}, "seed"),
        ({"prompt": "Hi", "tempreature": 1}, "tempreature"),
        ({"prompt": 5}, "prompt"),
    ],
)
def test_bad_own_prompts(shared: LiveServer, who: dict[str, str], body: Json, says: str) -> None:
    check_problem(shared.client.post("/api/v1/groups", headers=who, json=body), 422, says)


def test_held_out_prompt_is_never_ranked(shared: LiveServer, who: dict[str, str]) -> None:
    held_out = shared.client.get("/api/v1/prompts", params={"split": "held_out"}).json()["items"][0]
    response = shared.client.post("/api/v1/groups", headers=who, json={"prompt": held_out["text"]})
    check_problem(response, 409, "kept for evaluation")


@pytest.mark.parametrize("name", ["", "x" * 65, "a\tb"])
def test_bad_labeler_names(shared: LiveServer, name: str) -> None:
    check_problem(shared.client.post("/api/v1/groups/next", headers={"X-Labeler": name}), 422, "A labeler's name")


def test_labeler_names_beyond_latin(shared: LiveServer) -> None:
    headers = httpx2.Headers({b"X-Labeler": "张\u3000伟".encode()})
    group = take_card(shared.client, headers)
    url = f"/api/v1/groups/{group['group_id']}/rankings"
    assert shared.client.post(url, headers=headers, json={"ranks": ranks_of(group)}).status_code == 201
    assert shared.client.get("/api/v1/rankings").json()["items"][0]["labeler"] == "张 伟"


def test_simulated_labelers_are_marked(shared: LiveServer, next_group: Take, who: dict[str, str]) -> None:
    next_group()  # a person of that name
    marked = {**who, "X-Labeler-Kind": "simulated"}
    check_problem(shared.client.post("/api/v1/groups/next", headers=marked), 409, "belongs to a person")
    check_problem(
        shared.client.post("/api/v1/groups/next", headers={**who, "X-Labeler-Kind": "robot"}), 422, "x-labeler-kind"
    )
    robot = {"X-Labeler": "robot", "X-Labeler-Kind": "simulated"}
    group = take_card(shared.client, robot)
    assert rank(shared, group, robot).status_code == 201
    people = shared.client.get("/api/v1/rankings", params={"labeler_kind": "person"}).json()["items"]
    robots = shared.client.get("/api/v1/rankings", params={"labeler_kind": "simulated"}).json()["items"]
    assert {row["labeler_kind"] for row in people} <= {"person"}
    assert [row["labeler"] for row in robots] == ["robot"]
