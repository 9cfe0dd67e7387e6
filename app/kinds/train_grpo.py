"""train_grpo: RLOO or GRPO against a reward model -> a candidate policy, without a value function."""

from dataclasses import dataclass
from typing import Annotated, Literal

from app.errors import InvalidError
from app.hparams import about
from app.kinds.kind import SCORER, Effort, Kind, Metrics, Need, Plot, Series, StartForm
from app.kinds.train_policy import LENGTHS, TRAIN_POLICY, check_batch, episode_work
from app.model_info.size import EPISODE_FITTED, fitted_values
from app.policy_hparams import EpisodeHparams, FittedEpisodeHparams
from app.translation import N_, _


@dataclass(frozen=True)
class GRPOHparams(EpisodeHparams):
    """RLOO (Ahmadian et al. 2024) or GRPO (Shao et al. 2024): an answer is compared with the others to its prompt.

    Those that are None by default follow the model's size (model_info/size.py).
    """

    baseline: Annotated[
        Literal["rloo", "grpo"],
        about(
            "What an answer's reward is compared with. rloo: the mean of the prompt's other answers, the KL penalty in "
            "the reward. grpo: the prompt's mean, in its deviations, the KL penalty in the loss."
        ),
    ] = "rloo"


@dataclass(frozen=True)
class FittedGRPOHparams(FittedEpisodeHparams, GRPOHparams):
    """As they are really used: nothing is left to the model's size."""


def check_groups(hparams: GRPOHparams) -> None:
    """An answer alone has nothing to be compared with: each advantage would be 0."""
    check_batch(hparams)
    if hparams.samples_per_prompt < 2:
        raise InvalidError(
            _("RLOO and GRPO compare the answers to a prompt with each other: samples_per_prompt must be 2 or more.")
        )


SHARED_METRICS = {
    name: meaning
    for name, meaning in TRAIN_POLICY.metrics.meanings.items()
    if "value" not in name and "explained" not in name and not name.startswith("val/clipfrac")
}
PLOTS = (
    *(plot for plot in TRAIN_POLICY.plots if plot.name in ("reward", "validation", "kl", "length", "entropy")),
    Plot(
        "losses",
        N_("Loss"),
        N_("no unit"),
        N_("What is minimized: the clipped objective, and with GRPO the KL penalty. Near 0 from the start."),
        (Series("loss/policy_avg", N_("policy loss")),),
    ),
    Plot(
        "shares",
        N_("Health"),
        N_("share"),
        N_(
            "Answers that end by themselves, clipped updates, and prompts whose answers all scored the same: from "
            "these nothing is learned."
        ),
        (
            Series("policy/end_rate", N_("ended answers")),
            Series("policy/clipfrac_avg", N_("clipped updates")),
            Series("grpo/flat_groups", N_("prompts without a difference")),
        ),
    ),
)
TRAIN_GRPO = Kind(
    name="train_grpo",
    place=21,
    title=N_("Policy training (RLOO or GRPO)"),
    phase="practising",
    running=N_("The policy is practising, each answer against the others to its prompt"),
    start=StartForm(
        heading=N_("Policy (RLOO or GRPO)"),
        method=N_("Reinforcement learning without a value function"),
        description=N_(
            "For those who find PPO hard to tune: as PPO, but an answer is judged by the other answers to its prompt, "
            "so that there is no value function to learn and fewer settings to get wrong."
        ),
        button=N_("Train policy (RLOO or GRPO)"),
        asks=("baseline", "total_episodes", "kl_target"),
        presets=LENGTHS,
    ),
    hparams=GRPOHparams,
    handler="app.worker.handlers.train_grpo",
    follows="app.services.lifecycle.following:after_train_policy",
    versions=(SCORER,),
    choices={"from": ("sft", "active")},
    check=check_groups,
    needs=(Need.REWARD_MODEL,),
    fitted=EPISODE_FITTED,
    effort=Effort(
        episode_work,
        9.0,
        0.067,
        lambda hparams, config: FittedGRPOHparams(**fitted_values(hparams, config)),
    ),
    plots=PLOTS,
    metrics=Metrics(
        heading="RLOO and GRPO (`train_grpo`), one point per batch of episodes",
        before=(
            "RLOO: the reward of an answer is its score less `kl_coef` times its KL, its advantage the reward less the "
            "mean of the prompt's other answers (Ahmadian et al. 2024, eq. 9). GRPO: the advantage is the score less "
            "the prompt's mean, in its deviations, and `kl_coef` times k3 stands in the loss (Shao et al. 2024, eq. 3 "
            "and 4). Both clip the ratio; the loss is a mean over all tokens of a mini-batch."
        ),
        meanings=SHARED_METRICS
        | {
            "loss/policy_avg": "mean clipped surrogate over the update's steps, with GRPO's KL penalty.",
            "grpo/advantage_std": "deviation of the advantages over the batch's answers.",
            "grpo/flat_groups": "share of prompts whose answers all have one reward: their advantages are 0.",
        },
    ),
)
