"""What test_new_kind.py runs in a copy of the program that has train_toy: it is listed, started, run and drawn."""

from pathlib import Path

from app.db.models.jobs import JobStatus
from app.db.models.versions import VersionKind
from app.services.jobs import jobs
from tests.live import ScriptedEngine, live_server
from tests.waiting import PATIENCE_SECONDS, wait_for
from tests.web.visitor import Visitor, words_of
from tests.worker.world import make_world, queue, run_inline, versions_of

REWARD = {"ridge_steps": 1, "normalization_samples": 8, "num_layers": 1}


def test_a_new_kind_is_listed_started_run_and_drawn(tmp_path: Path, tiny_model_dir: Path) -> None:
    harness = make_world(tmp_path / "data", tiny_model_dir, ranked=4)
    with live_server(harness.settings, lambda _settings, _directory: ScriptedEngine()) as server:
        visitor = Visitor(server)
        description = server.client.get("/openapi.json").json()
        kinds = description["components"]["schemas"]["JobKind"]["enum"]
        assert kinds == ["train_reward", "train_policy", "evaluate", "train_toy"]
        page = visitor.get("/train")
        assert 'id="start-train_toy"' in page
        assert (
            "Counts, and stores the SFT model with other numbers in its last norm. Needs a reward model."
            in words_of(page)
        )

        assert "no active reward model" in visitor.send("/train/jobs", kind="train_toy").text
        run_inline(harness, queue(harness, "train_reward", **REWARD))
        told = visitor.send("/train/jobs", kind="train_toy", fragment=True).text
        assert "Toy training starts in a moment." in words_of(told)
        assert "Toy training is queued" in words_of(visitor.get("/strip"))
        again = visitor.send("/train/jobs", kind="train_toy", fragment=True).text
        assert "Toy training is already queued" in words_of(again)
        refused = server.client.post("/api/v1/jobs", json={"kind": "train_toy", "params": {"steps": 101}})
        assert "steps must be from 1 to 100" in refused.json()["detail"]

        harness.start_worker("app", "worker")
        wait_for(lambda: "The toy is counting" in words_of(visitor.get("/strip")), "the phase", PATIENCE_SECONDS)
        [job_id] = [job["job_id"] for job in server.client.get("/api/v1/jobs?kind=train_toy").json()["items"]]
        job = harness.wait_until(job_id, lambda job: job.status is JobStatus.SUCCEEDED, "its end", PATIENCE_SECONDS)

        assert (job.step, job.total_steps, job.message) == (5, 5, "Done")
        with harness.readers() as session:
            assert [point.values for point in jobs.metrics_since(session, job_id)] == [
                {"toy/loss": 1 / step} for step in range(1, 6)
            ]
        made = versions_of(harness)[-1]
        assert (made.kind, made.job_id, made.hparams) == (VersionKind.POLICY, job_id, {"steps": 5, "seed": 0})
        curves = visitor.get(f"/train?job={job_id}")
        assert 'data-plot="toy"' in curves
        assert "Loss: 1 at step 1, 0.2 at step 5." in curves
        assert "Toy training" in words_of(visitor.get(f"/versions/{made.id}"))
        [evaluation] = server.client.get("/api/v1/jobs?kind=evaluate").json()["items"]
        assert evaluation["params"] == {"version_id": made.id}, "what follows it"
        visitor.client.close()
    harness.close()
