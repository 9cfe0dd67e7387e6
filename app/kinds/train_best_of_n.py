"""train_best_of_n: the best of n sampled answers to each prompt, by a reward model -> a policy fine-tuned on them."""

from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from app.hparams import (
    SERVED_TEMPERATURE,
    AnswerTokens,
    Count,
    Few,
    MaxGradNorm,
    Rate,
    Seed,
    Share,
    TrainingTemperature,
    about,
)
from app.kinds.kind import SCORER, Effort, Kind, Metrics, Need, Plot, Series, StartForm
from app.model_info.size import policy_learning_rate
from app.translation import N_


@dataclass(frozen=True)
class BestOfNHparams:
    """Best-of-n distillation: n answers of the SFT model to each prompt, the one that the reward model scores highest
    is imitated.

    Those that are None by default follow the model's size (model_info/size.py).
    """

    num_answers: Annotated[Few, about("n: answers sampled to each prompt.")] = 16
    num_prompts: Annotated[Count, about("Prompts.")] = 256
    num_epochs: Annotated[Few, about("Passes over the chosen answers.")] = 3
    batch_rows: Annotated[Few, about("Rows of context_tokens tokens per step.")] = 4
    context_tokens: Annotated[int, Field(ge=64, le=512), about("Tokens per row; longer pairs are left out.")] = 256
    learning_rate: Annotated[Rate | None, about("AdamW's peak rate; none: by the model's size.")] = None
    weight_decay: Annotated[Share, about("AdamW's weight decay.")] = 0.0
    temperature: TrainingTemperature = SERVED_TEMPERATURE
    max_tokens: AnswerTokens = 96
    max_grad_norm: MaxGradNorm = 1.0
    checkpoint_every_steps: Annotated[int, Field(ge=1, le=100_000), about("Steps between two checkpoints.")] = 20
    seed: Seed = 0


@dataclass(frozen=True)
class FittedBestOfNHparams(BestOfNHparams):
    """As they are really used: nothing is left to the model's size."""

    learning_rate: float = 4e-4

    @property
    def num_frozen_layers(self) -> int:
        return 0

    @property
    def lora_rank(self) -> int:
        return 0

    @property
    def lora_places(self) -> str:
        return "all"

    @property
    def recompute_layers(self) -> bool:
        return False

    @property
    def tokens_per_micro_batch(self) -> int:
        return self.batch_rows * self.context_tokens


TRAIN_BEST_OF_N = Kind(
    name="train_best_of_n",
    place=23,
    title=N_("Policy training (best of n)"),
    phase="imitating",
    running=N_("The policy is learning from the best of its own answers"),
    start=StartForm(
        heading=N_("Policy (best of n)"),
        method=N_("Rejection sampling and supervised learning"),
        description=N_(
            "For those who want the surest small step: the SFT model writes n answers, the reward model keeps the "
            "best, and the policy imitates it; it can hardly go astray, and moves less than PPO."
        ),
        button=N_("Train policy (best of n)"),
        asks=("num_answers",),
    ),
    hparams=BestOfNHparams,
    handler="app.worker.handlers.train_best_of_n",
    follows="app.services.lifecycle.following:after_train_policy",
    versions=(SCORER,),
    needs=(Need.REWARD_MODEL,),
    fitted=("learning_rate",),
    effort=Effort(
        lambda hparams, _rankings: hparams.num_prompts * hparams.num_answers,
        8.0,
        0.018,
        lambda hparams, config: replace(
            FittedBestOfNHparams(), learning_rate=hparams.learning_rate or policy_learning_rate(config)
        ),
    ),
    plots=(
        Plot(
            "reward",
            N_("Reward"),
            N_("score; 0 is an average answer of the SFT model"),
            N_("What the reward model thinks of the answers that were sampled, and of those that were chosen."),
            (
                Series("best_of_n/chosen_score", N_("chosen answers")),
                Series("best_of_n/mean_score", N_("all answers")),
            ),
        ),
        Plot(
            "loss",
            N_("Loss"),
            N_("nats per token"),
            N_("How surprised the policy is by the chosen answers. A held-out line that rises means overfitting."),
            (Series("loss/held_out", N_("held-out prompts")), Series("loss/train", N_("training prompts"))),
        ),
    ),
    metrics=Metrics(
        heading="Best-of-n distillation (`train_best_of_n`), one point per part of the prompts, then one per step",
        meanings={
            "best_of_n/mean_score, best_of_n/chosen_score": (
                "mean score of all sampled answers, and of the best of each prompt's n, over the prompts so far."
            ),
            "best_of_n/most_kl": (
                "log n - (n - 1) / n: the KL of best-of-n sampling is at most this, nats per answer (Beirami et al. "
                "2024); what the policy really has is measured by its evaluation and as `best_of_n/kl`."
            ),
            "best_of_n/kl": "KL to the SFT model, nats per answer, by answers of the new policy to held-out prompts.",
            "best_of_n/length": "tokens of these answers.",
            "loss/train, loss/held_out": "mean cross-entropy per token of the chosen answers and their ends.",
            "flops": (
                "floating-point operations so far: 6 for each weight and token of the rows learned from, 2 for each "
                "that is only read or written (Kaplan et al. 2020, section 2.1), samples, scores and looks included."
            ),
            "learning_rate": "AdamW's rate at this step.",
            "tokens_per_second": "how fast it trains.",
            "num_pairs": "chosen answers that were trained on.",
        },
    ),
)
