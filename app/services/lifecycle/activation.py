"""Which version answers and which one scores: activated, retired, activated again. Each change is one row's status.

A version's directory is written first (atomically), its row second; activating it is a later step that can be undone.
"""

import contextlib
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import About, ConflictError, Record
from app.model_info.scorer_format import check_scorer_format
from app.model_info.weights import CheckpointError, verify_directory
from app.services.labeling import groups, label_settings
from app.services.versions.versions import (
    MAY_ANSWER,
    active_answerer_or_none,
    active_reward,
    check_fits,
    last_active,
    sft_of,
    usable_version,
)
from app.translation import _


def activate(session: Session, version_id: int, *, data_dir: Path) -> Version:
    """Makes the version answer (or score) from now on and retires the former one; rolling back is the same call.

    Refuses a version whose files were removed, a kind that cannot answer, a reward model for another SFT model than the
    one that answers or of a format that is read no more, and a directory that is missing or damaged. Groups that the
    former answerer sampled and nobody holds expire. Where the new answerer descends from another SFT model (one was
    imported), the reward model of the former one is retired, and the last one that was active for the new one comes
    back.
    """
    version = usable_version(session, version_id)
    if version.status is VersionStatus.ACTIVE:
        return version
    if version.kind not in (*MAY_ANSWER, VersionKind.REWARD):
        raise ConflictError(
            f"Version {version_id} is of kind {version.kind} and cannot answer people. "
            "Activate an sft, policy or reward one.",
            page=_("Version {id} is not a model that answers or scores. Activate another one.", id=version_id),
            about=About(Record.PAGE, "train"),
        )
    answerer = active_answerer_or_none(session)
    if version.kind is VersionKind.REWARD and answerer is not None:
        check_fits(session, version, answerer)
    verify_directory(data_dir / version.path, version.content_hash)
    check_scorer_format(data_dir / version.path)
    former = active_reward(session) if version.kind is VersionKind.REWARD else answerer
    if former is not None:
        former.status = VersionStatus.RETIRED
        session.flush()  # before the new one: at most one is active at any moment
    mark_active(session, version)
    session.flush()
    if version.kind is not VersionKind.REWARD:
        groups.expire_stale(session, sampled_as=label_settings.writers(session).key)
        _exchange_reward(session, version, data_dir)
    return version


def mark_active(session: Session, version: Version) -> None:
    version.status = VersionStatus.ACTIVE
    version.activated_at, version.discarded_at = utc_now(), None
    version.activation_number = 1 + (session.scalar(select(func.max(Version.activation_number))) or 0)


def _exchange_reward(session: Session, answerer: Version, data_dir: Path) -> None:
    """Only a reward model that was trained for the answerer's SFT model scores."""
    reward, sft = active_reward(session), sft_of(session, answerer)
    if sft is None or (reward is not None and sft_of(session, reward) in (None, sft)):
        return
    if reward is not None:
        reward.status = VersionStatus.RETIRED
        session.flush()
    last = last_active(session, VersionKind.REWARD, parent_id=sft.id)
    if last is not None:
        with contextlib.suppress(CheckpointError):  # a damaged one must not keep the answerer from answering
            activate(session, last.id, data_dir=data_dir)
