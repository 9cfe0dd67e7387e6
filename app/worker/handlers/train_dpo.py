"""train_dpo: all rankings in force -> a candidate policy."""

from typing import Any

from sqlalchemy.orm import Session

from app.db.models.versions import VersionKind
from app.errors import ConflictError, GoneError
from app.kinds.train_dpo import DPOHparams, FittedDPOHparams
from app.model_info.size import fitted_values
from app.model_info.size_checks import check_layers
from app.services.data import training_data
from app.services.versions import bounds, versions
from app.training.dpo import KEPT_BYTES, train_dpo
from app.training.policy.episodes import PolicyResult
from app.training.reward.scoring import AnswerScorer
from app.translation import _
from app.worker.handlers.answers import answers_in_words
from app.worker.handlers.handler import Inputs, Training, Work
from app.worker.handlers.memory import check_memory_offline
from app.worker.handlers.outcomes import TrainedVersion, save_policy
from app.worker.handlers.ranked_groups import ranked_groups


def choose(session: Session, _hparams: DPOHparams, _params: dict[str, Any]) -> Inputs:
    ranking_ids = training_data.ranking_ids_in_force(session)
    if not ranking_ids:
        raise ConflictError(_("There is nothing to learn from. Rank at least 1 prompt first (the Label page)."))
    sft = versions.sft_version(session)
    reward = versions.scoring_of(session, sft)
    return {
        "ranking_ids": ranking_ids,
        "sft_version_id": sft.id,
        "scoring_version_id": None if reward is None else reward.id,
    }


def scorer_of(work: Work[DPOHparams]) -> AnswerScorer | None:
    """Says what it thinks of answers over the run. None where there was none, or its files were removed since."""
    reward_id = work.inputs.get("scoring_version_id")
    try:
        return None if reward_id is None else work.models.reward(reward_id)
    except GoneError:
        return None


def begin(work: Work[DPOHparams]) -> Training[PolicyResult]:
    sft_id = work.inputs["sft_version_id"]
    config, tokenizer = work.models.config(sft_id), work.models.tokenizer(sft_id)
    check_layers(work.hparams, config)
    hparams = FittedDPOHparams(**fitted_values(work.hparams, config))
    groups = ranked_groups(work.run, tokenizer, work.inputs, config.context_tokens)
    rows = [len(group.prompt_tokens) + sum(map(len, group.completions)) for group in groups.values()]
    kept = min(KEPT_BYTES, 4 * config.hidden_size * sum(rows)) if hparams.num_frozen_layers else 0
    check_memory_offline(work, config, hparams, rate=hparams.learning_rate, longest_row=max(rows), kept_states=kept)
    work.run.say(
        _("The SFT model reads {n} ranked answers", n=f"{sum(len(group.ranks) for group in groups.values()):,}")
    )
    trainer = train_dpo(
        work.models.policy(sft_id),
        list(groups.values()),
        hparams,
        ends=tokenizer.ends,
        pad_id=tokenizer.pad_id,
        context=work.run.checkpoints(),
        scorer=scorer_of(work),
    )

    def outcome(result: PolicyResult) -> TrainedVersion:
        return TrainedVersion(
            kind=VersionKind.POLICY,
            parent_id=sft_id,
            hparams=hparams,
            metrics=result.metrics | {"flags": bounds.flags_to_store(result.metrics)},
            save=lambda directory: save_policy(directory, result, tokenizer),
            ranking_ids=list(groups),
            left_out={"rankings": len(work.inputs["ranking_ids"]) - len(groups)},
        )

    asked = {tuple(group.prompt_tokens): group.prompt_id for group in groups.values()}
    prompts = work.run.read(lambda session: training_data.prompts_by_id(session, list(asked.values())))
    return Training(trainer, outcome, answers_in_words(tokenizer, dict(zip(asked, prompts, strict=True))))
