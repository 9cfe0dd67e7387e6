"""train_best_of_n: the best of n answers by a reward version -> a candidate policy that imitates them."""

from typing import Any

from sqlalchemy.orm import Session

from app.kinds.train_best_of_n import BestOfNHparams, FittedBestOfNHparams
from app.training.best_of_n import fit_best_of_n, train_best_of_n
from app.training.policy.episodes import PolicyResult
from app.worker.handlers.handler import Inputs, Training, Work
from app.worker.handlers.memory import check_memory_offline
from app.worker.handlers.policy_on_prompts import begin_on_prompts, choose_on_prompts


def choose(session: Session, hparams: BestOfNHparams, params: dict[str, Any]) -> Inputs:
    return choose_on_prompts(session, num_prompts=hparams.num_prompts, seed=hparams.seed, params=params)


def begin(work: Work[BestOfNHparams]) -> Training[PolicyResult]:
    hparams = fit_best_of_n(work.hparams, work.models.config(work.inputs["initial_version_id"]))
    return begin_on_prompts(work, train_best_of_n, hparams, _check_memory)


def _check_memory(work: Work[Any], hparams: FittedBestOfNHparams, longest_prompt: int) -> None:
    config = work.models.config(work.inputs["initial_version_id"])
    row = longest_prompt + hparams.max_tokens
    check_memory_offline(work, config, hparams, rate=hparams.learning_rate, longest_row=row)
