"""What is seen of train_ipo in a copy of the program: it is listed, started, run, drawn, and learns what was ranked."""

from contextlib import closing
from pathlib import Path

import pytest
import torch
from app.kinds.train_ipo import IPOHparams
from app.training.ipo import ipo_losses, preferred_margins, train_ipo

from app.db.models.jobs import JobStatus
from app.db.models.versions import VersionKind
from app.services.jobs import jobs
from app.training.context import drain
from app.training.reward.data import RankedGroup
from tests.live import ScriptedEngine, live_server
from tests.training.tiny import ENDS, PAD, NoContext, random_groups, tiny_model
from tests.waiting import PATIENCE_SECONDS
from tests.web.visitor import Visitor, words_of
from tests.worker.world import make_world, versions_of

SENTENCE = "Learns from 4 rankings to write what was ranked higher, without a reward model."


def test_it_is_listed_started_run_and_drawn(tmp_path: Path, tiny_model_dir: Path) -> None:
    with (
        closing(make_world(tmp_path / "data", tiny_model_dir, ranked=4)) as harness,
        live_server(harness.settings, lambda _settings, _directory: ScriptedEngine()) as server,
    ):
        visitor = Visitor(server)
        description = server.client.get("/openapi.json").json()
        kinds = description["components"]["schemas"]["JobKind"]["enum"]
        assert "train_ipo" in kinds
        page = visitor.get("/train")
        assert 'id="start-train_ipo"' in page
        assert SENTENCE in words_of(page)
        assert 'name="beta" type="number" min="0.001" max="10" step="any" placeholder="0.1"' in page

        refused = server.client.post("/api/v1/jobs", json={"kind": "train_ipo", "params": {"epochs": 65}})
        assert "epochs must be from 1 to 64" in refused.json()["detail"]
        told = visitor.send("/train/jobs", kind="train_ipo", beta="0.2", fragment=True).text
        assert "Policy training (IPO) starts in a moment." in words_of(told)
        assert "Policy training (IPO) waits: no worker is running." in words_of(visitor.get("/strip"))
        again = visitor.send("/train/jobs", kind="train_ipo", beta="0.2", fragment=True).text
        assert "Policy training (IPO) is already queued" in words_of(again)

        harness.start_worker("app", "worker")
        [job_id] = [job["job_id"] for job in server.client.get("/api/v1/jobs?kind=train_ipo").json()["items"]]
        job = harness.wait_until(job_id, lambda job: job.status is JobStatus.SUCCEEDED, "its end", PATIENCE_SECONDS)

        assert (job.step, job.total_steps, job.message) == (2, 2, "Done")
        with harness.readers() as session:
            points = [point.values for point in jobs.metrics_since(session, job_id)]
        assert [sorted(point) for point in points] == [["ipo/accuracy", "ipo/loss", "ipo/margin"]] * 2
        before = {"ipo/loss": pytest.approx(6.25), "ipo/accuracy": 0.5, "ipo/margin": 0.0}
        assert points[0] == before, "the SFT model's own"
        assert points[1]["ipo/loss"] < 6.25
        made = versions_of(harness)[-1]
        assert (made.kind, made.job_id, made.hparams["beta"]) == (VersionKind.POLICY, job_id, 0.2)
        curves = visitor.get(f"/train?job={job_id}")
        assert 'data-plot="accuracy"' in curves
        assert "Policy training (IPO)" in words_of(visitor.get(f"/versions/{made.id}"))
        assert server.client.get("/api/v1/jobs?kind=evaluate").json()["items"] == [], "no reward model can judge it"
        visitor.client.close()


def test_the_loss_is_that_of_the_paper() -> None:
    ratios, ranks = torch.tensor([[0.5, -0.25, 1.0]]), torch.tensor([[1, 2, 2]])
    margins, weights = preferred_margins(ratios, ranks, torch.ones(1, 3, dtype=torch.bool))
    assert (margins.tolist(), weights.tolist()) == ([0.75, -0.5], [0.5, 0.5]), "ties are no pairs"
    expected = [(margin - 1 / 0.6) ** 2 for margin in (0.75, -0.5)]
    torch.testing.assert_close(ipo_losses(margins, 0.3), torch.tensor(expected))


def test_it_learns_what_was_ranked() -> None:
    prompts, answers = random_groups(6, 3)
    groups = [RankedGroup(n, prompts[n], answers[n], [1, 2, 3]) for n in range(6)]
    hparams = IPOHparams(learning_rate=3e-3, epochs=10, batch_rankings=6)
    result = drain(train_ipo(tiny_model(), groups, hparams, ends=ENDS, pad_id=PAD, context=NoContext()))
    assert result.metrics["ipo/accuracy"] > 0.9
