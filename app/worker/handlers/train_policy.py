"""train_policy: PPO against a reward version -> a candidate policy. Thin: reads rows, drains the trainer, stores it."""

from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from app.db.models.prompts import PromptSplit
from app.db.models.versions import VersionKind
from app.errors import ConflictError
from app.formats.figures import exponential, gibibytes
from app.hparams import FittedPPOHparams, PPOHparams
from app.lm.files.checkpoint import read_config, read_tokenizer, save_model
from app.lm.model import Llama
from app.lm.precision import matmul_dtype
from app.model_info.memory_need import ppo_memory, too_little
from app.model_info.size import fit_ppo
from app.processes.machine import available_bytes
from app.services.data import training_data
from app.services.labeling import drawing, languages
from app.services.lifecycle import following
from app.services.versions import bounds, versions
from app.training.ppo import train_policy as train_policy_steps
from app.training.reward.network import RewardModel
from app.training.shared_weights import share_equal_weights
from app.worker.handlers.job_models import (
    NewVersion,
    context_of,
    directory_of,
    hparams_of,
    load_policy,
    load_reward,
    store_version,
)
from app.worker.handlers.left_out import read_some_prompts
from app.worker.run import JobRun

LEAST_PROMPTS = 1_000  # a short training, too, has a choice of prompts


def train_policy(run: JobRun) -> None:
    inputs = run.pinned(lambda: run.read(lambda session: _choose(session, run.params)))
    directory = directory_of(run, inputs["initial_version_id"])
    tokenizer = read_tokenizer(directory)
    hparams = fit_ppo(hparams_of(PPOHparams, run.params), read_config(directory))
    chosen = run.read(lambda session: training_data.prompts_by_id(session, inputs["prompt_ids"]))
    read = read_some_prompts(tokenizer, chosen, context_tokens=context_of(run, inputs), max_tokens=hparams.max_tokens)
    _check_memory(run, inputs, hparams, longest_prompt=max(map(len, read.tokens)))
    initial, reference, reward_model = _models(run, inputs)
    trainer = train_policy_steps(
        initial,
        reference,
        reward_model,
        read.tokens,
        hparams,
        ends=tokenizer.ends,
        pad_id=tokenizer.pad_id,
        context=run.context(),
    )
    result = run.drain(trainer)
    new = NewVersion(
        kind=VersionKind.POLICY,
        parent_id=inputs["initial_version_id"],
        hparams=asdict(hparams),
        metrics=result.metrics | {"flags": bounds.flags_to_store(result.metrics)},
        seed=hparams.seed,
        reward_version_id=inputs["reward_version_id"],
        left_out={"prompts": inputs.get("set_aside", 0) + read.left_out},
    )
    store_version(
        run,
        new,
        save=lambda directory: save_model(directory, result.model, tokenizer, dtype=None),
        then=lambda session, version: following.after_train_policy(session, version),
    )


def _check_memory(run: JobRun, inputs: dict[str, Any], hparams: FittedPPOHparams, *, longest_prompt: int) -> None:
    """Before anything is loaded: a training that the system kills for memory says nothing, and is started again."""
    need = ppo_memory(
        read_config(directory_of(run, inputs["initial_version_id"])),
        hparams,
        longest_prompt=longest_prompt,
        reward_layers=read_config(directory_of(run, inputs["reward_version_id"])).num_hidden_layers,
        own_reference=inputs["reference_version_id"] == inputs["initial_version_id"],
        product_bytes=matmul_dtype().itemsize,
    )
    trouble = too_little(need, available_bytes(), hparams)
    if trouble is not None:
        raise ConflictError(trouble)
    run.say(f"Learning rate {exponential(hparams.learning_rate)}; takes about {gibibytes(need.total)} of memory")


def _models(run: JobRun, inputs: dict[str, Any]) -> tuple[Llama, Llama, RewardModel]:
    """The initial policy, the reference and the reward model; weights that they have in common are there once."""
    initial, _ = load_policy(run, inputs["initial_version_id"])
    reference = initial
    if inputs["reference_version_id"] != inputs["initial_version_id"]:
        reference, _ = load_policy(run, inputs["reference_version_id"])
        share_equal_weights(reference, initial)
    reward_model = load_reward(run, inputs["reward_version_id"])
    share_equal_weights(reward_model.backbone, initial)
    return initial, reference, reward_model


def _choose(session: Session, params: dict[str, Any]) -> dict[str, Any]:
    reference = versions.sft_version(session)
    from_active = params.get("from", "sft") == "active"
    initial = versions.active_answerer(session) if from_active else reference
    reward_id = params.get("reward_version_id")
    reward = versions.active_reward(session) if reward_id is None else versions.get_version(session, reward_id)
    if reward is None:
        raise ConflictError("There is no reward model yet. Train one from rankings first (the Train page).")
    versions.check_fits(session, reward, initial)
    hparams = hparams_of(PPOHparams, params)
    episodes = max(LEAST_PROMPTS, hparams.total_episodes // hparams.samples_per_prompt)  # more are never looked at
    tags = languages.tags_for_training(session, initial)
    prompts = training_data.training_prompt_ids(session, episodes, hparams.seed, tags)
    if not prompts:
        raise ConflictError("There are no prompts to train on. Add some on the Prompts page.")
    return {
        "initial_version_id": initial.id,
        "reference_version_id": reference.id,
        "reward_version_id": reward.id,
        "prompt_ids": prompts,
        "set_aside": drawing.count_set_aside(session, PromptSplit.TRAIN),
    }
