"""evaluate: a version beside the SFT model on held-out prompts -> figures and a few answers before and after."""

from typing import Any

from app.db.models.prompts import Prompt, PromptSplit
from app.db.session import transaction
from app.errors import ConflictError
from app.hparams import EvaluationHparams
from app.lm.tokenizer import Tokenizer
from app.services import rules, training_data, versions
from app.training.evaluate import Evaluation, evaluate_policy
from app.worker.handlers.versions_of_job import hparams_of, load_policy, load_reward
from app.worker.run import JobRun


def evaluate(run: JobRun) -> None:
    hparams = hparams_of(EvaluationHparams, run.params)
    inputs = run.pinned(lambda: _choose(run, hparams))
    policy, tokenizer = load_policy(run, inputs["version_id"])
    reference, _ = load_policy(run, inputs["reference_version_id"])
    reward_model = load_reward(run, inputs["reward_version_id"])
    with run.sessions() as session:
        prompts = training_data.prompts_by_id(session, inputs["prompt_ids"])
    encoded = [tokenizer.encode_conversation(training_data.messages_of(prompt)) for prompt in prompts]
    trainer = evaluate_policy(
        policy, reference, reward_model, encoded, hparams, ends=tokenizer.ends, pad_id=tokenizer.pad_id
    )
    found = run.drain(trainer)
    samples = _samples(found, prompts, tokenizer)
    with transaction(run.sessions) as session:
        version = versions.record_evaluation(
            session, inputs["version_id"], evaluation=dict(found.metrics), samples=samples
        )
        run.finish(session, {"version_id": version.id, "evaluation": dict(found.metrics)})
        rules.after_evaluate(session, version, run.settings)


def _choose(run: JobRun, hparams: EvaluationHparams) -> dict[str, Any]:
    """Against the reward version that the job names, else the one the policy was trained with, else the active one."""
    with run.sessions() as session:
        version = versions.get_version(session, run.params["version_id"])
        reward_id = run.params.get("reward_version_id") or version.reward_version_id
        reward = versions.active_reward(session) if reward_id is None else versions.get_version(session, reward_id)
        if reward is None:
            raise ConflictError("There is no reward model to score with yet. Train one first (the Train page).")
        versions.check_fits(session, reward, version)
        prompts = training_data.prompt_ids(session, PromptSplit.HELD_OUT, hparams.num_prompts)
        reference = versions.sft_of(session, version) or versions.sft_version(session)
    if not prompts:
        raise ConflictError("There are no held-out prompts to evaluate on. Add some with split held_out.")
    return {
        "version_id": version.id,
        "reference_version_id": reference.id,
        "reward_version_id": reward.id,
        "prompt_ids": prompts,
    }


def _samples(found: Evaluation, prompts: list[Prompt], tokenizer: Tokenizer) -> list[dict[str, Any]]:
    return [
        {
            "prompt_id": prompts[sample.prompt_index].id,
            "prompt": prompts[sample.prompt_index].text,
            "before": tokenizer.decode(sample.before),
            "after": tokenizer.decode(sample.after),
        }
        for sample in found.samples
    ]
