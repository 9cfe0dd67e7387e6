"""Versions and health over HTTP, with real weights on disk."""

import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.model_info.weights import copy_directory
from app.services.versions import versions
from tests.api.conftest import check_problem
from tests.live import LiveServer, live_server, quick_settings


@pytest.fixture
def running(tiny_model_dir: Path, data_dir: Path) -> Iterator[LiveServer]:
    """A real model, two cards prefetched."""
    with live_server(quick_settings(data_dir, tiny_model_dir, ready_groups=2)) as server:
        yield server


def add_policy(server: LiveServer, model_dir: Path) -> int:
    with transaction(server.runtime.write) as session:
        path = versions.next_version_path(session, VersionKind.POLICY)
        found = copy_directory(model_dir, server.settings.data_dir / path)
        return versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.POLICY, parent_id=1, path=path, content_hash=found, metrics={"kl": float("nan")}
            ),
        ).id


def test_activate_and_roll_back(running: LiveServer, tiny_model_dir: Path) -> None:
    client = running.client
    policy_id = add_policy(running, tiny_model_dir)
    listed = client.get("/api/v1/versions").json()["items"]
    assert [(row["id"], row["kind"], row["status"]) for row in listed] == [
        (policy_id, "policy", "candidate"),
        (1, "sft", "active"),
    ]
    detail = client.get(f"/api/v1/versions/{policy_id}").json()
    assert (detail["lineage"], detail["ranking_ids"], detail["metrics"]) == ([policy_id, 1], [], {"kl": None})
    assert [(row["origin"], row["imported_from"], row["precision"]) for row in listed] == [
        ("trained", None, None),
        ("imported", "sft", None),
    ]
    assert client.post(f"/api/v1/versions/{policy_id}/activate").json()["status"] == "active"
    assert client.post("/api/v1/generate", json={"prompt": "Hi", "n": 1}).json()["version"] == policy_id
    group = client.post("/api/v1/groups/next").json()  # never a stale one
    with running.runtime.read() as session:
        from app.services.labeling.groups import get_group

        assert get_group(session, group["group_id"]).version_id == policy_id
    assert client.post("/api/v1/versions/1/activate").json()["status"] == "active"
    assert client.get(f"/api/v1/versions/{policy_id}").json()["status"] == "retired"
    assert client.get("/api/v1/versions", params={"kind": "reward"}).json() == {"items": [], "next": None}


def test_damaged_weights_are_not_activated(running: LiveServer, tiny_model_dir: Path) -> None:
    policy_id = add_policy(running, tiny_model_dir)
    weights = running.settings.data_dir / f"versions/{policy_id}-policy/model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # one bit
    url = f"/api/v1/versions/{policy_id}/activate"
    check_problem(running.client.post(url), 503, "Copy the model directory again")
    shutil.rmtree(weights.parent)
    check_problem(running.client.post(url), 503, "is not a directory")
    assert running.client.get("/api/v1/versions/1").json()["status"] == "active"
    assert running.client.post("/api/v1/generate", json={"prompt": "Hi", "n": 1}).status_code == 200


def test_health(running: LiveServer) -> None:
    assert running.client.get("/healthz").json() == {"status": "ok"}
    response = running.client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["worker"].startswith("none is alive")  # told, not required


def test_not_ready_while_the_active_weights_are_damaged(tiny_model_dir: Path, data_dir: Path) -> None:
    (data_dir / "versions/1-sft/model.safetensors").write_bytes(b"short")
    with live_server(quick_settings(data_dir, tiny_model_dir, ready_groups=1)) as server:
        response = server.client.get("/readyz")
        assert response.status_code == 503
        assert "model.safetensors" in response.json()["model"]
        assert server.client.get("/healthz").status_code == 200
        check_problem(server.client.post("/api/v1/groups/next"), 503, "Copy the model directory again")
        assert server.client.get("/api/v1/rankings").status_code == 200


def test_a_version_is_named_discarded_and_taken_back(running: LiveServer, tiny_model_dir: Path) -> None:
    client, policy_id = running.client, add_policy(running, tiny_model_dir)
    address = f"/api/v1/versions/{policy_id}"
    named = client.patch(address, json={"name": "brief", "note": "of one evening"}).json()
    assert (named["name"], named["note"]) == ("brief", "of one evening")
    assert client.patch(address, json={"note": ""}).json()["name"] == "brief"
    check_problem(client.patch(address, json={"name": "x" * 61}), 422, "61 characters")
    assert client.post(f"{address}/discard").json()["discarded_at"] is not None
    assert client.post(f"{address}/take-back").json()["discarded_at"] is None
    check_problem(client.post("/api/v1/versions/1/discard"), 409, "answers now")


def test_a_version_is_downloaded_as_transformers_reads_it(
    running: LiveServer, tiny_model_dir: Path, tmp_path: Path
) -> None:
    answer = running.client.get("/api/v1/versions/1/download")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="fourfold-sft-1.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path)
    for file in tiny_model_dir.iterdir():
        assert (tmp_path / "fourfold-sft-1" / file.name).read_bytes() == file.read_bytes()
    assert running.client.head("/api/v1/versions/1/download").status_code == 200
    check_problem(running.client.get("/api/v1/versions/999/download"), 404, "no version 999")
