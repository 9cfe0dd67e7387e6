"""What kinds of job have in common that train a policy on prompts against a reward model: inputs, models, outcome."""

from collections.abc import Callable, Generator
from typing import Any

from sqlalchemy.orm import Session

from app.db.models.prompts import PromptSplit
from app.db.models.versions import VersionKind
from app.errors import ConflictError
from app.model_info.size_checks import check_imitation
from app.policy_hparams import EpisodeHparams, FittedEpisodeHparams
from app.services.data import training_data
from app.services.labeling import drawing, languages
from app.services.versions import versions
from app.training.context import Progress, TrainingContext
from app.training.policy.episodes import PolicyResult, PolicyTask
from app.translation import _
from app.worker.handlers.answers import answers_in_words
from app.worker.handlers.handler import Inputs, Training, Work
from app.worker.handlers.left_out import read_some_prompts
from app.worker.handlers.outcomes import TrainedVersion, save_policy
from app.worker.handlers.watching import Divided, divided, stored_metrics, watch_of

LEAST_PROMPTS = 1_000  # a short training, too, has a choice of prompts
Trainer = Callable[[PolicyTask, Any, TrainingContext], Generator[Progress, None, PolicyResult]]
"""(task, hparams, context)."""


def choose_on_prompts(session: Session, *, num_prompts: int, seed: int, params: dict[str, Any]) -> Inputs:
    """Versions and training prompts. Raises ConflictError with the next step where one is not there."""
    reference = versions.sft_version(session)
    from_active = params.get("from", "sft") == "active"
    initial = versions.active_answerer(session) if from_active else reference
    reward = versions.reward_for(session, initial, params.get("reward_version_id"))
    tags = languages.tags_for_training(session, initial)
    prompts = training_data.training_prompt_ids(session, max(LEAST_PROMPTS, num_prompts), seed, tags)
    if not prompts:
        raise ConflictError(_("There are no prompts to train on. Add some on the Data page."))
    return {
        "initial_version_id": initial.id,
        "reference_version_id": reference.id,
        "reward_version_id": reward.id,
        "prompt_ids": prompts,
        "set_aside": drawing.count_set_aside(session, PromptSplit.TRAIN),
    }


def choose_for_episodes(session: Session, hparams: EpisodeHparams, params: dict[str, Any]) -> Inputs:
    """No more prompts than its batches look at, as far as it says how many these are."""
    num_prompts = (hparams.total_episodes or 0) // hparams.samples_per_prompt
    return choose_on_prompts(session, num_prompts=num_prompts, seed=hparams.seed, params=params)


def begin_on_prompts(
    work: Work[Any], train: Trainer, hparams: Any, check_memory: Callable[[Work[Any], Any, int], None]
) -> Training[PolicyResult]:
    """`hparams`: fitted to the model's size. `check_memory` (work, hparams, tokens of the longest prompt) refuses
    before a model is loaded."""
    watched = isinstance(hparams, FittedEpisodeHparams)
    if watched:
        check_imitation(hparams)
    inputs, models = work.inputs, work.models
    initial_id, reward_id = inputs["initial_version_id"], inputs["reward_version_id"]
    tokenizer = models.tokenizer(initial_id)
    work.run.say(_("Reading {n} prompts", n=f"{len(inputs['prompt_ids']):,}"))
    prompts = read_some_prompts(work, tokenizer, max_tokens=hparams.max_tokens)
    check_memory(work, hparams, max(map(len, prompts.tokens)))
    parted = divided(prompts, hparams) if watched else Divided(prompts.tokens, [], [])
    task = PolicyTask(
        models.policy(initial_id),
        models.policy(inputs["reference_version_id"]),
        models.reward(reward_id),
        parted.train,
        tokenizer.ends,
        tokenizer.pad_id,
        watch_of(work, hparams, tokenizer, parted) if watched else None,
        work.run.say,
    )

    def outcome(result: PolicyResult) -> TrainedVersion:
        return TrainedVersion(
            kind=VersionKind.POLICY,
            parent_id=initial_id,
            hparams=hparams,
            metrics=stored_metrics(result, parted, tokenizer),
            save=lambda directory: save_policy(directory, result, tokenizer),
            reward_version_id=reward_id,
            left_out={"prompts": inputs.get("set_aside", 0) + prompts.left_out},
        )

    asked = dict(zip(map(tuple, prompts.tokens), prompts.prompts, strict=True))
    return Training(train(task, hparams, work.run.checkpoints()), outcome, answers_in_words(tokenizer, asked))
