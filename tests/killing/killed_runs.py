"""One job in a process of its own, killed (SIGKILL) at a random moment, started again, and compared with a calm run.

Processes are forked from one that has imported torch and started no thread: an attempt begins in milliseconds.
"""

import functools
import multiprocessing
import os
import random
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from app.db.models.jobs import JobStatus
from app.db.session import transaction
from app.services.jobs import job_folders, job_runs
from app.worker.child import run_attempt
from app.worker.handlers.generic import handle
from app.worker.run import JobRun
from tests.tiny_files import write_tiny_model
from tests.worker.harness import Harness
from tests.worker.world import check_files, make_world, queue, run_inline, twin, version_of_job

EPISODES: dict[str, Any] = {
    "total_episodes": 48,
    "batch_size": 8,
    "samples_per_prompt": 4,
    "max_tokens": 8,
    "validation_prompts": 2,
    "checkpoint_every_batches": 1,
    "learning_rate": 1e-2,
}
OFFLINE = {"num_answers": 4, "num_prompts": 64, "num_epochs": 2, "context_tokens": 128, "max_tokens": 64}
TRAINERS: Mapping[str, tuple[str, dict[str, Any]]] = MappingProxyType(
    {
        "reward": ("train_reward", {"normalization_samples": 40}),
        "ppo": ("train_policy", EPISODES),
        "rloo": ("train_grpo", EPISODES | {"baseline": "rloo"}),
        "grpo": ("train_grpo", EPISODES | {"baseline": "grpo"}),
        "dpo": ("train_dpo", {"max_epochs": 4, "sampled_answers": 8, "max_tokens": 8, "checkpoint_every_steps": 1}),
        "best-of-n": ("train_best_of_n", OFFLINE | {"checkpoint_every_steps": 1}),
    }
)
"""The kind of job and its parameters, by the trainer's name: small, with a checkpoint at each step."""
MOST_ATTEMPTS = 99
COMPILER_LOADED = 99
"""The exit status of a process that has loaded torch's compiler, which none needs."""
LOADS_COMPILER = frozenset({"train_best_of_n"})
"""Its fine-tuning calls an operator registered with torch, and torch loads the compiler to keep it out of that."""
TIMES = frozenset({"tokens_per_second"})
KEPT = frozenset({"flops"})
"""Of the reward model: what an attempt has read is kept, and neither read nor counted again by the next one."""
"""Metrics that say how fast it was."""
_forked = multiprocessing.get_context("fork")


TEXTS = ["What is the capital of France? Paris, and the word for it is a city."] * 8


@dataclass(frozen=True)
class Calm:
    """An undisturbed run: what came of it, and in how many seconds."""

    base: Harness
    trainer: str
    content_hash: str
    metrics: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class Killed:
    """`share`: of the calm run's time, when it was killed. `step`: which it had reached; none: it had already ended."""

    share: float
    step: int | None
    same: bool
    told: str = ""


@functools.cache
def ranked_world(directory: Path) -> Harness:
    torch.set_num_threads(1)
    return make_world(directory / "ranked", write_tiny_model(directory / "model", TEXTS), ranked=8)


@functools.cache
def scored_world(directory: Path) -> Harness:
    """With a reward model, for those who need one."""
    base = twin(ranked_world(directory), directory / "scored")
    job = run_inline(base, queue(base, "train_reward", normalization_samples=8))
    assert job.status is JobStatus.SUCCEEDED, job.error
    return base


def calm_run(directory: Path, trainer: str) -> Calm:
    """All trainers in this directory begin with the same world."""
    kind, params = TRAINERS[trainer]
    base = (ranked_world if kind in ("train_reward", "train_dpo") else scored_world)(directory)
    calm = twin(base, directory / f"calm-{trainer}")
    job_id, began = queue(calm, kind, **params), time.monotonic()
    attempt(calm, job_id)
    seconds, job = time.monotonic() - began, calm.job(job_id)
    assert job.status is JobStatus.SUCCEEDED, job.error
    made = version_of_job(calm, job_id)
    calm.close()
    return Calm(base, trainer, made.content_hash, told_of(trainer, made.metrics), seconds)


def told_of(trainer: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    left_out = TIMES | KEPT if trainer == "reward" else TIMES
    return {name: value for name, value in metrics.items() if name not in left_out}


def killed_run(calm: Calm, directory: Path, moment: int) -> Killed:
    """Killed once; the same moment is the same share of the time."""
    share = random.Random(f"{calm.trainer} {moment}").random()
    kind, params = TRAINERS[calm.trainer]
    harness = twin(calm.base, directory)
    try:
        job_id = queue(harness, kind, **params)
        ended = attempt(harness, job_id, seconds=share * calm.seconds)
        step = None if ended else harness.job(job_id).step
        for _again in range(MOST_ATTEMPTS):
            if ended:
                break
            ended = attempt(harness, job_id)
        job = harness.job(job_id)
        if job.status is not JobStatus.SUCCEEDED:
            return Killed(share, step, same=False, told=f"{job.status}: {job.error}")
        with harness.readers() as session:  # as a worker does once in a while: the kill may come behind the last commit
            job_folders.clear(session, harness.settings)
        check_files(harness)
        made = version_of_job(harness, job_id)
        if told_of(calm.trainer, made.metrics) != calm.metrics:
            return Killed(share, step, same=False, told="its metrics differ")
        return Killed(share, step, same=made.content_hash == calm.content_hash, told=made.content_hash)
    finally:
        harness.close()
        shutil.rmtree(directory)


def attempt(harness: Harness, job_id: str, *, seconds: float | None = None) -> bool:
    """One attempt in a process of its own, killed after these seconds; whether it came to its end."""
    with transaction(harness.sessions) as session:
        fence = job_runs.start_attempt(session, job_id, max_attempts=MOST_ATTEMPTS)
    assert fence is not None
    harness.database.dispose()  # no connection is shared with the process
    process = _forked.Process(target=_child, args=(harness, job_id, fence))
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode != COMPILER_LOADED, "the trainer loads torch's compiler: seconds in each process"
    return process.exitcode == 0 or harness.job(job_id).status is JobStatus.SUCCEEDED  # killed behind its last commit


def _child(harness: Harness, job_id: str, fence: int) -> None:
    status = run_attempt(JobRun(harness.settings, harness.sessions, harness.job(job_id), fence), handle)
    loaded = "torch._dynamo" in sys.modules and harness.job(job_id).kind not in LOADS_COMPILER
    os._exit(COMPILER_LOADED if loaded else status)
