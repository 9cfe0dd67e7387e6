"""The arena over HTTP: blind until the vote, one row a vote, and what the votes say."""

import json
from typing import Any

import pytest

from app.db.models.versions import Version
from app.services.versions import versions
from tests.api.conftest import add_policy, check_problem
from tests.live import LiveServer, ScriptedEngine

NEXT, VOTES = "/api/v1/arena/pairs/next", "/api/v1/arena/votes"
Json = dict[str, Any]


@pytest.fixture
def policy(server: LiveServer) -> Version:
    return add_policy(server)


def take(server: LiveServer, who: str = "ada", **query: str | int) -> Json:
    response = server.client.post(NEXT, params=query, headers={"X-Labeler": who})
    assert response.status_code == 200, response.text
    return dict(response.json())


def give(server: LiveServer, pair: Json, verdict: str = "a", who: str = "ada", **more: object) -> Any:
    body = {"pair_id": pair["pair_id"], "verdict": verdict, **more}
    return server.client.post(VOTES, json=body, headers={"X-Labeler": who})


def test_with_one_version_it_says_what_to_do(server: LiveServer) -> None:
    check_problem(server.client.post(NEXT), 409, "Only one version can answer")
    check_problem(server.client.get("/api/v1/arena/result"), 409, "Only one version can answer")
    assert server.client.get("/api/v1/arena/standings").json() == {"standings": [], "votes": 0}


def test_nothing_tells_who_wrote_what_before_the_vote(server: LiveServer, policy: Version) -> None:
    pair = take(server)
    assert set(pair) == {"pair_id", "prompt", "answers"}
    assert [set(each) for each in pair["answers"]] == [{"side", "text"}] * 2
    assert take(server) == pair
    told = give(server, pair, "b").json()
    wrote = {each["side"]: each["version_id"] for each in told["answers"]}
    assert set(wrote.values()) == {policy.id, policy.parent_id}
    with server.runtime.read() as session:
        assert versions.get_version(session, wrote["a"]).id == wrote["a"]
    assert told["verdict"] == "b"
    assert take(server) != pair


def test_a_vote_is_kept_once_withdrawn_by_its_giver_and_listed(server: LiveServer, policy: Version) -> None:
    pair = take(server)
    first = give(server, pair, idempotency_key="k")
    assert first.status_code == 201
    assert give(server, pair, idempotency_key="k").json() == first.json()
    check_problem(give(server, pair, "tie", idempotency_key="k"), 409, "belongs to another vote")
    check_problem(give(server, pair, who="bob"), 409, "given to another labeler")
    (listed,) = server.client.get(VOTES).json()["items"]
    assert listed == first.json()
    address = f"{VOTES}/{listed['vote_id']}"
    check_problem(server.client.delete(address, headers={"X-Labeler": "bob"}), 409, "only they can withdraw it")
    assert server.client.delete(address, headers={"X-Labeler": "ada"}).status_code == 204
    assert server.client.get(VOTES).json()["items"] == []
    assert len(server.client.get(VOTES, params={"include_withdrawn": True}).json()["items"]) == 1
    assert server.client.get("/api/v1/arena/result").json()["win_rate"] is None
    assert policy.id == 2


def test_the_result_and_the_standings_count_it_for_whoever_wrote_it(server: LiveServer, policy: Version) -> None:
    for _ in range(10):
        pair = take(server)
        with server.runtime.read() as session:
            from app.services.arena.pairs import get_pair

            its = "a" if get_pair(session, pair["pair_id"]).version_a_id == policy.id else "b"
        give(server, pair, its)
    result = server.client.get("/api/v1/arena/result").json()
    assert (result["version_id"], result["against_id"]) == (policy.id, policy.parent_id)
    assert result["votes"] == {"wins": 10, "ties": 0, "losses": 0, "both_bad": 0}
    assert (result["win_rate"], result["settled"], result["votes_left"]) == (1.0, "ahead", 0)
    turned = {"version_id": policy.parent_id, "against_id": policy.id}
    assert server.client.get("/api/v1/arena/result", params=turned).json()["settled"] == "behind"
    first, second = server.client.get("/api/v1/arena/standings").json()["standings"]
    assert (first["version_id"], second["version_id"]) == (policy.id, policy.parent_id)
    assert first["low"] <= first["rating"] <= first["high"]


def test_an_own_prompt_and_skipping(server: LiveServer, policy: Version) -> None:
    who = {"X-Labeler": "ada"}
    made = server.client.post("/api/v1/arena/pairs", json={"prompt": "Why is the sky blue?"}, headers=who)
    assert made.status_code == 201
    assert made.json()["prompt"]["text"] == "Why is the sky blue?"
    assert take(server) == made.json()
    skip = f"/api/v1/arena/pairs/{made.json()['pair_id']}/skip"
    check_problem(server.client.post(skip, headers={"X-Labeler": "bob"}), 409, "given to another labeler")
    assert server.client.post(skip, headers=who).status_code == 204
    assert take(server) != made.json()
    check_problem(give(server, made.json()), 409, "was skipped")
    assert take(server, source="drawn", version_id=policy.id)["pair_id"]


def test_hostile_texts_come_as_they_are(server: LiveServer, policy: Version, engine: ScriptedEngine) -> None:
    hostile = "<script>alert(1)</script>\u202e\x07 {{7*7}}"
    made = server.client.post("/api/v1/arena/pairs", json={"prompt": hostile})
    assert made.status_code == 201, made.text
    assert hostile.replace("\x07", "") in json.loads(made.text)["prompt"]["text"].replace("\x07", "")
    assert policy.id
    assert engine.calls


def test_settings_are_off_until_somebody_chooses(server: LiveServer) -> None:
    address = "/api/v1/arena/settings"
    assert server.client.get(address).json() == {"train_on_votes": False, "activate_above": None}
    chosen = {"train_on_votes": True, "activate_above": 0.6}
    assert server.client.put(address, json=chosen).json() == chosen == server.client.get(address).json()
    check_problem(
        server.client.put(address, json={"activate_above": 0.4}),
        422,
        "activate_above: Send a number from 0.5 to 0.95, not 0.4.",
    )


def test_what_is_wrong_is_named(server: LiveServer, policy: Version) -> None:
    check_problem(server.client.post(VOTES, json={"pair_id": 99, "verdict": "a"}), 404, "no pair 99")
    check_problem(server.client.post(VOTES, json={"pair_id": 1, "verdict": "c"}), 422, "'a', 'b', 'tie' or 'both_bad'")
    check_problem(server.client.post(NEXT, params={"version_id": 99}), 404, "no version 99")
    same = {"version_id": policy.id, "against_id": policy.id}
    check_problem(server.client.get("/api/v1/arena/result", params=same), 422, "the same")
    check_problem(server.client.delete(f"{VOTES}/99"), 404, "no vote 99")
