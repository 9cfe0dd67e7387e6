"""How the label page's answers are written, over HTTP: changed by whoever runs it, never told to labelers."""

import pytest

from app.db.models.groups import Group, GroupStatus
from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.services.labeling.label_settings import Writers
from app.services.versions import versions
from tests.api.conftest import check_problem, ranks_of
from tests.live import LiveServer
from tests.repository import REPOSITORY

URL = "/api/v1/label-settings"
OPEN = {
    "temperature": None,
    "top_k": None,
    "top_p": None,
    "max_tokens": None,
    "version_id": None,
    "other_version_id": None,
    "shows_prediction": True,
    "chooses_groups": False,
    "draws_all_sets": False,
    "repeat_share": 0.0,
    "second_share": 0.0,
}


@pytest.fixture
def policy(server: LiveServer) -> Version:
    with transaction(server.runtime.write) as session:
        sft = versions.active_answerer(session)
        new = versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path=sft.path, content_hash="2" * 64)
        return versions.add_version(session, new)


def statuses(server: LiveServer) -> list[GroupStatus]:
    with server.runtime.read() as session:
        return [group.status for group in session.query(Group).order_by(Group.id)]


def test_cards_of_former_settings_are_replaced_and_the_next_are_mixed(server: LiveServer, policy: Version) -> None:
    assert server.client.get(URL).json() == OPEN | {"other_answers": 0, "version_ids": [1] * 4}
    server.runtime.group_sampling.sample_ready()
    assert statuses(server) == [GroupStatus.READY]
    chosen = {"temperature": 0.5, "max_tokens": 7, "other_version_id": policy.id, "other_answers": 2}
    changed = server.client.put(URL, json=chosen)
    assert changed.json() == OPEN | chosen | {"version_ids": [1, 1, policy.id, policy.id]}
    assert statuses(server) == [GroupStatus.EXPIRED]
    who = {"X-Labeler": "ada"}
    card = server.client.post("/api/v1/groups/next", headers=who).json()
    assert [set(answer) for answer in card["answers"]] == [{"id", "text"}] * 4
    rank = {"ranks": ranks_of(card)}
    assert server.client.post(f"/api/v1/groups/{card['group_id']}/rankings", json=rank, headers=who).status_code == 201
    row = server.client.get("/api/v1/export/rankings.jsonl").json()
    assert sorted(answer["version"] for answer in row["answers"]) == [1, 1, policy.id, policy.id]
    assert (row["settings"]["temperature"], row["settings"]["max_tokens"], row["version"]) == (0.5, 7, None)


def test_own_prompts_follow_but_for_what_they_say(server: LiveServer) -> None:
    server.client.put(URL, json={"temperature": 0.5, "max_tokens": 3})
    own = server.client.post("/api/v1/groups", json={"prompt": "Hi", "temperature": 0.25}).json()
    with server.runtime.read() as session:
        settings = session.get_one(Group, own["group_id"]).settings
    assert (settings["temperature"], settings["max_tokens"]) == (0.25, 3)


def test_nothing_else_samples_by_them() -> None:
    """PPO and evaluation have hyper-parameters of their own; /generate says, or takes the environment's."""
    rooms = ("app/worker", "app/training", "app/kinds", "app/lm", "app/api/generation.py", "app/api/openai")
    for room in (REPOSITORY / name for name in rooms):
        for path in [room] if room.is_file() else room.rglob("*.py"):
            assert "label_settings" not in path.read_text(), path


def test_impossible_settings_are_refused(server: LiveServer) -> None:
    for body, status, says in (
        ({"temperature": 3}, 422, ""),
        ({"other_answers": 4}, 422, ""),
        ({"version_id": 99}, 404, "no version 99"),
        ({"other_answers": 1}, 422, "Both versions are the same"),
    ):
        check_problem(server.client.put(URL, json=body), status, says)
    assert server.client.get(URL).json()["version_ids"] == list(Writers.all_by(1).version_ids)


def test_guidelines_are_written_and_the_default_ones_come_back(server: LiveServer) -> None:
    url = "/api/v1/guidelines"
    default = server.client.get(url).json()
    assert default["is_default"]
    assert server.client.put(url, json={"text": " # Be kind\n"}).json() == {"text": "# Be kind", "is_default": False}
    assert server.client.put(url, json={"text": None}).json() == default
    check_problem(server.client.put(url, json={"text": "x" * 20_001}), 422, "")


def test_an_own_answer_is_ranked_and_a_skip_taken_back(server: LiveServer) -> None:
    who = {"X-Labeler": "ada"}
    card = server.client.post("/api/v1/groups/next", headers=who).json()
    url = f"/api/v1/groups/{card['group_id']}"
    assert server.client.post(f"{url}/skip", json={"reason": "unreadable"}, headers=who).status_code == 204
    assert server.client.request("DELETE", f"{url}/skip", headers=who).status_code == 204
    assert server.client.post("/api/v1/groups/next", headers=who).json()["group_id"] == card["group_id"]
    ranks = {answer["id"]: place for place, answer in enumerate(card["answers"], start=2)}
    for text, says in (
        ("", "is empty"),
        ("so " * 400, "tokens; at most 256"),
        (card["answers"][0]["text"], "the same"),
    ):
        body = {"ranks": ranks, "own_answer": {"text": text, "rank": 1}}
        check_problem(server.client.post(f"{url}/rankings", json=body, headers=who), 422, says)
    body = {"ranks": ranks, "own_answer": {"text": "a better one", "rank": 1}}
    assert server.client.post(f"{url}/rankings", json=body, headers=who).status_code == 201
    row = server.client.get("/api/v1/export/rankings.jsonl").json()
    last = row["answers"][-1]
    assert (last["text"], last["tokens"], last["rank"], last["written_by"]) == ("a better one", [], 1, "labeler ada")
