"""`fourfold cheat`: which job it starts, and what it tells of the end."""

import json
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.api.jobs import JobQueued
from app.cli import cheat
from app.errors import AppError

VERSION = {
    "id": 7,
    "metrics": {
        "verdict": {
            "sentences": ["Good fit.", "Over-optimized: it says nothing any more."],
            "next_step": "Keep the KL penalty on.",
            "examples": [{"prompt": "What is a week?", "before": "Seven days.", "after": "A week"}],
        },
        "validations": [
            {"episodes": 0, "reward_gain": 0.0, "judge_gain": 0.0, "kl": 0.0},
            {"episodes": 2048, "reward_gain": 4.83, "judge_gain": -1.5, "kl": 21.5},
        ],
    },
}
REAL = httpx2.Client


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was posted to a server whose job runs at first and has ended at the second look."""
    posted: list[dict[str, Any]] = []
    looks: list[dict[str, Any]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/api/v1/jobs":
            posted.append(json.loads(request.content))
            looks.append({"status": "running", "message": "64 episodes", "error": None})
            return httpx2.Response(202, json=JobQueued(job_id="j").model_dump())
        if request.url.path == "/api/v1/jobs/j":
            failed = posted[-1]["params"]["seed"] == 13
            ended = {"status": "failed", "error": "No prompts."} if failed else {"status": "succeeded"}
            told = looks.pop() if looks else {"message": "", "result": {"version_id": 7}} | ended
            return httpx2.Response(200, json={"job_id": "j"} | told)
        return httpx2.Response(200, json=VERSION)

    def client(**options: Any) -> httpx2.Client:
        return REAL(transport=httpx2.MockTransport(answer), base_url=options["base_url"])

    monkeypatch.setattr("app.cli.cheat.httpx2.Client", client)
    monkeypatch.setattr("app.cli.cheat.time.sleep", lambda _: None)
    return posted


def test_it_starts_the_cheat_and_tells_the_verdict_with_its_answers(asked: list[dict[str, Any]]) -> None:
    ended = CliRunner().invoke(cli, ["cheat", "--episodes", "640", "--seed", "3"])
    assert ended.exit_code == 0, ended.output
    assert asked == [{"kind": "show_cheating", "params": {"seed": 3, "total_episodes": 640}}]
    for line in ("Over-optimized: it says nothing any more.", "2,048         +4.83  -1.50  21.5", "policy:    A week"):
        assert line in ended.output
    assert ended.stderr.splitlines() == ["64 episodes"], "what is done meanwhile"


def test_with_the_penalty_it_is_the_usual_training(asked: list[dict[str, Any]]) -> None:
    assert CliRunner().invoke(cli, ["cheat", "--penalty"]).exit_code == 0
    assert asked == [{"kind": "train_policy", "params": {"seed": 0}}]


@pytest.mark.usefixtures("asked")
def test_a_job_that_fails_is_told_with_its_sentence() -> None:
    with pytest.raises(AppError, match="No prompts"):
        cheat.cheat(seed=13)
