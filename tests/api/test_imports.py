"""Files of prompts and of preferences go in."""

import json

import httpx2
import pytest
from sqlalchemy import func, select

from app.db.models.prompts import Prompt
from tests.api.conftest import check_problem, lines
from tests.live import LiveServer

NOTHING = {
    **dict.fromkeys(("repeated", "kept", "put_away", "rankings", "repeated_rankings", "held_out"), 0),
    **{
        "archived": 0,
        "votes": 0,
        "repeated_votes": 0,
        "conversations": 0,
        **dict.fromkeys(("repeated_conversations", "conversations_beside", "other_comments"), 0),
        "same_text": 0,
        "answers_not_kept": 0,
        "questions_not_kept": 0,
        "columns_not_kept": [],
    },
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
        (b"{}", "Line 2: it has no columns with anything in them"),
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
    """As an installation without votes exports them."""
    for name in ("prompts", "rankings", "votes"):
        for content in (b"", b"\n", shared.client.get("/api/v1/export/votes.parquet").content):
            taken = shared.client.post(f"/api/v1/import/{name}", content=content)
            assert (taken.status_code, taken.json()["lines"]) == (201, 0), taken.text
            assert "there is nothing to import" in taken.json()["says"], "as the page does"


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
