"""Job kinds for the worker's own tests: they count, and do on request what real jobs do by accident."""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from app.saving import TrainingError, saving
from app.training.context import Progress
from app.worker.checkpoints import JobCheckpoints
from app.worker.run import JobRun


class JsonCheckpoints(JobCheckpoints):
    """Without torch, which takes seconds to load."""

    def load(self) -> dict[str, Any] | None:
        return json.loads(self.path.read_text()) if self.path.is_file() else None

    def save(self, state: dict[str, Any]) -> None:
        fresh = self.path.with_suffix(".new")
        with saving("checkpoint of the job"):
            fresh.write_text(json.dumps(state))
            fresh.replace(self.path)
        self._on_saved()


def _count(run: JobRun, checkpoints: JobCheckpoints) -> Generator[Progress, None, int]:
    params = run.params
    state = checkpoints.load() or {"step": 0, "total": 0}
    trace = run.settings.data_dir / f"trace-{run.job.id}.jsonl"
    for step in range(state["step"] + 1, params["steps"] + 1):
        with trace.open("a") as file:
            file.write(json.dumps({"step": step, "pid": os.getpid(), "time": time.monotonic()}) + "\n")
        time.sleep(params["seconds"])
        state = {"step": step, "total": state["total"] + step}
        if step % params.get("checkpoint_every", 2) == 0:
            with _full_disk() if params.get("full_disk_at") == step else nullcontext():
                checkpoints.save(state)
        _misbehave(run, step)
        yield Progress(step, params["steps"], {"loss/train": 1 / step}, f"Step {step}")
        while _held(run, step):
            time.sleep(0.05)
            checkpoints.save(state)
            yield Progress(step, params["steps"], message=f"Held at step {step}")
    return int(state["total"])


def _held(run: JobRun, step: int) -> bool:
    """`hold_at`: the steps at which the first, the second… attempt stays until it is killed, stopped or cancelled."""
    steps = run.params.get("hold_at", [])
    return run.fence <= len(steps) and step == steps[run.fence - 1]


def _misbehave(run: JobRun, step: int) -> None:
    params = run.params
    if params.get("crash_at") == step:
        print("about to crash", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    mended = (run.settings.data_dir / "mended").exists()
    if params.get("fail_at") == step and not mended:
        raise TrainingError("The loss is not a number. Lower learning_rate and start the job again.")
    if params.get("bug_at") == step:
        raise KeyError("a bug")
    if params.get("hang_at") == step:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        time.sleep(600)


@contextmanager
def _full_disk() -> Iterator[None]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def count(run: JobRun) -> None:
    inputs = run.pinned(lambda: {"first_pid": os.getpid()})
    total = run.drain(_count(run, JsonCheckpoints(run.checkpoints().path, on_saved=run.saved)))
    run.commit(lambda session: run.finish(session, {"total": total, "first_pid": inputs["first_pid"]}))
