"""train_reward: all rankings in force -> a reward model."""

from app.hparams import RewardHparams
from app.kinds.kind import Kind, Need, Plot, Series, StartForm

PLOTS = (
    Plot(
        "accuracy",
        "Accuracy",
        "share of compared pairs",
        "How often the reward model prefers the answer that you preferred; 0.5 is guessing. "
        "A rising training line over a flat held-out line is overfitting. "
        "Each stretch starts afresh and holds out other prompts; the last one learns from all.",
        (Series("accuracy/held_out", "held-out prompts"), Series("accuracy/train", "training prompts")),
        share=True,
    ),
    Plot(
        "loss",
        "Loss",
        "nats per compared pair",
        "How surprised the reward model is by your rankings; 0.69 is guessing, lower is better.",
        (Series("loss/held_out", "held-out prompts"), Series("loss/train", "training prompts")),
    ),
)
TRAIN_REWARD = Kind(
    name="train_reward",
    place=10,
    title="Reward model training",
    phase="learning",
    running="The reward model is learning from your rankings",
    start=StartForm(
        heading="Reward model",
        method="Supervised learning",
        description="Learns from {rankings} to score an answer, so that what was ranked higher scores higher.",
        button="Train reward model",
    ),
    hparams=RewardHparams,
    handler="app.worker.handlers.train_reward",
    follows="app.services.lifecycle.following:after_train_reward",
    needs=(Need.RANKINGS,),
    reads_rankings=True,
    first_step_is_longer=True,
    plots=PLOTS,
)
