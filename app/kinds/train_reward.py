"""train_reward: all rankings in force -> a reward model."""

from app.hparams import RewardHparams
from app.kinds.kind import Effort, Kind, Metrics, Need, Plot, Series, StartForm
from app.translation import N_

PLOTS = (
    Plot(
        "accuracy",
        N_("Accuracy"),
        N_("share of compared pairs"),
        N_(
            "How often the reward model prefers the answer that you preferred; 0.5 is guessing. A rising training line "
            "over a flat held-out line is overfitting. Each stretch starts afresh and holds out other prompts; the "
            "last one learns from all."
        ),
        (Series("accuracy/held_out", N_("held-out prompts")), Series("accuracy/train", N_("training prompts"))),
        share=True,
    ),
    Plot(
        "loss",
        N_("Loss"),
        N_("nats per compared pair"),
        N_("How surprised the reward model is by your rankings; lower is better. Guessing is 0.69, with ties more."),
        (Series("loss/held_out", N_("held-out prompts")), Series("loss/train", N_("training prompts"))),
    ),
)
METRICS = Metrics(
    heading="Reward model (`train_reward`)",
    before=(
        "A comparison is an untied pair of answers of one ranking. Held-out figures are cross-validated: prompts "
        "(never pairs) are dealt to folds, each fold is judged by weights that did not see its prompts, and all "
        "folds are pooled. One point of the curves per fold that was added; the model that is kept is trained on "
        "everything."
    ),
    meanings={
        "held_out_accuracy": (
            "share of held-out comparisons that the scores order as the labeler did; equal scores count half, ties "
            "are left out."
        ),
        "held_out_accuracy_error": "standard error of that share, over rankings.",
        "held_out_loss, loss/held_out": (
            "mean over rankings of the mean pair loss (Davidson 1970, ties included) on held-out prompts."
        ),
        "train_accuracy, accuracy/train, train_loss, loss/train": "the same on the rankings trained on.",
        "accuracy/held_out": "`held_out_accuracy` of the folds so far.",
        "ece": (
            "expected calibration error of P(first beats second) on held-out comparisons, at the temperature (Guo et "
            "al. 2017)."
        ),
        "temperature": "what held-out margins are divided by so that their probabilities are as true as can be.",
        "log_evidence": "log-probability of the rankings under the chosen precisions of the blocks (Laplace), nats.",
        "learning_curve": (
            "held-out accuracy over the number of rankings learned from: a quarter, half and all of each fold's."
        ),
        "blocks": (
            "what of the answers the score hangs on: shares of the margins' mean squares, by block of features "
            "(docs/reward-model.md)."
        ),
        "penalty_curve": (
            "how the losses hang on the penalty: a row for each factor of all precisions (1 is what was chosen), with "
            "the mean loss on the rankings learned from, on those held out, the standard error of how far that is "
            "above the lowest, and the log evidence of all rankings, nats."
        ),
        "flops": (
            "floating-point operations of the SFT model that read answers and wrote its own beside them: 2 for each "
            "weight and token (Kaplan et al. 2020, section 2.1). What an earlier training had read is not read again; "
            "solving for the score's weights is not counted."
        ),
        "judge_rankings": (
            "rankings that teach no policy but the scorer that judges it; 0: there are too few prompts, and one scorer "
            "does both."
        ),
        "student_agreement": (
            "correlation of the network's scores, which other programs open, with the scorer's on answers it was not "
            "fitted to."
        ),
        "score_scale": (
            "the deviation that scores of the SFT model's answers to one prompt had before it became 1, in nats of "
            "the comparisons."
        ),
        "num_rankings, num_comparisons, num_ties": "what it was trained on.",
    },
    after=(
        "Verdict: *underfit* when the training accuracy is under 0.70; *overfit* when it is more than 0.15 above "
        "the held-out accuracy; else *good fit*. *Nothing learned* when all answers of every ranking score the "
        "same (they were the same answers, or all ties): there is no accuracy then, the model does not replace "
        "another one, and no PPO follows. Accuracies, their error and `ece` are left out wherever no two scores "
        "differ."
    ),
)
TRAIN_REWARD = Kind(
    name="train_reward",
    place=10,
    title=N_("Reward model training"),
    phase="learning",
    running=N_("The reward model is learning from your rankings"),
    start=StartForm(
        heading=N_("Reward model"),
        method=N_("Supervised learning"),
        description=N_("Learns from {rankings} to score an answer, so that what was ranked higher scores higher."),
        button=N_("Train reward model"),
    ),
    hparams=RewardHparams,
    handler="app.worker.handlers.train_reward",
    follows="app.services.lifecycle.following:after_train_reward",
    needs=(Need.RANKINGS,),
    reads_rankings=True,
    first_step_is_longer=True,
    effort=Effort(lambda _hparams, rankings: rankings, 7.0, 0.03),
    plots=PLOTS,
    metrics=METRICS,
)
