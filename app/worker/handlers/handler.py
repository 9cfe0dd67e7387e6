"""What a kind of job contributes to its run, as the generic handler calls it: the rest is the same for every kind.

A handler is a module with two functions, `choose` and `begin`; a kind names it as text (`Kind.handler`).
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy.orm import Session

from app.db.models.versions import Version
from app.settings.config import Settings
from app.training.context import Progress
from app.worker.handlers.models import Models
from app.worker.run import InWords, JobRun

Hparams = TypeVar("Hparams")
Result = TypeVar("Result")
Inputs = dict[str, Any]
"""What a job works on, as JSON: ids of rows. Of versions under names that end in `version_id`."""
Follows = Callable[[Session, Version, Settings], object]
"""A rule, called in the transaction that stores what the job made."""


@dataclass(frozen=True)
class Work(Generic[Hparams]):
    """One attempt at a job, with the inputs that the first attempt chose."""

    run: JobRun
    hparams: Hparams
    inputs: Inputs
    models: Models

    @property
    def version_ids(self) -> set[int]:
        """Of all versions among the inputs."""
        return {number for name, number in self.inputs.items() if name.endswith("version_id")}


class Outcome(Protocol):
    """What came of a job, ready to be stored: outcomes.py has those there are."""

    def store(self, run: JobRun, follows: Follows) -> None:
        """In one transaction: what was made, the job's end, and what follows it."""
        ...


@dataclass(frozen=True)
class Training(Generic[Result]):
    """A trainer that is ready to be drained, and what its result becomes."""

    trainer: Generator[Progress, None, Result]
    outcome: Callable[[Result], Outcome]
    in_words: InWords | None = None
    """Of a trainer that tells answers on its way."""


class Handler(Protocol):
    def choose(self, session: Session, hparams: Any, params: dict[str, Any], /) -> Inputs:
        """Once per job, and never again after a crash. Raises ConflictError with the next step where something that
        the job needs is not there."""
        ...

    def begin(self, work: Work[Any], /) -> Training[Any]:
        """Reads the rows, loads the models and builds the trainer; at each attempt."""
        ...
