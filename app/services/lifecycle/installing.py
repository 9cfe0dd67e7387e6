"""Weights that come from elsewhere become versions: the models that an installation begins with, and imported ones."""

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind, VersionOrigin
from app.errors import UnavailableError
from app.layout import BASE_MODEL, SFT_MODEL
from app.model_info.card import card_languages, card_published
from app.model_info.catalogue import Published
from app.model_info.model_names import folder_name
from app.model_info.prompt_sets import CORPUS
from app.model_info.weights import copy_directory, move_directory
from app.services.lifecycle.activation import activate, mark_active
from app.services.prompts.prompts import install_shipped_prompts
from app.services.versions.versions import (
    NewVersion,
    active_answerer_or_none,
    add_version,
    next_version_path,
    relative_path,
    sft_of,
)
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
    content_hash, path = _copied(model_dir, data_dir / next_version_path(session, VersionKind.SFT), data_dir)
    shipped = model_dir.resolve() == SFT_MODEL.resolve()
    metrics: dict[str, Any] = {} if shipped else {"imported_from": folder_name(model_dir)}
    said = None if shipped else card_languages(model_dir)
    if said is not None:
        metrics["languages"] = said
    entry = None if shipped else card_published(model_dir)
    if entry is not None:
        metrics = origin_of(entry, metrics)
    version = add_version(
        session, NewVersion(kind=VersionKind.SFT, parent_id=None, path=path, content_hash=content_hash, metrics=metrics)
    )
    mark_active(session, version)
    session.flush()
    return version


def install_base(session: Session, *, data_dir: Path) -> Version | None:
    """The shipped base model beside the shipped SFT model, for whoever wants to see what fine-tuning changed. Once: one
    that was removed stays so. It never answers people, and nothing is trained from it here. None beside an SFT model
    that is somebody else's."""
    stored = session.scalar(select(Version).where(Version.kind == VersionKind.BASE).limit(1))
    if stored is not None:
        return stored
    roots = session.scalars(select(Version).where(Version.kind == VersionKind.SFT, Version.parent_id.is_(None)))
    if all(root.origin is not VersionOrigin.SHIPPED for root in roots):
        return None
    target = data_dir / next_version_path(session, VersionKind.BASE)
    content_hash, path = _copied(BASE_MODEL, target, data_dir)
    return add_version(session, NewVersion(kind=VersionKind.BASE, parent_id=None, path=path, content_hash=content_hash))


def _copied(model_dir: Path, target: Path, data_dir: Path) -> tuple[str, str]:
    """Hash and relative path of a copy that is there whole or not at all."""
    fresh = target.with_name(f".installing-{uuid.uuid4().hex[:8]}")
    content_hash = copy_directory(model_dir, fresh)
    return content_hash, relative_path(move_directory(fresh, target), data_dir)


def version_of(session: Session, entry: Published) -> Version | None:
    """The version that this entry of the catalogue became, if its files are there."""
    is_root = (Version.kind == VersionKind.SFT, Version.parent_id.is_(None), Version.removed_at.is_(None))
    roots = session.scalars(select(Version).where(*is_root).order_by(Version.id))
    return next((root for root in roots if root.metrics.get("published", {}).get("sha256") == entry.sha256), None)


def let_answer(session: Session, root: Version, *, data_dir: Path) -> Version:
    """A model that was asked for by name answers from now on; where what was trained from it answers already, that goes
    on. Returns who does."""
    answerer = active_answerer_or_none(session)
    if answerer is not None and sft_of(session, answerer) is root:
        return answerer
    return activate(session, root.id, data_dir=data_dir)


def prompt_sets(session: Session) -> set[str]:
    """Those that the models that are there were shipped with, or are shown with."""
    roots = session.scalars(select(Version).where(Version.kind == VersionKind.SFT, Version.parent_id.is_(None)))
    return {CORPUS}.union(*(root.prompt_sets for root in roots if root.removed_at is None))


def origin_of(entry: Published, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What a version's row keeps of where it came from."""
    return {**metrics, "published": {"name": entry.name, "sha256": entry.sha256, "licence": entry.licence}}


def add_imported(
    session: Session, fresh: Path, *, data_dir: Path, content_hash: str, metrics: dict[str, Any], activated: bool
) -> Version:
    """A finished folder inside the data folder becomes an SFT version without a parent: the root of what is trained
    from it. Reward models of other SFT versions do not score its answers (`activate`); rankings keep counting, since
    they are about texts. Prompts that were written for it come with it."""
    target = move_directory(fresh, data_dir / next_version_path(session, VersionKind.SFT))
    path = relative_path(target, data_dir)
    try:
        version = add_version(
            session,
            NewVersion(kind=VersionKind.SFT, parent_id=None, path=path, content_hash=content_hash, metrics=metrics),
        )
        install_shipped_prompts(session, version.prompt_sets)
        return activate(session, version.id, data_dir=data_dir) if activated else version
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)  # no row will name it
        raise
