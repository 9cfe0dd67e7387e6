"""show_cheating: the same training with nothing to hold it, so that everybody can see a reward model being fooled."""

from app.kinds.kind import SCORER, Effort, Kind, Metrics, Need, StartForm
from app.kinds.train_policy import METRICS, PLOTS, check_batch, episode_work
from app.model_info.size import FITTED, fit_ppo
from app.policy_hparams import CheatHparams
from app.translation import N_

SHOWN = tuple(plot for plot in PLOTS if plot.name in ("reward", "validation", "kl", "length", "entropy"))
_NAMES = {series.metric for plot in SHOWN for series in plot.series}

SHOW_CHEATING = Kind(
    name="show_cheating",
    place=90,
    title=N_("See it cheat"),
    phase="cheating",
    running=N_("A policy is allowed to cheat the reward model"),
    start=StartForm(
        heading=N_("See it cheat"),
        method=N_("PPO without a penalty"),
        description=N_(
            "The same training with KL penalty, bounds and stop off: the score rises, the answers fall apart, and the "
            "verdict says over-optimized. The rule never activates such a version."
        ),
        button=N_("See it cheat"),
    ),
    hparams=CheatHparams,
    handler="app.worker.handlers.train_policy",
    follows="app.services.lifecycle.following:after_train_policy",
    versions=(SCORER,),
    choices={"from": ("sft", "active")},
    check=check_batch,
    needs=(Need.REWARD_MODEL,),
    fitted=FITTED,
    effort=Effort(episode_work, 9.0, 0.068, fit_ppo),
    plots=SHOWN,
    metrics=Metrics(
        heading="See it cheat (`show_cheating`), one point per batch of episodes",
        meanings={names: meaning for names, meaning in METRICS.meanings.items() if _NAMES & set(names.split(", "))},
        before="Those that its page draws; all others are PPO's.",
    ),
)
