"""What one's labels did, over HTTP."""

import pytest

from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import transaction
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from tests.api.conftest import ranks_of
from tests.browser.test_accessibility import REWARD_METRICS
from tests.live import LiveServer


def test_labelers_are_compared(server: LiveServer) -> None:
    """Two who ranked the same answers, which came with a file."""
    for labeler, ranks in (("ada", [1, 2, 3]), ("bob", [1, 2, 3]), ("eve", [3, 2, 1])):
        for prompt in ("Why?", "How?"):
            row = {"prompt": prompt, "answers": ["So.", "No.", "Yes."], "ranks": ranks, "labeler": labeler}
            server.client.post("/api/v1/import/rankings", json=[row]).raise_for_status()
    found = server.client.get("/api/v1/labeler-agreement").json()
    assert (found["cards"], found["labelers"], found["tau"]["n"]) == (2, 3, 6)
    assert {tuple(each["labelers"]): each["tau"]["value"] for each in found["pairs"]} == {
        ("ada", "bob"): 1, ("ada", "eve"): -1, ("bob", "eve"): -1,
    }  # fmt: skip
    assert found["alpha"]["n"] == 18
    assert found["alpha"]["low"] < found["alpha"]["value"] < found["alpha"]["high"]


def test_figures_are_ones_own_and_the_models_are_everybodys(server: LiveServer) -> None:
    ada = {"X-Labeler": "ada"}
    card = server.client.post("/api/v1/groups/next", headers=ada).json()
    sent = {"ranks": ranks_of(card), "duration_ms": 5_000}
    server.client.post(f"/api/v1/groups/{card['group_id']}/rankings", json=sent, headers=ada)
    with transaction(server.runtime.write) as session:
        new = NewVersion(VersionKind.REWARD, 1, "r", "h", metrics=REWARD_METRICS | {"num_rankings": 48.0})
        version = versions.add_version(session, new)
        version.status = VersionStatus.ACTIVE
    mine = server.client.get("/api/v1/label-effect", headers=ada).json()
    assert mine["cards"] == 1
    assert [place["share"] for place in mine["places"]] == [1, 0, 0, 0]
    assert (mine["seconds"], mine["middle_half"], mine["consistency"]) == (None, None, None), "of one card"
    assert mine["places_p"] == pytest.approx(0.392, abs=0.001)
    [model] = mine["models"]
    assert (model["version"], model["num_rankings"], model["held_out_accuracy"]) == (version.id, 48, 0.84)
    assert mine["reliability"] == [[0.55, 0.5, 10], [0.75, 0.7, 14], [0.95, 0.97, 40]]
    others = server.client.get("/api/v1/label-effect", headers={"X-Labeler": "bob"}).json()
    assert (others["cards"], others["models"]) == (0, mine["models"])
