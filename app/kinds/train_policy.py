"""train_policy: PPO against a reward model -> a candidate policy."""

from app.errors import InvalidError
from app.hparams import PPOHparams
from app.kinds.kind import Kind, Need, Plot, Series, StartForm, VersionParam
from app.model_info.size import FITTED

PLOTS = (
    Plot(
        "reward",
        "Reward",
        "score; 0 is an average answer of the SFT model",
        "What the reward model thinks of the policy's answers. PPO pushes it up; the KL penalty is subtracted.",
        (Series("objective/scores", "score"), Series("objective/rlhf_reward", "score minus KL penalty")),
    ),
    Plot(
        "kl",
        "KL divergence",
        "nats per answer",
        "How far the policy has moved from the SFT model. A line that runs away means that it cheats the reward.",
        (Series("objective/kl", "KL to the SFT model"),),
    ),
    Plot(
        "losses",
        "Losses",
        "no unit",
        "What PPO minimizes: the policy's clipped objective, and how badly the value head predicts the reward.",
        (Series("loss/policy_avg", "policy loss"), Series("loss/value_avg", "value loss")),
    ),
    Plot(
        "length",
        "Answer length",
        "tokens",
        "Mean length of the sampled answers. Watch it: reward models often like length for its own sake.",
        (Series("policy/length_mean", "mean length"),),
    ),
    Plot(
        "shares",
        "Health",
        "share",
        "Answers that end by themselves, clipped updates, and how much of the reward the value head explains.",
        (
            Series("policy/end_rate", "ended answers"),
            Series("policy/clipfrac_avg", "clipped updates"),
            Series("val/explained_variance", "explained variance"),
        ),
    ),
    Plot(
        "entropy",
        "Entropy",
        "nats per answer",
        "How undecided the policy is. A sudden drop means that it says the same thing again and again.",
        (Series("objective/entropy", "entropy"),),
    ),
)


def check_batch(hparams: PPOHparams) -> None:
    """A batch holds all answers of each of its prompts."""
    if hparams.batch_size % hparams.samples_per_prompt:
        raise InvalidError(
            f"batch_size must be a multiple of samples_per_prompt: {hparams.batch_size} is none of "
            f"{hparams.samples_per_prompt}."
        )


TRAIN_POLICY = Kind(
    name="train_policy",
    place=20,
    title="Policy training (PPO)",
    phase="practising",
    running="The policy is practising against the reward model",
    start=StartForm(
        heading="Policy (PPO)",
        method="Reinforcement learning",
        description="The SFT model writes, the reward model scores, PPO makes high scores likelier; a KL penalty keeps "
        "it near the SFT model.",
        button="Train policy (PPO)",
        plan="app.services.jobs.ppo_plan:start_plan",
    ),
    hparams=PPOHparams,
    handler="app.worker.handlers.train_policy",
    follows="app.services.lifecycle.following:after_train_policy",
    versions=(VersionParam("reward_version_id", ("reward",)),),
    choices={"from": ("sft", "active")},  # the weights PPO starts from; the reference is always the SFT
    check=check_batch,
    needs=(Need.REWARD_MODEL,),
    fitted=FITTED,
    plots=PLOTS,
)
