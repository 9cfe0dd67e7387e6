"""train_toy: the smallest kind of job, which tests add to a copy of the program."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.hparams import Seed, about
from app.kinds.kind import Kind, Metrics, Need, Plot, Series, StartForm


@dataclass(frozen=True)
class ToyHparams:
    """How far the toy counts."""

    steps: Annotated[int, Field(ge=1, le=100), about("How far it counts.")] = 5
    seed: Seed = 0


TRAIN_TOY = Kind(
    name="train_toy",
    place=40,
    title="Toy training",
    phase="counting",
    running="The toy is counting",
    start=StartForm(
        heading="Toy",
        method="No learning at all",
        description="Counts, and stores the SFT model with other numbers in its last norm.",
        button="Train the toy",
    ),
    hparams=ToyHparams,
    handler="app.worker.handlers.train_toy",
    follows="app.services.lifecycle.following:after_train_policy",
    needs=(Need.REWARD_MODEL,),
    metrics=Metrics("The toy (`train_toy`)", {"toy/loss": "one over the step."}),
    plots=(Plot("toy", "Toy loss", "no unit", "One over the step.", (Series("toy/loss", "loss"),)),),
)
