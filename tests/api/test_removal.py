"""Versions are removed over HTTP, by the command and on the pages; what needs their files is refused from then on."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.model_info.weights import copy_directory
from app.services.versions import versions
from tests.api.conftest import check_problem
from tests.live import LiveServer, live_server, quick_settings


@pytest.fixture
def running(tiny_model_dir: Path, data_dir: Path) -> Iterator[LiveServer]:
    """A real model."""
    with live_server(quick_settings(data_dir, tiny_model_dir)) as server:
        yield server


def add_policy(server: LiveServer, model_dir: Path) -> int:
    with transaction(server.runtime.write) as session:
        path = versions.next_version_path(session, VersionKind.POLICY)
        content_hash = copy_directory(model_dir, server.settings.data_dir / path)
        return versions.add_version(
            session, versions.NewVersion(kind=VersionKind.POLICY, parent_id=1, path=path, content_hash=content_hash)
        ).id


def folder(server: LiveServer, version_id: int) -> Path:
    return server.settings.data_dir / f"versions/{version_id}-policy"


def test_a_version_is_deleted_for_good_and_says_so(running: LiveServer, tiny_model_dir: Path) -> None:
    """Even where it is loaded: whoever asks for it later would be answered by one process and refused by the next."""
    client, gone, kept = running.client, add_policy(running, tiny_model_dir), add_policy(running, tiny_model_dir)
    url = f"/api/v1/versions/{gone}"
    asked = {"prompt": "Hi", "n": 1, "version": gone}
    assert client.post("/api/v1/generate", json=asked).status_code == 200
    weights = sum(path.stat().st_size for path in folder(running, gone).iterdir())
    answer = client.delete(url).json()
    removed = {"id": gone, "kind": "policy", "freed_bytes": weights}
    assert answer == {"removed": [removed], "kept": [], "freed_bytes": weights, "left": []}
    assert (folder(running, gone).exists(), folder(running, kept).exists()) == (False, True)
    assert client.delete(url).json() == {"removed": [], "kept": [], "freed_bytes": 0, "left": []}
    assert client.get(url).json()["removed_at"] is not None
    for path, body in [
        ("/api/v1/generate", asked),
        ("/api/v1/next-token", {"prompt": "Hi", "version": gone}),
        (f"{url}/activate", None),
        ("/api/v1/jobs", {"kind": "evaluate", "params": {"version_id": gone}}),
    ]:
        check_problem(client.post(path, json=body), 410, "Choose another version")
    refused = client.post(
        "/v1/chat/completions", json={"model": f"fourfold-{gone}", "messages": [{"role": "user", "content": "Hi"}]}
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    assert f"fourfold-{gone}" not in client.get("/v1/models").text
    check_problem(client.delete("/api/v1/versions/1"), 409, "It answers now")
    check_problem(client.delete("/api/v1/versions/77"), 404, "no version 77")
    assert client.get("/readyz").status_code == 200


def test_a_version_that_another_process_deleted_is_refused_at_once(running: LiveServer, tiny_model_dir: Path) -> None:
    """Though it is loaded here, and was asked a moment ago."""
    gone = add_policy(running, tiny_model_dir)
    asked = {"prompt": "Hi", "n": 1, "version": gone, "stream": True, "max_tokens": 3}
    with live_server(running.settings) as other:
        assert running.client.post("/api/v1/generate", json=asked).status_code == 200
        assert other.client.delete(f"/api/v1/versions/{gone}").status_code == 200
        check_problem(running.client.post("/api/v1/generate", json=asked), 410, "Choose another version")
    check_problem(running.client.post("/api/v1/generate", json={**asked, "version": 77}), 404, "no version 77")


def test_pruning_tells_first_and_then_does_it(running: LiveServer, tiny_model_dir: Path) -> None:
    client = running.client
    old, new = add_policy(running, tiny_model_dir), add_policy(running, tiny_model_dir)
    told = client.post("/api/v1/versions/prune", json={"dry_run": True}).json()
    assert folder(running, old).is_dir()
    done = client.post("/api/v1/versions/prune", json={}).json()
    assert told == done
    assert ([each["id"] for each in done["removed"]], [each["id"] for each in done["kept"]]) == ([old], [new, 1])
    assert (folder(running, old).exists(), folder(running, new).exists()) == (False, True)
    check_problem(client.post("/api/v1/versions/prune", json={"keep": -1}), 422, "keep")
    assert [each["id"] for each in client.post("/api/v1/versions/prune", json={"keep": 0}).json()["removed"]] == [new]


def test_the_command_tells_and_prunes(
    running: LiveServer, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = add_policy(running, tiny_model_dir), add_policy(running, tiny_model_dir)
    monkeypatch.setenv("FOURFOLD_DATA_DIR", str(running.settings.data_dir))
    monkeypatch.setenv("FOURFOLD_MODEL_DIR", str(tiny_model_dir))
    told = CliRunner().invoke(cli, ["prune", "--dry-run"])
    assert (told.exit_code, folder(running, old).is_dir()) == (0, True), told.output
    assert f"would remove: Policy {old}" in told.output
    assert f"stays: Policy {new}. It is the newest of its kind." in told.output
    done = CliRunner().invoke(cli, ["prune", "--keep", "0"])
    assert done.exit_code == 0, done.output
    assert "MB freed." in done.output
    assert not folder(running, old).exists()
    assert not folder(running, new).exists()
    assert "Nothing to remove." in CliRunner().invoke(cli, ["prune", "--keep", "0"]).output


def post_form(server: LiveServer, path: str, **fields: Any) -> Any:
    server.client.get("/train")  # brings the cookie
    token = server.client.cookies["fourfold_csrf"]
    return server.client.post(path, data={"csrf_token": token, **fields}, headers={"Origin": server.url})


def test_the_pages_remove_without_javascript(running: LiveServer, tiny_model_dir: Path) -> None:
    client = running.client
    one, two, three = (add_policy(running, tiny_model_dir) for _ in range(3))
    page = client.get(f"/versions/{one}").text
    assert f"Delete the files of Policy {one}" in page
    assert "They cannot be deleted now.</strong> It answers now." in client.get("/versions/1").text
    assert post_form(running, f"/versions/{one}/remove").status_code == 303
    page = client.get(f"/versions/{one}").text
    assert "Removed on" in page
    assert "Delete the files" not in page
    assert f"/versions/{one}/activate" not in client.get("/train").text
    preview = client.get("/versions/prune").text
    assert f'name="version_id" value="{two}"' in preview
    assert f'name="version_id" value="{three}"' not in preview
    done = post_form(running, "/versions/prune", version_id=[str(two), str(three)])
    assert (done.status_code, "Removed" in done.text) == (200, True)
    assert not folder(running, two).exists()
    assert folder(running, three).is_dir()  # it is the newest: a form cannot ask for more than the page shows
    refused = post_form(running, "/versions/1/remove")
    assert (refused.status_code, "cannot be removed" in refused.text) == (409, True)


def test_activated_and_removed_at_the_same_moment(running: LiveServer, tiny_model_dir: Path) -> None:
    """One of them comes first, and the other one is refused."""
    for _ in range(4):
        policy = add_policy(running, tiny_model_dir)
        start = threading.Barrier(2)
        statuses: dict[str, int] = {}

        def ask(method: str, path: str, start: threading.Barrier = start, statuses: dict[str, int] = statuses) -> None:
            start.wait()
            statuses[method] = running.client.request(method, path).status_code

        calls = [("DELETE", f"/api/v1/versions/{policy}"), ("POST", f"/api/v1/versions/{policy}/activate")]
        threads = [threading.Thread(target=ask, args=call) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses in ({"DELETE": 200, "POST": 410}, {"DELETE": 409, "POST": 200})
        row = running.client.get(f"/api/v1/versions/{policy}").json()
        assert (row["status"] == "active", row["removed_at"] is None) == (statuses["POST"] == 200,) * 2
        assert folder(running, policy).is_dir() is (statuses["POST"] == 200)
        running.client.post("/api/v1/versions/1/activate")
