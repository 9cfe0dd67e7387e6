"""Whether a job's hyper-parameters are possible with the SFT model at hand, before it is queued."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.kinds.kind import Kind
from app.model_info.size_checks import check_imitation, check_layers
from app.policy_hparams import FittedEpisodeHparams
from app.services.jobs.job_params import hparams_of
from app.services.jobs.start_plan import config_in
from app.services.versions import versions
from app.settings.config import Settings


def check_size(session: Session, kind: Kind, params: Mapping[str, Any], settings: Settings) -> None:
    """`params`: checked. Raises InvalidError with what is possible; says nothing where the model's config cannot be
    read: the job will."""
    if kind.effort is None:
        return
    config = config_in(settings.version_directory(versions.sft_version(session).path))
    if config is None:
        return
    hparams = hparams_of(kind, dict(params))
    check_layers(hparams, config)
    fitted = kind.effort.fit(hparams, config)
    if isinstance(fitted, FittedEpisodeHparams):
        check_imitation(fitted)
