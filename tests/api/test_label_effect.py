"""What one's labels did, over HTTP."""

import pytest

from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import transaction
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from tests.api.conftest import ranks_of
from tests.browser.test_accessibility import REWARD_METRICS
from tests.live import LiveServer


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
    assert mine["seconds"] == {"value": 5, "low": 5, "high": 5, "n": 1}
    assert mine["places_p"] == pytest.approx(0.392, abs=0.001)
    [model] = mine["models"]
    assert (model["version"], model["num_rankings"], model["held_out_accuracy"]) == (version.id, 48, 0.84)
    assert mine["reliability"] == [[0.55, 0.5, 10], [0.75, 0.7, 14], [0.95, 0.97, 40]]
    others = server.client.get("/api/v1/label-effect", headers={"X-Labeler": "bob"}).json()
    assert (others["cards"], others["models"]) == (0, mine["models"])
