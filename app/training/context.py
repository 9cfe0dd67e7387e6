"""How a trainer communicates: progress out, checkpoints in and out. No database, no logger.

A trainer is a generator: it yields Progress, looks at nothing, and returns its result at the end. Whoever drains it
writes metrics, looks at the cancel flag and ends it by closing it.
"""

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from app.saving import TrainingError, saving
from app.translation import N_, _

Result = TypeVar("Result")
SHOWN_PROMPTS = 4
"""To so many prompts the answers of a policy in training are shown."""
Say = Callable[[str], None]
"""Takes a line for the person who waits, before the first step: what is being done."""


def quiet(_message: str) -> None:
    """Nobody waits."""


@dataclass(frozen=True)
class Answer:
    """One answer of a policy in training, as token ids. `gain`: by the scorer that is optimized (of DPO by any), how
    far it is above the SFT model's own answers to the prompt, in deviations of those; None without a scorer."""

    prompt: list[int]
    answer: list[int]
    gain: float | None


@dataclass(frozen=True)
class Answers:
    """What a policy says after `step` steps to a few prompts, the same ones at each look. `kl`: nats per answer to the
    SFT model, at this look."""

    step: int
    kl: float
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Progress:
    """One step done. `metrics` may be empty between measurements; `message` is one line for a person; `answers` are
    those of the looks since the step before, the first one's with the first step."""

    step: int
    total_steps: int
    metrics: dict[str, float] = field(default_factory=dict)
    message: str = ""
    answers: tuple[Answers, ...] = ()


class TrainingContext(Protocol):
    def load(self) -> dict[str, Any] | None:
        """The last saved state, None on a fresh start."""
        ...

    def save(self, state: dict[str, Any]) -> None:
        """Keep this state (tensors and plain values) in place of the last one, atomically."""
        ...


class FileContext:
    """One file, written beside its name, synced and renamed; read with weights_only, so that it cannot run code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[str, Any] | None:
        if not self.path.is_file():
            return None
        import torch  # here, so that the worker's own process does not carry it

        try:
            state: dict[str, Any] = torch.load(self.path, weights_only=True)
        except Exception as error:  # torch raises several unrelated kinds for a damaged file
            raise TrainingError(
                _(
                    "{path} cannot be read ({error}). Remove it to start the training from its beginning.",
                    path=f"{self.path.parent.name}/{self.path.name}",
                    error=str(error).replace(f"{self.path.parent}/", ""),
                )
            ) from error
        return state

    def save(self, state: dict[str, Any]) -> None:
        import torch

        fresh = self.path.with_name(self.path.name + ".new")
        try:
            with saving(N_("checkpoint")):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with fresh.open("wb") as file:
                    torch.save(state, file)
                    file.flush()
                    os.fsync(file.fileno())
                fresh.replace(self.path)
        finally:
            fresh.unlink(missing_ok=True)

    def clear(self) -> None:
        """Training ended: the state is of no use any more."""
        self.path.unlink(missing_ok=True)


def drain(
    generator: Generator[Progress, None, Result], on_progress: Callable[[Progress], None] | None = None
) -> Result:
    """Run a trainer to its end, telling each step; returns its result."""
    while True:
        try:
            progress = next(generator)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        if on_progress is not None:
            on_progress(progress)
