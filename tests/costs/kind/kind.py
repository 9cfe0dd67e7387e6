"""train_ipo: all rankings in force -> a candidate policy, without a reward model (Azar et al. 2023)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.hparams import Few, MaxGradNorm, Rate, Seed, about
from app.kinds.kind import Effort, Kind, Metrics, Need, Plot, Series, StartForm


@dataclass(frozen=True)
class IPOHparams:
    """Identity preference optimization on every pair of answers that a ranking tells apart."""

    beta: Annotated[float, Field(ge=0.001, le=10), about("How near the policy stays to the SFT model.")] = 0.1
    learning_rate: Annotated[Rate, about("AdamW's learning rate.")] = 1e-4
    epochs: Annotated[Few, about("Passes over all rankings.")] = 2
    batch_rankings: Annotated[Few, about("Rankings per step.")] = 8
    max_grad_norm: MaxGradNorm = 1.0
    seed: Seed = 0


TRAIN_IPO = Kind(
    name="train_ipo",
    place=40,
    title="Policy training (IPO)",
    phase="preferring",
    running="The policy is learning from your rankings",
    start=StartForm(
        heading="Policy (IPO)",
        method="Identity preference optimization",
        description="Learns from {rankings} to write what was ranked higher, without a reward model.",
        button="Train policy (IPO)",
        asks=("beta",),
    ),
    hparams=IPOHparams,
    handler="app.worker.handlers.train_ipo",
    follows="app.services.lifecycle.following:after_train_policy",
    needs=(Need.RANKINGS,),
    reads_rankings=True,
    effort=Effort(lambda hparams, rankings: hparams.epochs * rankings, seconds_before=4.0, seconds_each=0.1),
    metrics=Metrics(
        "IPO (`train_ipo`), one point per step",
        {
            "ipo/loss": "mean over the pairs of (margin - 1 / (2 beta)) squared.",
            "ipo/accuracy": "share of the pairs whose better answer gained more probability.",
            "ipo/margin": "mean log-ratio to the SFT model of the better answer less the worse one's, nats.",
        },
    ),
    plots=(
        Plot(
            "loss",
            "Loss",
            "no unit",
            "How far the margins are from where they should be.",
            (Series("ipo/loss", "loss"),),
        ),
        Plot(
            "accuracy",
            "Accuracy",
            "share of compared pairs",
            "How often the answer that you preferred gained more probability.",
            (Series("ipo/accuracy", "accuracy"),),
            share=True,
        ),
    ),
)
