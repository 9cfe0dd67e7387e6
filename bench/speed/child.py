"""A contestant's side of a race: prepares once, then runs a round each time it is told to, and says what it took.

Runs in Fourfold's environment and in the peers' alike, so it imports nothing of app/, nor torch, which not every peer
loads. The parent (race.py) writes a request as JSON to a file and a line for each round; answers are lines of JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.import_model import MIB, memory_bytes

PACKAGES = ("torch", "transformers", "trl", "accelerate", "xllamacpp")
CYCLE = 17
"""What the scorer that costs nothing takes the sum of all token ids, prompt and answer, modulo."""
LOW_RATE = 1e-7
"""A learning rate with which answers stay as long as the SFT model's, whoever trains."""


@dataclass(frozen=True)
class Round:
    """What a round did: `work` in the row's unit, seconds by the clock, processor seconds of all threads, and what else
    is worth a look."""

    work: float
    seconds: float
    cpu_seconds: float
    more: dict[str, float] = field(default_factory=dict)


Run = Callable[[], Round]


class Stopwatch:
    """Adds up what is done within it."""

    def __init__(self) -> None:
        self.seconds = self.cpu_seconds = 0.0
        self._began = (0.0, 0.0)

    def __enter__(self) -> "Stopwatch":
        self._began = (time.perf_counter(), time.process_time())
        return self

    def __exit__(self, *_error: object) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.cpu_seconds += time.process_time() - self._began[1]

    def round(self, work: float, **more: float) -> Round:
        return Round(work, self.seconds, self.cpu_seconds, more)


def versions() -> dict[str, str]:
    """Of the packages that matter, where they are installed."""
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def serve(prepare: Callable[[dict[str, Any]], Run]) -> None:
    """Prepares by the request in the file that the command line names, then runs a round for each line of standard
    input. What a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(request["threads"])
    before = memory_bytes()["all"]
    run = prepare(request)
    answers.write(json.dumps({"versions": versions(), "libraries_mebibytes": round(before / MIB)}) + "\n")
    for _line in sys.stdin:
        done = run()
        told = {"work": done.work, "seconds": done.seconds, "cpu_seconds": done.cpu_seconds, **done.more}
        memory = memory_bytes()
        held = {f"{name}_mebibytes": round(memory[key] / MIB) for name, key in (("peak", "peak"), ("resident", "all"))}
        answers.write(json.dumps(told | held) + "\n")
