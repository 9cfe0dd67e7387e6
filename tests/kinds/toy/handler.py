"""The handler of train_toy: which version it takes, and what becomes of the trainer's result."""

from typing import Any

from app.kinds.train_toy import ToyHparams
from app.training.toy import train_toy
from sqlalchemy.orm import Session

from app.db.models.versions import VersionKind
from app.lm.files.checkpoint import save_model
from app.lm.model import Llama
from app.services.versions import versions
from app.worker.handlers.handler import Inputs, Training, Work
from app.worker.handlers.outcomes import TrainedVersion


def choose(session: Session, _hparams: ToyHparams, _params: dict[str, Any]) -> Inputs:
    return {"sft_version_id": versions.sft_version(session).id}


def begin(work: Work[ToyHparams]) -> Training[Llama]:
    sft_id = work.inputs["sft_version_id"]
    trainer = train_toy(work.models.policy(sft_id), work.hparams, context=work.run.checkpoints())

    def outcome(model: Llama) -> TrainedVersion:
        return TrainedVersion(
            kind=VersionKind.POLICY,
            parent_id=sft_id,
            hparams=work.hparams,
            metrics={"toy/loss": 1 / work.hparams.steps},
            save=lambda directory: save_model(directory, model, work.models.tokenizer(sft_id), dtype=None),
        )

    return Training(trainer, outcome)
