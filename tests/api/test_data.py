"""Prompts in, rankings and comparisons out."""

import json
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from app.db.models.prompts import Prompt
from tests.api.conftest import Json, check_problem
from tests.live import LiveServer, ScriptedEngine


def lines(response: httpx2.Response) -> list[Json]:
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/jsonl")
    return [json.loads(line) for line in response.text.splitlines()]


def rank(server: LiveServer, ranks: list[int], labeler: str, **headers: str) -> Json:
    """Ranks the next card with these ranks in the order shown."""
    headers = {"X-Labeler": labeler, **headers}
    group: Json = server.client.post("/api/v1/groups/next", headers=headers).json()
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


def test_prompts_are_added_once(shared: LiveServer) -> None:
    def post(body: Json) -> list[Json]:
        response = shared.client.post("/api/v1/prompts", json=body)
        assert response.status_code == 201, response.text
        return list(response.json()["items"])

    [one] = post({"prompt": "What is a prompt?"})
    assert (one["text"], one["split"], one["source"], one["language"]) == ("What is a prompt?", "train", "own", "en")
    many = post({"prompts": [{"prompt": "你是谁？", "split": "held_out"}, {"prompt": "What is a prompt?"}]})
    assert many[1] == one
    assert (many[0]["language"], many[0]["split"]) == ("zh", "held_out")


def test_many_prompts_are_added_all_or_none(shared: LiveServer) -> None:
    bad = {"prompts": [{"prompt": "The good one of a bad list"}, {"prompt": "  "}]}
    check_problem(shared.client.post("/api/v1/prompts", json=bad), 422, "empty")
    assert "The good one" not in shared.client.get("/api/v1/prompts", params={"limit": 500}).text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "give one of prompt"),
        ({"prompt": "Hi", "prompts": [{"prompt": "Hi"}]}, "give one of prompt"),
        ({"prompt": 5}, "prompt: Input should be a valid string"),
        ({"prompts": []}, "prompts: List should have at least 1 item"),
        ({"prompts": [{"prompt": "Hi"}, {}]}, "prompts.1: give either prompt"),
        ({"prompt": "Hi", "split": "test"}, "split"),
        ({"prompt": "x" * 2_001}, "at most 2,000"),
    ],
)
def test_wrong_prompts(shared: LiveServer, body: Json, says: str) -> None:
    check_problem(shared.client.post("/api/v1/prompts", json=body), 422, says)


def test_lists_are_paged(shared: LiveServer) -> None:
    seen: list[int] = []
    params: dict[str, Any] = {"limit": 200}
    while True:
        page = shared.client.get("/api/v1/prompts", params=params).json()
        assert set(page) == {"items", "next"}
        seen += [prompt["id"] for prompt in page["items"]]
        if page["next"] is None:
            break
        params["after"] = page["next"]
    assert seen == sorted(set(seen))
    assert len(seen) >= 400


NOTHING = {
    **dict.fromkeys(("repeated", "kept", "put_away", "rankings", "repeated_rankings", "held_out"), 0),
    **{"archived": 0, "same_text": 0, "answers_not_kept": 0, "questions_not_kept": 0, "columns_not_kept": []},
}


def post_file(server: LiveServer, content: bytes) -> httpx2.Response:
    headers = {"content-type": "application/jsonl"}
    return server.client.post("/api/v1/import/prompts", content=content, headers=headers)


def test_import_prompts(shared: LiveServer) -> None:
    content = '{"prompt": "Imported one"}\n\n{"messages": [{"role": "user", "content": "导入"}], "split": "held_out"}\n'
    response = post_file(shared, content.encode())
    assert response.status_code == 201
    assert response.json() == {**NOTHING, "says": "2 rows read: 2 new prompts.", "lines": 2, "new": 2}
    held_out = shared.client.get("/api/v1/prompts", params={"split": "held_out", "limit": 500}).json()["items"]
    assert (held_out[-1]["text"], held_out[-1]["source"]) == ("导入", "imported")


def test_import_takes_more_than_other_routes(shared: LiveServer) -> None:
    content = "".join(json.dumps({"text": f"Imported in bulk, {number}"}) + "\n" for number in range(3_000))
    assert len(content) > 64 * 1_024
    assert post_file(shared, content.encode()).json()["new"] == 3_000


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"prompt": "x"', "Line 2: it is not valid JSON"),
        (b"[1]", "Line 2: it is not a JSON object"),
        (b"{}", "Line 2: its columns say nothing that is known (none)"),
        (b'{"prompt": " "}', "Line 2: Message 1 is empty"),
        (b'{"prompt": "Hi", "split": "test"}', "Line 2: split must be"),
        (b'{"prompt": [1]}', "Line 2: prompt must be a text"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_bad_lines_are_named_and_nothing_is_kept(shared: LiveServer, line: bytes, says: str) -> None:
    def newest_prompt() -> int:
        with shared.runtime.read() as session:
            return session.scalar(select(func.max(Prompt.id))) or 0

    before = newest_prompt()
    check_problem(post_file(shared, b'{"prompt": "The first line of a bad file"}\n' + line), 422, says)
    assert newest_prompt() == before


def test_import_of_nothing(shared: LiveServer) -> None:
    check_problem(post_file(shared, b"\n"), 422, "no rows")


def test_preferences_go_in_by_their_own_door_and_come_out_again(server: LiveServer) -> None:
    pairs = [
        {"prompt": "Why?", "chosen": "So.", "rejected": "No.", "labeler": "eve", "margin": 0.5},
        {"prompt": "Why?", "chosen": "a", "rejected": "b", "tie": True, "labeler": "eve", "split": "held_out"},
    ]
    check_problem(
        post_file(server, json.dumps(pairs).encode()), 422, "Entry 1: it holds two answers that were compared"
    )
    for name in ("comparisons", "rankings"):
        response = server.client.post(f"/api/v1/import/{name}", content=json.dumps(pairs).encode())
        found = response.json()
        assert (response.status_code, found["lines"], found["columns_not_kept"]) == (201, 2, ["margin"])
        assert found["rankings"] + found["repeated_rankings"] == 2
        assert (found["new"], found["kept"]) == ((1, 1) if name == "comparisons" else (0, 1))
    [row, tie] = lines(server.client.get("/api/v1/export/comparisons.jsonl", params={"ties": True}))
    assert (row["prompt"][0]["content"], row["chosen"][0]["content"], row["tie"]) == ("Why?", "So.", False)
    assert (row["labeler"], row["labeler_kind"], row["version"], row["split"]) == ("eve", "imported", None, "train")
    assert tie["tie"]
    assert lines(server.client.get("/api/v1/export/comparisons.jsonl", params={"labeler_kind": "person"})) == []
    own = server.client.get("/api/v1/export/rankings.jsonl").content
    again = server.client.post("/api/v1/import/rankings", content=own).json()
    assert again["says"] == (
        "2 rows read: 0 new prompts; 2 rows had a prompt that was there already. 2 rankings were there already."
    )
    assert server.client.post("/api/v1/groups/next", headers={"X-Labeler": "eve"}).json()["prompt"]["text"] != "Why?"
