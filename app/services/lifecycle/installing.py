"""Weights that come from elsewhere become versions: the SFT model of a new installation, and imported ones."""

import shutil
import uuid
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind
from app.errors import UnavailableError
from app.layout import SFT_MODEL
from app.model_info.card import card_languages
from app.model_info.weights import copy_directory, move_directory
from app.services.lifecycle.activation import activate, mark_active
from app.services.versions.versions import NewVersion, add_version, next_version_path, relative_path
from app.translation import _


def install_sft(session: Session, *, model_dir: Path, data_dir: Path) -> Version:
    """Copies the SFT weights in `model_dir` into the data folder as the first version, active. Once; later calls find
    it. Of weights that are not the shipped ones it is kept that they were imported, and from where."""
    stored = session.scalar(select(Version).where(Version.kind == VersionKind.SFT).order_by(Version.id).limit(1))
    if stored is not None:
        return stored
    if not (model_dir / "config.json").is_file():
        raise UnavailableError(
            _(
                "There are no model weights in {model_dir}. Make them (fourfold pretrain, then sft), or set "
                "FOURFOLD_MODEL_DIR to a folder that has them.",
                model_dir=model_dir,
            )
        )
    target = data_dir / next_version_path(session, VersionKind.SFT)
    fresh = target.with_name(f".installing-{uuid.uuid4().hex[:8]}")
    content_hash = copy_directory(model_dir, fresh)
    path = relative_path(move_directory(fresh, target), data_dir)
    shipped = model_dir.resolve() == SFT_MODEL.resolve()
    metrics: dict[str, Any] = {} if shipped else {"imported_from": model_dir.resolve().name}
    said = None if shipped else card_languages(model_dir)
    if said is not None:
        metrics["languages"] = said
    version = add_version(
        session, NewVersion(kind=VersionKind.SFT, parent_id=None, path=path, content_hash=content_hash, metrics=metrics)
    )
    mark_active(session, version)
    session.flush()
    return version


def add_imported(
    session: Session, fresh: Path, *, data_dir: Path, content_hash: str, metrics: dict[str, Any], activated: bool
) -> Version:
    """A finished folder inside the data folder becomes an SFT version without a parent: the root of what is trained
    from it. Reward models of other SFT versions do not score its answers (`activate`); rankings keep counting, since
    they are about texts."""
    target = move_directory(fresh, data_dir / next_version_path(session, VersionKind.SFT))
    path = relative_path(target, data_dir)
    try:
        version = add_version(
            session,
            NewVersion(kind=VersionKind.SFT, parent_id=None, path=path, content_hash=content_hash, metrics=metrics),
        )
        return activate(session, version.id, data_dir=data_dir) if activated else version
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)  # no row will name it
        raise
