"""train_grpo: RLOO or GRPO against a reward version -> a candidate policy."""

from app.kinds.train_grpo import FittedGRPOHparams, GRPOHparams
from app.model_info.size import fitted_values
from app.model_info.size_checks import check_layers
from app.training.grpo import train_grpo
from app.training.policy.episodes import PolicyResult
from app.worker.handlers.handler import Training, Work
from app.worker.handlers.memory import check_memory_of_episodes
from app.worker.handlers.policy_on_prompts import begin_on_prompts, choose_for_episodes

choose = choose_for_episodes


def begin(work: Work[GRPOHparams]) -> Training[PolicyResult]:
    config = work.models.config(work.inputs["initial_version_id"])
    check_layers(work.hparams, config)
    hparams = FittedGRPOHparams(**fitted_values(work.hparams, config))
    return begin_on_prompts(work, train_grpo, hparams, check_memory_of_episodes)
