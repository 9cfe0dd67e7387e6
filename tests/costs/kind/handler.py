"""train_ipo: all rankings in force -> a candidate policy."""

from typing import Any

from app.kinds.train_ipo import IPOHparams
from app.training.ipo import IPOResult, train_ipo
from sqlalchemy.orm import Session

from app.db.models.versions import VersionKind
from app.errors import ConflictError
from app.lm.files.checkpoint import save_model
from app.services.data import training_data
from app.services.versions import versions
from app.worker.handlers.handler import Inputs, Training, Work
from app.worker.handlers.outcomes import TrainedVersion
from app.worker.handlers.ranked_groups import ranked_groups


def choose(session: Session, _hparams: IPOHparams, _params: dict[str, Any]) -> Inputs:
    ranking_ids = training_data.ranking_ids_in_force(session)
    if not ranking_ids:
        raise ConflictError("There is nothing to learn from. Rank at least 1 prompt first (the Label page).")
    return {"ranking_ids": ranking_ids, "sft_version_id": versions.sft_version(session).id}


def begin(work: Work[IPOHparams]) -> Training[IPOResult]:
    sft_id = work.inputs["sft_version_id"]
    sft, tokenizer = work.models.policy(sft_id), work.models.tokenizer(sft_id)
    groups = ranked_groups(work.run, tokenizer, work.inputs, sft.config.context_tokens)
    trainer = train_ipo(
        sft,
        list(groups.values()),
        work.hparams,
        ends=tokenizer.ends,
        pad_id=tokenizer.pad_id,
        context=work.run.checkpoints(),
    )

    def outcome(result: IPOResult) -> TrainedVersion:
        return TrainedVersion(
            kind=VersionKind.POLICY,
            parent_id=sft_id,
            hparams=work.hparams,
            metrics=dict(result.metrics),
            save=lambda directory: save_model(directory, result.model, tokenizer, dtype=None),
            ranking_ids=list(groups),
            left_out={"rankings": len(work.inputs["ranking_ids"]) - len(groups)},
        )

    return Training(trainer, outcome)
