"""A job's hyper-parameters against the SFT model at hand, before it is queued."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.db.models.versions import Version
from app.errors import InvalidError
from app.kinds.registry import KINDS
from app.layout import SFT_MODEL
from app.services.jobs.size_checks import check_size
from app.settings.config import Settings


def test_it_is_held_against_the_model_at_hand_and_not_where_its_config_cannot_be_read(
    session: Session, sft: Version, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "here")
    asked = {"num_frozen_layers": 8}
    check_size(session, KINDS["train_policy"], asked, settings)
    folder = settings.version_directory(sft.path)
    folder.mkdir(parents=True)
    shutil.copy(SFT_MODEL / "config.json", folder)
    with pytest.raises(InvalidError, match="num_frozen_layers must be at most 7"):
        check_size(session, KINDS["train_policy"], asked, settings)
    with pytest.raises(InvalidError, match="imitated_batches must be at most 24"):
        check_size(session, KINDS["train_grpo"], {"imitated_batches": 25}, settings)
    for kind in KINDS.values():
        check_size(session, kind, {}, settings)
