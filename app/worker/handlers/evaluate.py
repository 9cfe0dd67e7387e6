"""evaluate: a version beside the SFT model on held-out prompts -> figures and a few answers before and after."""

from typing import Any

from sqlalchemy.orm import Session

from app.db.models.prompts import Prompt, PromptSplit
from app.db.models.versions import Version, VersionKind
from app.errors import ConflictError
from app.hparams import SERVED_TEMPERATURE, EvaluationHparams
from app.lm.text.tokenizer import Tokenizer
from app.services.data import training_data
from app.services.labeling import drawing, languages
from app.services.versions import bounds, versions
from app.training.evaluate import Evaluation, Scorers, evaluate_policy
from app.training.verdict import verdict_of
from app.translation import _
from app.worker.handlers.handler import Inputs, Training, Work
from app.worker.handlers.left_out import read_some_prompts
from app.worker.handlers.memory import check_memory_of_reading
from app.worker.handlers.outcomes import Figures
from app.worker.handlers.watching import questions_in_turns, text_figures


def choose(session: Session, hparams: EvaluationHparams, params: dict[str, Any]) -> Inputs:
    """Against the reward version that the job names, else the one the policy was trained with, else the active one."""
    version = versions.get_version(session, params["version_id"])
    reward_id = params.get("reward_version_id") or version.reward_version_id
    reward = versions.reward_for(session, version, reward_id)
    tags = languages.tags_for_training(session, version)
    prompts = training_data.held_out_prompt_ids(session, hparams.num_prompts, tags)
    reference = versions.sft_of(session, version) or versions.sft_version(session)
    if not prompts:
        raise ConflictError(_("There are no held-out prompts to evaluate on. Add some on the Data page."))
    return {
        "version_id": version.id,
        "reference_version_id": reference.id,
        "reward_version_id": reward.id,
        "prompt_ids": prompts,
        "set_aside": drawing.count_set_aside(session, PromptSplit.HELD_OUT),
    }


def begin(work: Work[EvaluationHparams]) -> Training[Evaluation]:
    inputs, models = work.inputs, work.models
    version_id = inputs["version_id"]
    check_memory_of_reading(work, version_id)
    tokenizer = models.tokenizer(version_id)
    prompts = read_some_prompts(work, tokenizer, max_tokens=work.hparams.max_tokens)
    work.run.say(_("{n} of {all} prompts", n=0, all=len(prompts.tokens)))
    trainer = evaluate_policy(
        models.policy(version_id),
        models.policy(inputs["reference_version_id"]),
        Scorers(models.reward(inputs["reward_version_id"]), models.judge(inputs["reward_version_id"])),
        prompts.tokens,
        work.hparams,
        ends=tokenizer.ends,
        pad_id=tokenizer.pad_id,
        again=questions_in_turns(work, prompts, tokenizer, work.hparams.max_tokens).again,
    )

    def outcome(evaluation: Evaluation) -> Figures:
        figures = evaluation.metrics | text_figures(evaluation.after, evaluation.before, prompts.prompts, tokenizer)
        samples, max_kl = _samples(evaluation, prompts.prompts, tokenizer), work.run.settings.auto_activate_max_kl
        signs = [flag.sentence for flag in bounds.answer_flags(figures, max_kl)]
        other = bool(figures["judge/is_other"])
        verdict = verdict_of(evaluation.history(signs), None, judge_is_other=other).as_json() | {"examples": []}

        def record(session: Session) -> Version:
            version = versions.get_version(session, version_id)
            if work.hparams.temperature != version.hparams.get("temperature", SERVED_TEMPERATURE):
                return _recorded_apart(version, work.hparams.temperature, figures)
            version = versions.record_evaluation(session, version_id, evaluation=figures, samples=samples)
            bounds.store_flags(version, max_kl=max_kl)
            if version.kind is VersionKind.POLICY and "validations" not in version.metrics:  # nobody watched it
                version.metrics = {**version.metrics, "verdict": verdict}
            return version

        left_out = inputs.get("set_aside", 0) + prompts.left_out
        return Figures(record, {"evaluation": figures, "left_out": {"prompts": left_out}})

    return Training(trainer, outcome)


def _recorded_apart(version: Version, temperature: float, figures: dict[str, Any]) -> Version:
    """Of other answers than those that it was trained on: beside the evaluation, which flags, verdict and the rule that
    activates go by."""
    apart = version.metrics.get("evaluations_apart", {}) | {f"{temperature:g}": figures}
    version.metrics = {**version.metrics, "evaluations_apart": apart}
    return version


def _samples(evaluation: Evaluation, prompts: list[Prompt], tokenizer: Tokenizer) -> list[dict[str, Any]]:
    return [
        {
            "prompt_id": prompts[sample.prompt_index].id,
            "prompt": prompts[sample.prompt_index].text,
            "before": tokenizer.decode(sample.before),
            "after": tokenizer.decode(sample.after),
            "before_scored": sample.before_scored._asdict(),
            "after_scored": sample.after_scored._asdict(),
        }
        for sample in evaluation.samples
    ]
