"""train_dpo: all rankings in force -> a candidate policy, without a reward model (Rafailov et al. 2023)."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from app.hparams import (
    AnswerTokens,
    Count,
    Distance,
    Few,
    FrozenLayers,
    LoraAlpha,
    LoraPlaces,
    LoraRank,
    MaxGradNorm,
    MicroBatchTokens,
    Rate,
    RecomputeLayers,
    Seed,
    WholeFromZero,
    about,
)
from app.kinds.kind import Effort, Kind, Metrics, Need, Plot, Series, StartForm
from app.model_info.size import fitted_values
from app.translation import N_


@dataclass(frozen=True)
class DPOHparams:
    """Direct preference optimization on the pairs of every ranking; a ranking's pairs weigh 1 together.

    Those that are None by default follow the model's size (model_info/size.py).
    """

    beta: Annotated[
        float, Field(ge=0.001, le=100), about("How strongly it is kept near the SFT model; larger is nearer.")
    ] = 0.1
    ties: Annotated[
        Literal["davidson", "left_out"],
        about("Pairs that were ranked equal: they hold the two answers together (Davidson), or are left out."),
    ] = "davidson"
    label_smoothing: Annotated[
        float, Field(ge=0, le=0.49), about("Share of the comparisons that are taken to be the wrong way round (cDPO).")
    ] = 0.0
    length_normalized: Annotated[
        bool, about("Whether log-probabilities are per token; beta is then larger (5 in Tulu 3).")
    ] = False
    learning_rate: Annotated[Rate | None, about("AdamW's rate; none: by the model's size.")] = None
    warmup_steps: Annotated[WholeFromZero, about("Steps over which the rate rises to its full value.")] = 5
    max_epochs: Annotated[Few, about("Passes over all rankings, at most.")] = 4
    batch_rankings: Annotated[Few, about("Rankings per step.")] = 8
    num_frozen_layers: FrozenLayers = None
    lora_rank: LoraRank = 0
    lora_alpha: LoraAlpha = 16.0
    lora_places: LoraPlaces = "all"
    held_out_fraction: Annotated[
        float, Field(ge=0.01, le=0.9), about("Share of the ranked prompts that is held out.")
    ] = 0.15
    looks_per_epoch: Annotated[Few, about("How often an epoch the held-out rankings are looked at.")] = 2
    patience: Annotated[Few, about("Looks without a lower held-out loss before it stops.")] = 3
    kl_budget: Annotated[
        Distance | None, about("KL to the SFT model at which it stops, nats per answer; none: it goes on.")
    ] = 12.0
    sampled_answers: Annotated[Count, about("Answers sampled at each look, by which KL and length are measured.")] = 32
    max_tokens: AnswerTokens = 96
    max_grad_norm: MaxGradNorm = 1.0
    recompute_layers: RecomputeLayers = None
    tokens_per_micro_batch: MicroBatchTokens = None
    checkpoint_every_steps: Annotated[Count, about("Steps between two checkpoints.")] = 20
    seed: Seed = 0


@dataclass(frozen=True)
class FittedDPOHparams(DPOHparams):
    """As they are really used: nothing is left to the model's size."""

    learning_rate: float = 1e-4
    num_frozen_layers: int = 3
    recompute_layers: bool = False
    tokens_per_micro_batch: int = 4_096


PLOTS = (
    Plot(
        "loss",
        N_("Loss"),
        N_("nats per compared pair"),
        N_("How surprised the policy is by your rankings; 0.69 is the SFT model without ties, lower is better."),
        (Series("dpo/loss_held_out", N_("held-out prompts")), Series("dpo/loss", N_("training prompts"))),
    ),
    Plot(
        "accuracy",
        N_("Accuracy"),
        N_("share of compared pairs"),
        N_("How often the answer that you preferred gained more probability than the other; 0.5 is guessing."),
        (Series("dpo/accuracy_held_out", N_("held-out prompts")), Series("dpo/accuracy", N_("training prompts"))),
        share=True,
    ),
    Plot(
        "kl",
        N_("KL divergence"),
        N_("nats per answer"),
        N_("How far the policy has moved from the SFT model, by answers that it samples."),
        (Series("dpo/kl", N_("KL to the SFT model")),),
    ),
    Plot(
        "likelihood",
        N_("Likelihood of ranked answers"),
        N_("nats per answer, change from the SFT model"),
        N_("Both usually fall, the rejected ones faster. Where the chosen ones fall far, it learns what not to say."),
        (Series("dpo/chosen", N_("chosen answers")), Series("dpo/rejected", N_("rejected answers"))),
    ),
    Plot(
        "length",
        N_("Answer length"),
        N_("tokens"),
        N_("Mean length of the sampled answers. Watch it: DPO likes length where longer answers were preferred."),
        (Series("dpo/length", N_("mean length")),),
    ),
)
TRAIN_DPO = Kind(
    name="train_dpo",
    place=22,
    title=N_("Policy training (DPO)"),
    phase="preferring",
    running=N_("The policy is learning from your rankings directly"),
    start=StartForm(
        heading=N_("Policy (DPO)"),
        method=N_("Direct preference optimization"),
        description=N_(
            "For those who have many rankings and little time: learns from {rankings} in one go, with no reward model "
            "to be fooled and no sampling to wait for."
        ),
        button=N_("Train policy (DPO)"),
        asks=("beta",),
    ),
    hparams=DPOHparams,
    handler="app.worker.handlers.train_dpo",
    follows="app.services.lifecycle.following:after_train_policy",
    needs=(Need.RANKINGS,),
    reads_rankings=True,
    first_step_is_longer=True,
    fitted=("learning_rate", "num_frozen_layers", "recompute_layers", "tokens_per_micro_batch"),
    effort=Effort(
        lambda hparams, rankings: hparams.max_epochs * rankings,
        5.0,
        0.05,
        lambda hparams, config: FittedDPOHparams(**fitted_values(hparams, config)),
    ),
    plots=PLOTS,
    metrics=Metrics(
        heading="DPO (`train_dpo`), one point per step; held-out and sampled figures at each look",
        before=(
            "The implicit reward of an answer is `beta` times its log-probability under the policy less that under the "
            "SFT model, summed over its tokens (Rafailov et al. 2023, section 4). The version is the "
            "policy at the look whose held-out loss was lowest, within `kl_budget`."
        ),
        meanings={
            "dpo/loss, dpo/loss_held_out": (
                "mean over rankings of the mean loss of their pairs: -log sigmoid of the margin (eq. 7), or with ties "
                "-log of Davidson's probability (1970; as in Chen et al. 2024). Before the first step it is log 2, "
                "with ties log(2 + nu)."
            ),
            "dpo/accuracy, dpo/accuracy_held_out": (
                "share of the untied pairs whose better answer has the higher implicit reward, equal ones half."
            ),
            "dpo/margin, dpo/margin_held_out": (
                "mean implicit reward of the better answer less that of the worse one, over untied pairs."
            ),
            "dpo/chosen, dpo/rejected": (
                "mean change of the log-probability of the better and of the worse answers of untied pairs, nats per "
                "answer: negative where they became less likely."
            ),
            "dpo/kl": "KL to the SFT model, nats per answer, by answers that the policy samples at temperature 1 (k1).",
            "dpo/length, dpo/end_rate": "tokens of these answers; the share that ended by themselves.",
            "dpo/grad_norm": "gradient norm before clipping.",
            "flops": (
                "floating-point operations so far: 6 for each weight and token learned from, 2 for each that is only "
                "read (Kaplan et al. 2020, section 2.1), by the tokens of the rankings and of the sampled answers."
            ),
            "num_rankings, num_pairs, num_ties": "what it was trained on; held-out ones are not counted.",
            "kept_step": "the step whose policy was kept.",
        },
    ),
)
