"""train_dpo: all rankings in force -> a candidate policy, without a reward model (Rafailov et al. 2023)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.hparams import Few, MaxGradNorm, Rate, Seed, about
from app.kinds.kind import Kind, Metrics, Need, Plot, Series, StartForm


@dataclass(frozen=True)
class DPOHparams:
    """Direct preference optimization on every pair of answers that a ranking tells apart."""

    beta: Annotated[float, Field(ge=0.001, le=10), about("How near the policy stays to the SFT model.")] = 0.1
    learning_rate: Annotated[Rate, about("AdamW's learning rate.")] = 1e-4
    epochs: Annotated[Few, about("Passes over all rankings.")] = 2
    batch_rankings: Annotated[Few, about("Rankings per step.")] = 8
    max_grad_norm: MaxGradNorm = 1.0
    seed: Seed = 0


TRAIN_DPO = Kind(
    name="train_dpo",
    place=40,
    title="Policy training (DPO)",
    phase="preferring",
    running="The policy is learning from your rankings",
    start=StartForm(
        heading="Policy (DPO)",
        method="Direct preference optimization",
        description="Learns from {rankings} to write what was ranked higher, without a reward model.",
        button="Train policy (DPO)",
        asks=("beta",),
    ),
    hparams=DPOHparams,
    handler="app.worker.handlers.train_dpo",
    follows="app.services.lifecycle.following:after_train_policy",
    needs=(Need.RANKINGS,),
    reads_rankings=True,
    metrics=Metrics(
        "DPO (`train_dpo`), one point per step",
        {
            "dpo/loss": "mean over the pairs of -log sigmoid(beta * margin); 0.69 is the SFT model's own.",
            "dpo/accuracy": "share of the pairs whose better answer gained more probability.",
            "dpo/margin": "mean log-ratio to the SFT model of the better answer less the worse one's, nats.",
        },
    ),
    plots=(
        Plot(
            "loss",
            "Loss",
            "nats per compared pair",
            "How surprised the policy is by your rankings; 0.69 is the SFT model.",
            (Series("dpo/loss", "loss"),),
        ),
        Plot(
            "accuracy",
            "Accuracy",
            "share of compared pairs",
            "How often the answer that you preferred gained more probability.",
            (Series("dpo/accuracy", "accuracy"),),
            share=True,
        ),
    ),
)
