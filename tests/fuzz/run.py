"""One run of Schemathesis against a running server: its whole description, all its checks."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.live import LiveServer
from tests.repository import REPOSITORY

CONFIG = Path(__file__).with_name("schemathesis.toml")


@dataclass(frozen=True)
class Found:
    """`statuses`: how often each was answered. `failures`: what a check did not like, "" for nothing."""

    statuses: Counter[str]
    failures: str


def fuzz(server: LiveServer, folder: Path, *, examples: int, seed: int, phases: str) -> Found:
    """`examples` is the number of calls of each operation in the fuzzing phase."""
    counts = folder / f"counts-{seed}.json"
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(CONFIG)]
    command += ["run", f"{server.url}/openapi.json", "--checks", "all", "--phases", phases]
    command += ["--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure", "--no-shrink"]
    command += ["--suppress-health-check", "all", "--warnings", "off"]
    command += ["--generation-database", "none", "--request-timeout", "60"]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks",
        "PYTHONPATH": str(REPOSITORY),
        "FUZZ_JOB": ended_job(server),
        "FUZZ_COUNTS": str(counts),
    }
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    statuses = Counter(json.loads(counts.read_text())) if counts.is_file() else Counter[str]()
    return Found(statuses, "" if done.returncode == 0 else done.stdout + done.stderr)


def ended_job(server: LiveServer) -> str:
    """One that is there for good; the events of one that waits for a worker would not end."""
    card = server.client.post("/api/v1/groups/next").json()
    ranks = {str(answer["id"]): 1 for answer in card["answers"]}
    server.client.post(f"/api/v1/groups/{card['group_id']}/rankings", json={"ranks": ranks})
    job = server.client.post("/api/v1/jobs", json={"kind": "train_reward"}).json()["job_id"]
    server.client.post(f"/api/v1/jobs/{job}/cancel")
    return str(job)
