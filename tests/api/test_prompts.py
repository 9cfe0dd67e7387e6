"""Prompts are added, and listed by pages."""

from typing import Any

import pytest

from tests.api.conftest import Json, check_problem
from tests.live import LiveServer


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
        ({}, "Give one of prompt"),
        ({"prompt": "Hi", "prompts": [{"prompt": "Hi"}]}, "Give one of prompt"),
        ({"prompt": 5}, "prompt: Send a text, not 5."),
        ({"prompts": []}, "prompts: 0 are given here, and at least 1 are taken."),
        ({"prompts": [{"prompt": "Hi"}, {}]}, "prompts.1: Give either prompt"),
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
