"""Jobs over HTTP, with the worker's reports written by the test itself through the worker's own service."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.db.base import utc_now
from app.db.models.jobs import JobStatus
from app.db.session import transaction
from app.services.jobs import heartbeats, job_folders, job_runs
from app.services.jobs.job_runs import MetricPoint, Report
from tests.api.conftest import Json, check_problem, ranks_of
from tests.live import LiveServer


@pytest.fixture
def job_id(server: LiveServer) -> str:
    """A queued training of the reward model."""
    group = server.client.post("/api/v1/groups/next").json()
    server.client.post(f"/api/v1/groups/{group['group_id']}/rankings", json={"ranks": ranks_of(group)})
    response = server.client.post("/api/v1/jobs", json={"kind": "train_reward", "params": {"num_layers": 2}})
    assert response.status_code == 202
    return str(response.json()["job_id"])


class Worker:
    """Reports as the real one does."""

    def __init__(self, server: LiveServer, job_id: str) -> None:
        self._write, self._job_id = server.runtime.write, job_id
        with transaction(self._write) as session:
            heartbeats.beat(session, "worker", utc_now())
            fence = job_runs.start_attempt(session, job_id, max_attempts=3, executor_id="worker")
        assert fence is not None
        self._fence = fence

    def report(self, step: int, loss: float) -> job_runs.Control:
        with transaction(self._write) as session:
            report = Report(step, 4, f"epoch {step}", {"loss": loss}, [MetricPoint(step, {"loss": loss})])
            return job_runs.write_report(session, self._job_id, self._fence, report)

    def finish(self, status: JobStatus = JobStatus.SUCCEEDED) -> None:
        with transaction(self._write) as session:
            job_runs.finish(session, self._job_id, self._fence, status=status, result={"version_id": 2})


def events_of(response: httpx2.Response) -> Iterator[tuple[str, str, Json]]:
    """(event, id, data) of a stream, comments left out."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], fields["id"], json.loads(fields["data"])
            fields = {}


def test_job_as_json(server: LiveServer, job_id: str) -> None:
    job = server.client.get(f"/api/v1/jobs/{job_id}").json()
    assert (job["kind"], job["status"], job["params"]) == ("train_reward", "queued", {"num_layers": 2})
    assert (job["progress"], job["seconds_left"], job["result"], job["error"]) == (0.0, None, None, None)
    worker = Worker(server, job_id)
    worker.report(1, 0.7)
    job = server.client.get(f"/api/v1/jobs/{job_id}").json()
    assert (job["status"], job["progress"], job["metrics"]) == ("running", 0.25, {"loss": 0.7})
    assert job["seconds_left"] is None  # a single step tells no pace
    worker.finish()
    job = server.client.get(f"/api/v1/jobs/{job_id}").json()
    assert (job["status"], job["progress"], job["result"]) == ("succeeded", 1.0, {"version_id": 2})


def test_list_by_status(server: LiveServer, job_id: str) -> None:
    def listed(**params: Any) -> list[str]:
        return [job["job_id"] for job in server.client.get("/api/v1/jobs", params=params).json()["items"]]

    assert listed() == listed(status="queued") == listed(status=["queued", "running"]) == [job_id]
    assert listed(status="running") == listed(kind="evaluate") == []


def test_cancel(server: LiveServer, job_id: str) -> None:
    worker = Worker(server, job_id)
    assert not worker.report(1, 0.7).cancel
    response = server.client.post(f"/api/v1/jobs/{job_id}/cancel")
    assert (response.status_code, response.json()["cancel_requested"]) == (202, True)
    assert worker.report(2, 0.6).cancel
    worker.finish(JobStatus.CANCELLED)
    assert server.client.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 202
    check_problem(server.client.post("/api/v1/jobs/nothing/cancel"), 404, "no job 'nothing'")


def test_cancel_without_a_worker(server: LiveServer, job_id: str) -> None:
    """What runs in the table, but nowhere else, ends at once; the same work can be queued again."""
    worker = Worker(server, job_id)
    with transaction(server.runtime.write) as session:
        heartbeats.beat(session, "worker", utc_now() + timedelta(days=1))
    response = server.client.post(f"/api/v1/jobs/{job_id}/cancel")
    assert (response.status_code, response.json()["status"]) == (202, "cancelled")
    assert worker.report(1, 0.7).fenced, "an attempt that lives all the same must leave"
    again = server.client.post("/api/v1/jobs", json={"kind": "train_reward"}).json()["job_id"]
    assert again != job_id


def test_go_on_and_start_again(server: LiveServer, job_id: str) -> None:
    worker = Worker(server, job_id)
    for action in ("resume", "restart"):
        response = server.client.post(f"/api/v1/jobs/{job_id}/{action}")
        assert response.status_code == (202 if action == "resume" else 409), "it has not ended"
    worker.finish(JobStatus.FAILED)
    check_problem(server.client.post(f"/api/v1/jobs/{job_id}/resume"), 409, "no checkpoint to resume from")
    checkpoint = job_folders.checkpoint_path(server.settings, job_id)
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"")
    response = server.client.post(f"/api/v1/jobs/{job_id}/resume")
    assert response.status_code == 202
    assert {name: response.json()[name] for name in ("job_id", "status", "error", "params")} == {
        "job_id": job_id, "status": "queued", "error": None, "params": {"num_layers": 2}
    }  # fmt: skip
    server.client.post(f"/api/v1/jobs/{job_id}/cancel")
    check_problem(server.client.post(f"/api/v1/jobs/{job_id}/resume"), 409, "cannot be resumed, only a failed one")
    response = server.client.post(f"/api/v1/jobs/{job_id}/restart")
    again = server.client.get(f"/api/v1/jobs/{response.json()['job_id']}").json()
    assert response.status_code == 202
    assert (again["job_id"] != job_id, again["kind"], again["params"]) == (True, "train_reward", {"num_layers": 2})
    for action in ("resume", "restart"):
        check_problem(server.client.post(f"/api/v1/jobs/nothing/{action}"), 404, "no job 'nothing'")


def test_a_run_is_named_and_what_is_left_out_stays(server: LiveServer, job_id: str) -> None:
    address = f"/api/v1/jobs/{job_id}"
    named = server.client.patch(address, json={"name": " brief <b> ", "note": "Too\nfar."}).json()
    assert (named["name"], named["note"]) == ("brief <b>", "Too\nfar.")
    assert server.client.patch(address, json={"note": ""}).json()["note"] is None
    check_problem(server.client.patch(address, json={"name": "x" * 61, "note": "lost"}), 422, "60")
    assert server.client.patch(address, json={}).json()["name"] == "brief <b>"
    assert server.client.get("/api/v1/jobs").json()["items"][0]["note"] is None
    check_problem(server.client.patch("/api/v1/jobs/nothing", json={"name": "a"}), 404, "no job 'nothing'")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"kind": "train_everything"}, 422, "kind"),
        ({"kind": "train_policy"}, 409, "train_reward"),
        ({"kind": "train_reward", "params": {"epochs": 1}}, 422, "no parameter 'epochs'"),
        ({"kind": "evaluate"}, 422, "needs version_id"),
        ({"kind": "evaluate", "params": {"version_id": 99}}, 404, "no version 99"),
        ({"params": {}}, 422, "kind: A text is needed here, and nothing was sent."),
    ],
)
def test_wrong_jobs(shared: LiveServer, body: Json, status: int, says: str) -> None:
    check_problem(shared.client.post("/api/v1/jobs", json=body), status, says)


def test_events_follow_a_job_to_its_end(server: LiveServer, job_id: str) -> None:
    """Each step is worked only when the one before it has been seen: the events are live."""
    worker, reported = Worker(server, job_id), 0
    seen: list[tuple[str, str, Json]] = []
    with server.client.stream("GET", f"/api/v1/jobs/{job_id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for event in events_of(response):  # ends by itself
            seen.append(event)
            if reported in [0, *(point["step"] for point in event[2].get("points", []))]:
                reported += 1
                if reported <= 4:
                    worker.report(reported, 1.0 / reported)
                else:
                    worker.finish()
    assert [name for name, _, _ in seen][-1] == "end"
    assert {name for name, _, _ in seen[:-1]} == {"progress"}
    points = [point for _, _, data in seen[:-1] for point in data["points"]]
    assert [point["step"] for point in points] == [1, 2, 3, 4]
    assert seen[-1][2]["status"] == "succeeded"
    shares = [data["progress"] for _, _, data in seen]
    assert shares == sorted(shares)
    # a client that lost the line goes on behind the last event it saw
    headers = {"Last-Event-ID": str(points[1]["id"])}
    with server.client.stream("GET", f"/api/v1/jobs/{job_id}/events", headers=headers) as response:
        rest = [point["step"] for _, _, data in events_of(response) for point in data.get("points", [])]
    assert rest == [3, 4]


def test_events_of_an_unknown_job(shared: LiveServer) -> None:
    check_problem(shared.client.get("/api/v1/jobs/nothing/events"), 404, "no job 'nothing'")


def test_a_stopping_server_ends_its_streams(server: LiveServer, job_id: str) -> None:
    with server.client.stream("GET", f"/api/v1/jobs/{job_id}/events") as response:
        events = events_of(response)
        assert next(events)[0] == "progress"
        server.runtime.closing.set()
        assert list(events) == []


def test_numbers_that_are_no_json_become_null(server: LiveServer, job_id: str) -> None:
    worker = Worker(server, job_id)
    worker.report(1, float("nan"))
    assert server.client.get(f"/api/v1/jobs/{job_id}").json()["metrics"] == {"loss": None}
    worker.finish()
    with server.client.stream("GET", f"/api/v1/jobs/{job_id}/events") as response:
        first = next(events_of(response))
    assert first[2]["points"][0]["values"] == {"loss": None}
