"""train_policy: PPO against a reward version -> a candidate policy."""

from typing import Any

from app.model_info.size import fit_ppo
from app.model_info.size_checks import check_layers
from app.policy_hparams import FittedPPOHparams, PPOHparams
from app.training.policy.episodes import PolicyResult
from app.training.ppo.trainer import train_policy
from app.worker.handlers.handler import Training, Work
from app.worker.handlers.memory import check_memory_of_episodes
from app.worker.handlers.policy_on_prompts import begin_on_prompts, choose_for_episodes

choose = choose_for_episodes


def begin(work: Work[PPOHparams]) -> Training[PolicyResult]:
    config = work.models.config(work.inputs["initial_version_id"])
    check_layers(work.hparams, config)
    hparams = fit_ppo(work.hparams, config)
    return begin_on_prompts(work, train_policy, hparams, _check_memory)


def _check_memory(work: Work[Any], hparams: FittedPPOHparams, longest_prompt: int) -> None:
    check_memory_of_episodes(work, hparams, longest_prompt, networks=2 if hparams.separate_value else 1)
