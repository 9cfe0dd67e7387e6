"""From the last ranking to an evaluated candidate at the shipped defaults, and what a person waits for meanwhile.

    python -m bench.turnaround --rounds 3

A whole server on an empty folder: a simulated labeler ranks, then nobody ranks any more and the clock starts: reward
model of all rankings, PPO, evaluation, one after the other as the worker runs them. Beside it a person opens the label
page and asks for the next card at an even pace, as before in the idle phase. Only the automatic start of PPO is put
off: it would begin before the last ranking. Results: bench/results/turnaround.json.
"""

import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer

from app.simulation.families import TASTES
from app.simulation.labeler import SimulatedLabeler
from app.simulation.noise import Noise
from bench.latency import percentiles_ms
from bench.loop import evaluated, train_reward_on_all
from bench.server import run_job, running_fourfold
from bench.speed.race import environment

RESULTS = Path(__file__).parent / "results" / "turnaround.json"
SETTLED_SECONDS = 5.0  # for what the last rankings started to end


class Visitor:
    """Opens the label page and takes a card at an even pace, in a thread of its own, until told to stop."""

    def __init__(self, address: str, pace_seconds: float) -> None:
        self._address, self._pace = address, pace_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.page: list[float] = []
        self.next: list[float] = []

    def __enter__(self) -> "Visitor":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def told(self) -> dict[str, Any]:
        return {"page_ms": percentiles_ms(self.page), "next_ms": percentiles_ms(self.next)}

    def _run(self) -> None:
        headers = {"X-Labeler": "visitor", "X-Labeler-Kind": "simulated"}
        with httpx2.Client(base_url=self._address, timeout=60.0, follow_redirects=True) as client:
            client.get("/").raise_for_status()  # the first visit is led elsewhere, and named
            while not self._stop.wait(self._pace):
                started = time.perf_counter()
                client.get("/").raise_for_status()
                opened = time.perf_counter()
                client.post("/api/v1/groups/next", headers=headers).raise_for_status()
                self.page.append(opened - started)
                self.next.append(time.perf_counter() - opened)


def one_round(rankings: int, taste: str, seed: int, idle_seconds: float, pace_seconds: float) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="fourfold-bench-") as folder,
        running_fourfold(Path(folder), auto_policy_accuracy=2.0) as client,
    ):
        labeler = SimulatedLabeler(client, f"simulated-{taste}", TASTES[taste], noise=Noise(), seed=seed)
        for _step in labeler.run(rankings - 1):
            pass
        train_reward_on_all(client, rankings - 1, seed)
        time.sleep(SETTLED_SECONDS)
        address = str(client.base_url)
        with Visitor(address, pace_seconds) as idle:
            time.sleep(idle_seconds)
        labeler.rank_next()
        with Visitor(address, pace_seconds) as busy:
            ranked = time.monotonic()
            train_reward_on_all(client, rankings, seed)
            rewarded = time.monotonic()
            job = run_job(client, "train_policy", {"seed": seed})
            trained = time.monotonic()
            policy = evaluated(client, job["result"]["version_id"])
            finished = time.monotonic()
    return {
        "seed": seed,
        "seconds": {
            "reward": rewarded - ranked,
            "policy": trained - rewarded,
            "evaluation": finished - trained,
            "all": finished - ranked,
        },
        "idle": idle.told(),
        "training": busy.told(),
        "episodes": policy["metrics"].get("episodes"),
        "evaluation": policy["metrics"]["evaluation"],
    }


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Whole loops, seeds 0, 1, …")] = 3,
    rankings: Annotated[int, typer.Option(min=10)] = 60,
    taste: Annotated[str, typer.Option(help="Of the simulated labeler.")] = "brief",
    idle_seconds: Annotated[float, typer.Option(help="How long the idle phase is measured.")] = 40.0,
    pace_seconds: Annotated[float, typer.Option(help="Between two visits.")] = 0.5,
    out: Annotated[Path, typer.Option(help="Where the results go; kept after each round.")] = RESULTS,
) -> None:
    """Measure both in each round."""
    runs: list[dict[str, Any]] = []
    known = environment(threads=0) | {"rankings": rankings, "taste": taste, "pace_seconds": pace_seconds}
    for seed in range(rounds):
        runs.append(one_round(rankings, taste, seed, idle_seconds, pace_seconds))
        print(json.dumps({name: runs[-1][name] for name in ("seconds", "idle", "training")}), flush=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"environment": known, "runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
