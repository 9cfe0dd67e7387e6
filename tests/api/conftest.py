"""What the API tests share: a quick way through the card game, and a look into the database."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.services.versions import versions
from tests.live import LiveServer

Json = dict[str, Any]


@pytest.fixture
def who(request: pytest.FixtureRequest) -> dict[str, str]:
    """The headers of a labeler that no other test uses."""
    return {"X-Labeler": request.node.name[:64]}


@pytest.fixture
def next_group(shared: LiveServer, who: dict[str, str]) -> Callable[[], Json]:
    def take() -> Json:
        response = shared.client.post("/api/v1/groups/next", headers=who)
        assert response.status_code == 200, response.text
        return dict(response.json())

    return take


def add_policy(server: LiveServer) -> Version:
    """A candidate with the SFT model's files: the second version that can answer."""
    with transaction(server.runtime.write) as session:
        sft = versions.active_answerer(session)
        new = versions.NewVersion(
            kind=VersionKind.POLICY, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash
        )
        return versions.add_version(session, new)


def ranks_of(group: Json) -> dict[str, int]:
    """1, 2, 3, 4 in the order shown."""
    return {str(answer["id"]): place for place, answer in enumerate(group["answers"], start=1)}


def check_problem(response: Any, status: int, says: str) -> Json:
    """Every error has the same shape and a sentence."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = dict(response.json())
    assert body["status"] == status
    assert body["title"]
    assert says in body["detail"], body["detail"]
    return body


def check_openai_error(
    response: Any, status: int, says: str, *, param: str | None = None, code: str | None = None
) -> Json:
    """Every error under /v1 has OpenAI's shape, and nothing else."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = dict(response.json())
    assert set(body) == {"error"}
    error = dict(body["error"])
    assert set(error) == {"message", "type", "param", "code"}
    assert says in error["message"], error
    assert (error["param"], error["code"]) == (param, code), error
    kinds = {429: "requests"} | dict.fromkeys(range(500, 600), "server_error")
    assert error["type"] == kinds.get(status, "invalid_request_error")
    return error


def sse(text: str) -> list[tuple[str | None, Any]]:
    """(event, data) of a whole stream."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        data = fields["data"]
        found.append((fields.get("event"), json.loads(data) if data != "[DONE]" else data))
    return found


def lines(response: httpx2.Response) -> list[Json]:
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/jsonl")
    return [json.loads(line) for line in response.text.splitlines()]
