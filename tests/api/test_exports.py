"""Rankings and comparisons come out, line by line."""

import json

from tests.api.conftest import Json, lines
from tests.live import LiveServer, ScriptedEngine, take_card


def rank(server: LiveServer, ranks: list[int], labeler: str, **headers: str) -> Json:
    """Ranks the next card with these ranks in the order shown."""
    headers = {"X-Labeler": labeler, **headers}
    group: Json = take_card(server.client, headers)
    given = {str(answer["id"]): rank for answer, rank in zip(group["answers"], ranks, strict=True)}
    url = f"/api/v1/groups/{group['group_id']}/rankings"
    assert server.client.post(url, headers=headers, json={"ranks": given}).status_code == 201
    return group


def test_export(server: LiveServer) -> None:
    group = rank(server, [2, 1, 1, 3], "ada")
    rank(server, [1, 1, 1, 1], "ada")
    rank(server, [1, 2, 3, 4], "robot", **{"X-Labeler-Kind": "simulated"})
    rankings = lines(server.client.get("/api/v1/export/rankings.jsonl"))
    assert [row["labeler_kind"] for row in rankings] == ["person", "person", "simulated"]
    first = rankings[0]
    assert first["prompt"] == group["prompt"]["messages"]
    assert [(answer["text"], answer["rank"]) for answer in first["answers"]] == [
        (answer["text"], rank) for answer, rank in zip(group["answers"], [2, 1, 1, 3], strict=True)
    ]
    assert {"version", "settings", "created_at", "group_id"} <= set(first)

    pairs = lines(server.client.get("/api/v1/export/comparisons.jsonl"))
    assert len(pairs) == 5 + 0 + 6  # ties make no pair
    assert {"prompt", "chosen", "rejected"} <= set(pairs[0])
    rank_of = {answer["text"]: rank for answer, rank in zip(group["answers"], [2, 1, 1, 3], strict=True)}
    for pair in pairs[:5]:
        assert rank_of[pair["chosen"][0]["content"]] < rank_of[pair["rejected"][0]["content"]]
    people = lines(server.client.get("/api/v1/export/comparisons.jsonl", params={"labeler_kind": "person"}))
    assert people == pairs[:5]

    ranking_id = server.client.get("/api/v1/rankings").json()["items"][-1]["ranking_id"]
    server.client.delete(f"/api/v1/rankings/{ranking_id}", headers={"X-Labeler": "ada"})
    assert len(lines(server.client.get("/api/v1/export/rankings.jsonl"))) == 2  # withdrawn ones are left out


# every character at which str.splitlines breaks a line
BREAKS = "\n \r \r\n \v \f \x1c \x1d \x1e \x85 \u2028 \u2029"


def test_each_export_line_is_one_line_to_every_client(server: LiveServer, engine: ScriptedEngine) -> None:
    engine.texts = [f"an{BREAKS}swer {number}" for number in range(4)]
    group = server.client.post("/api/v1/groups", json={"prompt": f"say{BREAKS}it"}).json()
    ranks = {str(answer["id"]): rank for rank, answer in enumerate(group["answers"], start=1)}
    url = f"/api/v1/groups/{group['group_id']}/rankings"
    assert server.client.post(url, json={"ranks": ranks, "comment": BREAKS}).status_code == 201
    for name, expected in (("rankings", 1), ("comparisons", 6)):
        with server.client.stream("GET", f"/api/v1/export/{name}.jsonl") as response:
            rows = [json.loads(line) for line in response.iter_lines()]
        assert len(rows) == expected
        assert {row["prompt"][0]["content"] for row in rows} == {group["prompt"]["text"]}
        assert "\u2028" in rows[0]["prompt"][0]["content"]


def test_pairs_of_one_text_are_left_out_and_counted(server: LiveServer, engine: ScriptedEngine) -> None:
    engine.texts = ["same", "same", "other", "third"]
    group = server.client.post("/api/v1/groups", json={"prompt": "Hi"}).json()
    place = {"other": 2, "third": 2}
    first, second = [answer["id"] for answer in group["answers"] if answer["text"] == "same"]
    ranks = {str(answer["id"]): place.get(answer["text"], 0) for answer in group["answers"]} | {
        str(first): 1,
        str(second): 3,
    }
    url = f"/api/v1/groups/{group['group_id']}/rankings"
    assert server.client.post(url, json={"ranks": ranks}).status_code == 201
    pairs = lines(server.client.get("/api/v1/export/comparisons.jsonl"))
    assert sorted((row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in pairs) == [
        ("other", "same"),
        ("same", "other"),
        ("same", "third"),
        ("third", "same"),
    ]
    assert {row["tie"] for row in pairs} == {False}
    with_ties = lines(server.client.get("/api/v1/export/comparisons.jsonl", params={"ties": True}))
    assert with_ties[:4] == pairs
    [tie] = with_ties[4:]
    assert {tie["chosen"][0]["content"], tie["rejected"][0]["content"], tie["tie"]} == {"other", "third", True}
    counted = server.client.get("/api/v1/export/summary").json()
    assert counted == {"rankings": 1, "comparisons": 4, "ties": 1, "same_text": 1}
    simulated = server.client.get("/api/v1/export/summary", params={"labeler_kind": "simulated"}).json()
    assert set(simulated.values()) == {0}


def test_export_of_nothing(shared: LiveServer) -> None:
    assert lines(shared.client.get("/api/v1/export/comparisons.jsonl", params={"labeler_kind": "simulated"})) == []
