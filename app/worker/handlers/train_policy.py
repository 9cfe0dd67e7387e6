"""train_policy: PPO against a reward version -> a candidate policy."""

from typing import Any

from sqlalchemy.orm import Session

from app.db.models.prompts import PromptSplit
from app.db.models.versions import VersionKind
from app.errors import ConflictError
from app.formats.figures import exponential, gibibytes
from app.lm.files.checkpoint import save_model
from app.lm.precision import matmul_dtype
from app.model_info.memory_need import ppo_memory, too_little
from app.model_info.size import fit_ppo
from app.policy_hparams import FittedPPOHparams, PPOHparams
from app.processes.machine import available_bytes
from app.services.data import training_data
from app.services.labeling import drawing, languages
from app.services.versions import versions
from app.training.policy.episodes import PolicyResult, PolicyTask
from app.training.ppo.trainer import train_policy
from app.translation import N_, _
from app.worker.handlers.handler import Inputs, Training, Work
from app.worker.handlers.left_out import read_some_prompts
from app.worker.handlers.outcomes import TrainedVersion
from app.worker.handlers.watching import divided, stored_metrics, watch_of

LEAST_PROMPTS = 1_000  # a short training, too, has a choice of prompts


def choose(session: Session, hparams: PPOHparams, params: dict[str, Any]) -> Inputs:
    reference = versions.sft_version(session)
    from_active = params.get("from", "sft") == "active"
    initial = versions.active_answerer(session) if from_active else reference
    reward_id = params.get("reward_version_id")
    reward = versions.active_reward(session) if reward_id is None else versions.get_version(session, reward_id)
    if reward is None:
        raise ConflictError(_("There is no reward model yet. Train one from rankings first (the Train page)."))
    versions.check_fits(session, reward, initial)
    episodes = max(LEAST_PROMPTS, hparams.total_episodes // hparams.samples_per_prompt)  # more are never looked at
    tags = languages.tags_for_training(session, initial)
    prompts = training_data.training_prompt_ids(session, episodes, hparams.seed, tags)
    if not prompts:
        raise ConflictError(_("There are no prompts to train on. Add some on the Prompts page."))
    return {
        "initial_version_id": initial.id,
        "reference_version_id": reference.id,
        "reward_version_id": reward.id,
        "prompt_ids": prompts,
        "set_aside": drawing.count_set_aside(session, PromptSplit.TRAIN),
    }


def begin(work: Work[PPOHparams]) -> Training[PolicyResult]:
    inputs, models = work.inputs, work.models
    initial_id, reward_id = inputs["initial_version_id"], inputs["reward_version_id"]
    tokenizer = models.tokenizer(initial_id)
    hparams = fit_ppo(work.hparams, models.config(initial_id))
    prompts = read_some_prompts(work, tokenizer, max_tokens=hparams.max_tokens)
    _check_memory(work, hparams, longest_prompt=max(map(len, prompts.tokens)))
    parted = divided(prompts, hparams)
    task = PolicyTask(
        models.policy(initial_id),
        models.policy(inputs["reference_version_id"]),
        models.reward(reward_id),
        parted.train,
        tokenizer.ends,
        tokenizer.pad_id,
        watch_of(work, hparams, tokenizer, parted),
    )

    def outcome(result: PolicyResult) -> TrainedVersion:
        return TrainedVersion(
            kind=VersionKind.POLICY,
            parent_id=initial_id,
            hparams=hparams,
            metrics=stored_metrics(result, parted, tokenizer),
            save=lambda directory: save_model(directory, result.model, tokenizer, dtype=None),
            reward_version_id=reward_id,
            left_out={"prompts": inputs.get("set_aside", 0) + prompts.left_out},
        )

    return Training(train_policy(task, hparams, work.run.checkpoints()), outcome)


def _check_memory(work: Work[PPOHparams], hparams: FittedPPOHparams, *, longest_prompt: int) -> None:
    """Before anything is loaded: a training that the system kills for memory says nothing, and is started again."""
    inputs, models = work.inputs, work.models
    need = ppo_memory(
        models.config(inputs["initial_version_id"]),
        hparams,
        longest_prompt=longest_prompt,
        reward_layers=models.config(inputs["reward_version_id"]).num_hidden_layers,
        own_reference=inputs["reference_version_id"] == inputs["initial_version_id"],
        product_bytes=matmul_dtype().itemsize,
        networks=2 if hparams.separate_value else 1,
    )
    trouble = too_little(need, available_bytes(), hparams)
    if trouble is not None:
        raise ConflictError(trouble)
    said = N_("Learning rate {rate}; takes about {memory} of memory")
    work.run.say(_(said, rate=exponential(hparams.learning_rate), memory=gibibytes(need.total)))
