"""Runs the whole loop from an empty database (simulated rankings, reward model, PPO, evaluation) and lets the taste
judge it.

    python -m bench.loop --tastes brief,list --seeds 3 --rankings 60 --model smollm2

The clock runs from the start of the server on an empty folder to the end of the evaluation; a published model lies in
it already. The final judgement (`win_rate`) is made outside the clock by the taste itself, on held-out prompts, with
the same seeds for both models, at the temperature of the label page; and so are both models' report cards, which know
the shipped model's corpus alone. Beside the clock stands the processor time of the jobs, which does not hang on what
else the machine does, and the memory at the peak of each.
Results go to bench/results/loop.json (loop-NAME.json); bench/report.py writes README's tables from there.
"""

import json
import platform
import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import httpx2
import typer

from app.hparams import SERVED_TEMPERATURE
from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model
from app.simulation.families import TASTES
from app.simulation.labeler import SimulatedLabeler
from app.simulation.noise import Noise
from app.simulation.questions import question_of, relevance
from app.simulation.tastes import Taste, report
from app.training.context import drain
from app.training.report_card import write_report_card
from bench.job_use import Use, jobs_watched
from bench.models import get_model, prompts_for, results_path
from bench.server import FINAL, items, post, run_job, running_fourfold, wait_for_job

RESULTS = Path(__file__).parent / "results"
JUDGED_SAMPLES = 2
CARD_PROMPTS = 240
CARD_SHOWN = ("on topic", "follow-up understood", "refusals")


def run_once(taste: Taste, seed: int, rankings: int, model: str = "") -> dict[str, Any]:
    """One whole loop on an empty folder; figures with units in their names. `model`: of the catalogue."""
    with tempfile.TemporaryDirectory(prefix="fourfold-bench-") as folder, jobs_watched() as used:
        get_model(model, Path(folder))
        started = time.monotonic()
        # PPO waits for the last ranking: by default it would start at the first reward model that is good enough
        with running_fourfold(Path(folder), auto_policy_accuracy=2.0) as client:
            ready = time.monotonic()
            labeler = SimulatedLabeler(client, f"simulated-{taste.name}", taste, noise=Noise(), seed=seed)
            steps = list(labeler.run(rankings))
            ranked = time.monotonic()
            reward = train_reward_on_all(client, rankings, seed)
            rewarded = time.monotonic()
            job = run_job(client, "train_policy", {"seed": seed})
            trained = time.monotonic()
            policy = evaluated(client, job["result"]["version_id"])
            finished = time.monotonic()
            jobs = jobs_with_use(client, used)
            judged = judge(client, taste, policy["id"], policy["parent_id"], seed, prompts_for(model))
        cards = {name: card_of(path) for name, path in (("sft_card", SFT_MODEL), ("card", files_of(folder, policy)))
                 if not model}  # fmt: skip
        next_seconds = sorted(step.next_seconds for step in steps)
    evaluation = policy["metrics"]["evaluation"]
    return (
        {
            "taste": taste.name,
            "seed": seed,
            "rankings": rankings,
            "minutes": (finished - started) / 60,
            "seconds": {
                "start": ready - started,
                "rank": ranked - ready,
                "reward_model": rewarded - ranked,
                "ppo": trained - rewarded,
                "evaluate": finished - trained,
            },
            "jobs": jobs,
            "cpu_minutes": sum(each["cpu_seconds"] for each in jobs) / 60,
            "peak_gibibytes": max(each["peak_gibibytes"] for each in jobs),
            "held_out_accuracy": reward["metrics"]["held_out_accuracy"],
            "reward_metrics": reward["metrics"],
            "kl": evaluation["kl"],
            "evaluation": evaluation,
            "next_p50_ms": 1_000 * next_seconds[len(next_seconds) // 2],
            "verdict": policy["metrics"].get("verdict"),
        }
        | judged
        | cards
    )


def jobs_with_use(client: httpx2.Client, used: Mapping[str, Use]) -> list[dict[str, Any]]:
    """In the order in which they began."""
    rows = sorted(items(client, "/api/v1/jobs"), key=lambda row: str(row["started_at"]))
    return [
        {
            "kind": row["kind"],
            "cpu_seconds": used[row["job_id"]].cpu_seconds,
            "peak_gibibytes": used[row["job_id"]].peak_bytes / 2**30,
        }
        for row in rows
        if row["job_id"] in used
    ]


def files_of(folder: str, version: dict[str, Any]) -> Path:
    """Of a version, in the data folder."""
    return next(Path(folder).glob(f"versions/{version['id']}-*"))


def card_of(path: Path) -> dict[str, dict[str, float | None]]:
    """The model's report card: what it can in general, whatever the taste."""
    card = drain(write_report_card(*load_model(path), prompts=CARD_PROMPTS))
    parts = {"greedy": card.greedy, "sampled": card.sampled}
    return {part: {name: share.value for name, share in shares.items()} for part, shares in parts.items()}


def train_reward_on_all(client: httpx2.Client, rankings: int, seed: int) -> dict[str, Any]:
    """The first reward model that has seen all rankings. The rule's own trainings are waited for: one may be live, with
    or without the last ranking, and a second of the kind would be refused."""
    while True:
        live = [job for job in items(client, "/api/v1/jobs") if job["kind"] == "train_reward"]
        for job in (job for job in live if job["status"] not in FINAL):
            wait_for_job(client, job["job_id"])
        made = items(client, "/api/v1/versions", kind="reward")
        whole = [version for version in made if version["metrics"].get("num_rankings", 0) >= rankings]
        if whole:
            return whole[0]
        if all(job["status"] in FINAL for job in live):
            run_job(client, "train_reward", {"seed": seed})


def evaluated(client: httpx2.Client, version_id: int) -> dict[str, Any]:
    """The version once the evaluation that PPO queued has ended."""
    while True:
        version = dict(client.get(f"/api/v1/versions/{version_id}").raise_for_status().json())
        if "evaluation" in version["metrics"]:
            return version
        for job in items(client, "/api/v1/jobs"):
            if job["kind"] == "evaluate":
                wait_for_job(client, job["job_id"])
        time.sleep(0.2)


def judge(
    client: httpx2.Client, taste: Taste, policy: int, reference: int, seed: int, suited: Collection[str]
) -> dict[str, Any]:
    """The taste's own verdict on held-out prompts that suit the model, ties half, and the parts of both models'
    answers. Of prompts that no bank of the corpus holds it cannot say whether an answer is about them; how many words
    of theirs are taken up is told beside it (`relevance`, of both models)."""
    prompts = [prompt for prompt in items(client, "/api/v1/prompts", split="held_out") if prompt["text"] in suited]
    asked = [prompt["text"] for prompt in prompts for _ in range(JUDGED_SAMPLES)]
    answers: dict[int, list[str]] = {policy: [], reference: []}
    for index, prompt in enumerate(prompts):
        for version, texts in answers.items():
            body = {
                "prompt": prompt["text"],
                "n": JUDGED_SAMPLES,
                "temperature": SERVED_TEMPERATURE,
                "version": version,
            }
            reply = post(client, "/api/v1/generate", body | {"seed": 1_000_003 * seed + index})
            texts += [completion["text"] for completion in reply["completions"]]
    verdict = report(taste, asked, answers[policy], answers[reference])
    return {
        "win_rate": verdict.win_rate,
        "parts": asdict(verdict.challengers),
        "sft_parts": asdict(verdict.champions),
        "judged_answers": len(asked),
        "known_to_corpus": sum(question_of(prompt["text"]).subject is not None for prompt in prompts) / len(prompts),
        "relevance": _relevance(asked, answers[policy]),
        "sft_relevance": _relevance(asked, answers[reference]),
        "examples": [
            {
                "prompt": prompt["text"],
                "sft": answers[reference][index * JUDGED_SAMPLES],
                "policy": answers[policy][index * JUDGED_SAMPLES],
            }
            for index, prompt in enumerate(prompts[:6])
        ],
    }


def _relevance(asked: Sequence[str], answers: Sequence[str]) -> float:
    return fmean(relevance(question_of(prompt), text) for prompt, text in zip(asked, answers, strict=True))


def code_commit() -> str:
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()


def main(
    tastes: Annotated[str, typer.Option(help="Comma-separated.")] = "brief,list",
    seeds: Annotated[int, typer.Option(min=1, help="Runs per taste, seeds 0, 1, …")] = 3,
    rankings: Annotated[int, typer.Option(min=1)] = 60,
    model: Annotated[str, typer.Option(help="A published model of the catalogue, in place of the shipped one.")] = "",
    out: Annotated[Path | None, typer.Option(help="Where the results go; kept after each run.")] = None,
) -> None:
    """Run the loop for each taste and seed, interleaved, and keep each run's figures."""
    out = out or results_path(RESULTS, "loop", model)
    out.parent.mkdir(parents=True, exist_ok=True)
    runs: list[dict[str, Any]] = []
    for seed in range(seeds):
        for name in tastes.split(","):
            runs.append(run_once(TASTES[name], seed, rankings, model))
            figures = {
                key: runs[-1][key]
                for key in ("taste", "seed", "minutes", "held_out_accuracy", "win_rate", "kl", "parts", "sft_parts")
            }
            for part in ("sft_card", "card") if not model else ():
                figures[part] = {name: runs[-1][part]["greedy"][name] for name in CARD_SHOWN}
            typer.echo(json.dumps(figures))
            environment = {"processor": platform.processor() or platform.machine(), "commit": code_commit()}
            out.write_text(json.dumps({"environment": environment, "runs": runs}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    typer.run(main)
