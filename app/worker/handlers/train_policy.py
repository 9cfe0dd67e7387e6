"""train_policy: PPO against a reward version -> a candidate policy. Thin: reads rows, drains the trainer, stores it."""

from dataclasses import asdict
from typing import Any

import torch

from app.db.models.prompts import PromptSplit
from app.db.models.versions import VersionKind
from app.errors import ConflictError
from app.hparams import PPOHparams
from app.lm.checkpoint import save_model
from app.services import rules, training_data, versions
from app.training.ppo import train_policy as train_policy_steps
from app.worker.handlers.versions_of_job import NewVersion, hparams_of, load_policy, load_reward, store_version
from app.worker.run import JobRun


def train_policy(run: JobRun) -> None:
    hparams = hparams_of(PPOHparams, run.params)
    inputs = run.pinned(lambda: _choose(run))
    initial, tokenizer = load_policy(run, inputs["initial_version_id"])
    reference, _ = load_policy(run, inputs["reference_version_id"])
    reward_model = load_reward(run, inputs["reward_version_id"])
    with run.sessions() as session:
        prompts = training_data.prompts_by_id(session, inputs["prompt_ids"])
    encoded = [tokenizer.encode_conversation(training_data.messages_of(prompt)) for prompt in prompts]
    trainer = train_policy_steps(
        initial,
        reference,
        reward_model,
        encoded,
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
        metrics=dict(result.metrics),
        seed=hparams.seed,
        reward_version_id=inputs["reward_version_id"],
    )
    store_version(
        run,
        new,
        save=lambda directory: save_model(directory, result.model, tokenizer, dtype=torch.float32),
        then=lambda session, version: rules.after_train_policy(session, version),
    )


def _choose(run: JobRun) -> dict[str, Any]:
    with run.sessions() as session:
        reference = versions.sft_version(session)
        from_active = run.params.get("from", "sft") == "active"
        initial = versions.active_answerer(session) if from_active else reference
        reward_id = run.params.get("reward_version_id")
        reward = versions.active_reward(session) if reward_id is None else versions.get_version(session, reward_id)
        if reward is None:
            raise ConflictError("There is no reward model yet. Train one from rankings first (the Train page).")
        versions.check_fits(session, reward, initial)
        prompts = training_data.prompt_ids(session, PromptSplit.TRAIN)
    if not prompts:
        raise ConflictError("There are no prompts to train on. Add some first (POST /api/v1/prompts).")
    return {
        "initial_version_id": initial.id,
        "reference_version_id": reference.id,
        "reward_version_id": reward.id,
        "prompt_ids": prompts,
    }
