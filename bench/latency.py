"""How long a person waits while training runs: "next card" and "submit" over HTTP, and sampling four answers.

    python -m bench.latency --cycles 40 --model smollm2

A whole server ranks a first batch, trains a reward model, and then PPO runs while a labeler works at a person's pace.
Both phases, idle and training, are measured in the same run with the same pace. Results:
bench/results/latency.json (latency-NAME.json).
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer

from app.simulation.families import TASTES
from app.simulation.labeler import SimulatedLabeler, Step
from app.simulation.noise import Noise
from bench.models import get_model, results_path
from bench.server import items, post, run_job, running_fourfold

RESULTS = Path(__file__).parent / "results"
PROMPT = "What is a volcano?"
FIRST_RANKINGS = 16


def percentiles_ms(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50": 1_000 * ordered[len(ordered) // 2],
        "p95": 1_000 * ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
        "n": len(ordered),
    }


def work(labeler: SimulatedLabeler, cycles: int, pace_seconds: float) -> list[Step]:
    """Ranks like a person: a card, time to read it, the next card."""
    steps = []
    for _ in range(cycles):
        steps.append(labeler.rank_next())
        time.sleep(pace_seconds)
    return steps


def sample_four(client: httpx2.Client, times: int) -> list[float]:
    seconds = []
    for seed in range(times):
        started = time.perf_counter()
        post(client, "/api/v1/generate", {"prompt": PROMPT, "n": 4, "max_tokens": 64, "seed": seed})
        seconds.append(time.perf_counter() - started)
    return seconds


def measure(client: httpx2.Client, labeler: SimulatedLabeler, cycles: int, pace_seconds: float) -> dict[str, Any]:
    steps = work(labeler, cycles, pace_seconds)
    return {
        "next_ms": percentiles_ms([step.next_seconds for step in steps]),
        "submit_ms": percentiles_ms([step.submit_seconds for step in steps]),
        "sample_four_ms": percentiles_ms(sample_four(client, 20)),
    }


def main(
    cycles: Annotated[int, typer.Option(min=20, help="Cards ranked in each phase.")] = 40,
    pace_seconds: Annotated[float, typer.Option(help="Time a person looks at a card.")] = 0.5,
    model: Annotated[str, typer.Option(help="A published model of the catalogue, in place of the shipped one.")] = "",
    out: Path | None = None,
) -> None:
    """Measure idle, then while PPO trains."""
    out = out or results_path(RESULTS, "latency", model)
    out.parent.mkdir(parents=True, exist_ok=True)
    settings = {"auto_policy_accuracy": 2.0, "retrain_after_rankings": 10_000}
    with tempfile.TemporaryDirectory(prefix="fourfold-bench-") as folder:
        get_model(model, Path(folder))
        result = idle_and_training(Path(folder), cycles, pace_seconds, settings)
    out.write_text(json.dumps(result, indent=1) + "\n")
    typer.echo(json.dumps(result, indent=1))


def idle_and_training(folder: Path, cycles: int, pace_seconds: float, settings: dict[str, Any]) -> dict[str, Any]:
    with running_fourfold(folder, **settings) as client:
        labeler = SimulatedLabeler(client, "simulated-brief", TASTES["brief"], noise=Noise(), seed=0)
        work(labeler, FIRST_RANKINGS, 0.0)
        run_job(client, "train_reward")
        time.sleep(3)
        result: dict[str, Any] = {"idle": measure(client, labeler, cycles, pace_seconds)}
        job = post(client, "/api/v1/jobs", {"kind": "train_policy", "params": {"total_episodes": 100_000}})
        while client.get(f"/api/v1/jobs/{job['job_id']}").json()["progress"] == 0:
            time.sleep(0.2)
        result["training"] = measure(client, labeler, cycles, pace_seconds)
        still = [row["status"] for row in items(client, "/api/v1/jobs") if row["job_id"] == job["job_id"]]
        if still != ["running"]:
            raise RuntimeError(f"PPO did not run through the whole measurement: {still}")
        client.post(f"/api/v1/jobs/{job['job_id']}/cancel")
    return result


if __name__ == "__main__":
    typer.run(main)
