"""Runs contestants in turn, each in a process of its own, and makes medians, spreads and ratios of their rounds.

All processes live through the whole race and wait without work while another runs; the order turns with each round. A
ratio is of two rounds that followed each other, so it holds where the machine's speed drifts. Processor seconds stand
beside the clock: on a busy machine they say more.
"""

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.loop import code_commit

ROOT = Path(__file__).parents[2]
FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16", "avx_vnni")
LOG_LINES = 30
OWN = {
    "OMP_WAIT_POLICY": "PASSIVE",  # as the product's worker: a thread that spins takes the time of one that computes
    "TQDM_DISABLE": "1",
    "HF_HUB_OFFLINE": "1",
}

Measured = dict[str, Any]


@dataclass(frozen=True)
class Contestant:
    """`module` runs in `python` and serves rounds (child.py); `request` is what it prepares by."""

    name: str
    python: Path
    module: str
    request: Mapping[str, Any]
    is_peer: bool = False


class Process:
    """A contestant that has prepared itself. Raises RuntimeError with the end of its log where it ends too early."""

    def __init__(self, contestant: Contestant, threads: int, folder: Path, own: Mapping[str, str]) -> None:
        self.name = contestant.name
        self._log = folder / f"{contestant.name}.log"
        asked = folder / f"{contestant.name}.json"
        asked.write_text(json.dumps(dict(contestant.request) | {"threads": threads}), encoding="utf-8")
        environ = OWN | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads), **own}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [contestant.python, "-m", contestant.module, asked],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder,
                env=os.environ | environ,
            )  # fmt: skip
        self.prepared = self._answer()

    def round(self) -> Measured:
        assert self._process.stdin is not None
        self._process.stdin.write("round\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Measured:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            end = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
            raise RuntimeError("\n".join([f"{self.name} ended with {self._process.returncode}:", *end]))
        return dict(json.loads(line))

    def close(self) -> None:
        self._process.communicate()


def environment(threads: int) -> Measured:
    """What a figure hangs on, as it is when the measurement begins; `threads` of each contestant, 0: its own choice."""
    lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()]
    told = {name.strip(): rest.strip() for name, _, rest in lines}
    flags = told.get("flags", "").split()
    return {
        "commit": code_commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "processor": told.get("model name", "unknown"),
        "flags": [flag for flag in FLAGS if flag in flags],
        "threads": threads,
        "load_before": os.getloadavg(),
    }


def race(
    contestants: Sequence[Contestant], rounds: int, threads: int, own: Mapping[str, str] = MappingProxyType({})
) -> Measured:
    """Each contestant's rounds after one that warms up, and what follows from them: ours are compared with the fastest
    of the peers. `own`: environment variables of all of them."""
    runs: dict[str, list[Measured]] = {one.name: [] for one in contestants}
    known = environment(threads)
    with tempfile.TemporaryDirectory(prefix="fourfold-race-") as folder, ExitStack() as stack:
        processes = []
        for one in contestants:
            processes.append(Process(one, threads, Path(folder), own))
            stack.callback(processes[-1].close)
        for turn in range(rounds + 1):
            for process in processes if turn % 2 else processes[::-1]:
                measured = process.round()
                if turn:
                    runs[process.name].append(measured)
        prepared = {process.name: process.prepared for process in processes}
    known |= {"load_after": os.getloadavg()}
    sides = {name: summary(taken) | prepared[name] | {"runs": taken} for name, taken in runs.items()}
    peers = [one.name for one in contestants if one.is_peer]
    best = max(peers, key=lambda name: sides[name]["per_second"]) if peers else ""
    compared = ratios(runs, peers, best) if peers else {}
    return {"environment": known, "rounds": rounds, "contestants": sides, "best_peer": best, "ratios": compared}


def rate(run: Measured, clock: str = "seconds") -> float:
    return float(run["work"] / run[clock])


def summary(runs: Sequence[Measured]) -> Measured:
    """Median and spread of the rates, per second and per processor second; the most memory."""
    by_clock, by_cpu = [rate(run) for run in runs], [rate(run, "cpu_seconds") for run in runs]
    return {
        "n": len(runs),
        "per_second": statistics.median(by_clock),
        "least": min(by_clock),
        "most": max(by_clock),
        "per_cpu_second": statistics.median(by_cpu),
        "peak_mebibytes": max(run["peak_mebibytes"] for run in runs),
    }


def ratios(runs: Mapping[str, Sequence[Measured]], peers: Sequence[str], best: str) -> Measured:
    """How many times as fast each of ours is as the peers' `best`, round by round: median, least, most; by the clock
    and by processor seconds."""
    compared = {}
    for name in (name for name in runs if name not in peers):
        pairs = list(zip(runs[name], runs[best], strict=True))
        by_clock = [rate(mine) / rate(other) for mine, other in pairs]
        by_cpu = [rate(mine, "cpu_seconds") / rate(other, "cpu_seconds") for mine, other in pairs]
        compared[name] = {
            "times_as_fast": statistics.median(by_clock),
            "least": min(by_clock),
            "most": max(by_clock),
            "by_cpu": statistics.median(by_cpu),
        }
    return compared
