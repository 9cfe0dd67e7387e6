"""evaluate: a version beside the SFT model on held-out prompts -> figures and a few answers before and after."""

from typing import Any

from sqlalchemy.orm import Session

from app.db.models.prompts import Prompt, PromptSplit
from app.errors import ConflictError
from app.hparams import EvaluationHparams
from app.lm.tokenizer import Tokenizer
from app.services.data import training_data
from app.services.labeling import drawing, languages
from app.services.lifecycle import following
from app.services.versions import bounds, versions
from app.training.evaluate import Evaluation, evaluate_policy
from app.training.shared_weights import share_equal_weights
from app.training.text_signs import TextSigns, text_signs
from app.worker.handlers.job_models import context_of, hparams_of, load_policy, load_reward
from app.worker.handlers.left_out import read_some_prompts
from app.worker.run import JobRun


def evaluate(run: JobRun) -> None:
    hparams = hparams_of(EvaluationHparams, run.params)
    inputs = run.pinned(lambda: run.read(lambda session: _choose(session, run.params, hparams)))
    policy, tokenizer = load_policy(run, inputs["version_id"])
    reference, _ = load_policy(run, inputs["reference_version_id"])
    share_equal_weights(policy, reference)
    reward_model = load_reward(run, inputs["reward_version_id"])
    chosen = run.read(lambda session: training_data.prompts_by_id(session, inputs["prompt_ids"]))
    read = read_some_prompts(tokenizer, chosen, context_tokens=context_of(run, inputs), max_tokens=hparams.max_tokens)
    prompts, left_out = read.prompts, inputs.get("set_aside", 0) + read.left_out
    trainer = evaluate_policy(
        policy, reference, reward_model, read.tokens, hparams, ends=tokenizer.ends, pad_id=tokenizer.pad_id
    )
    found = run.drain(trainer)
    samples = _samples(found, prompts, tokenizer)
    figures = found.metrics | _signs(found, prompts, tokenizer)

    def store(session: Session) -> None:
        version = versions.record_evaluation(session, inputs["version_id"], evaluation=figures, samples=samples)
        bounds.store_flags(version, max_kl=run.settings.auto_activate_max_kl)
        run.finish(session, {"version_id": version.id, "evaluation": figures, "left_out": {"prompts": left_out}})
        following.after_evaluate(session, version, run.settings)

    run.commit(store)


def _choose(session: Session, params: dict[str, Any], hparams: EvaluationHparams) -> dict[str, Any]:
    """Against the reward version that the job names, else the one the policy was trained with, else the active one."""
    version = versions.get_version(session, params["version_id"])
    reward_id = params.get("reward_version_id") or version.reward_version_id
    reward = versions.active_reward(session) if reward_id is None else versions.get_version(session, reward_id)
    if reward is None:
        raise ConflictError("There is no reward model to score with yet. Train one first (the Train page).")
    versions.check_fits(session, reward, version)
    tags = languages.tags_for_training(session, version)
    prompts = training_data.held_out_prompt_ids(session, hparams.num_prompts, tags)
    reference = versions.sft_of(session, version) or versions.sft_version(session)
    if not prompts:
        raise ConflictError("There are no held-out prompts to evaluate on. Add some on the Prompts page.")
    return {
        "version_id": version.id,
        "reference_version_id": reference.id,
        "reward_version_id": reward.id,
        "prompt_ids": prompts,
        "set_aside": drawing.count_set_aside(session, PromptSplit.HELD_OUT),
    }


def _signs(found: Evaluation, prompts: list[Prompt], tokenizer: Tokenizer) -> dict[str, float]:
    """What the answers' texts show, of both models."""
    questions = [prompt.text for prompt in prompts]

    def signs(answers: list[list[list[int]]]) -> TextSigns:
        return text_signs(questions, [[tokenizer.decode(answer) for answer in group] for group in answers])

    after, before = signs(found.answers.after), signs(found.answers.before)
    return {
        "empty_share": after.empty_share,
        "empty_reference_share": before.empty_share,
        "echo_share": after.echo_share,
        "echo_reference_share": before.echo_share,
        "other_script_share": after.other_script_share,
        "other_script_reference_share": before.other_script_share,
        "repetition": after.repetition,
        "repetition_reference": before.repetition,
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
