"""Model versions: what was made from what, and which one answers or scores. Knows files by path and hash only.

A version's directory is written first (atomically), its row second; activating it is a later step that can be undone.
"""

import contextlib
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.versions import Version, VersionKind, VersionRanking, VersionStatus
from app.errors import ConflictError, GoneError, NotFoundError, UnavailableError
from app.layout import SFT_MODEL
from app.model_info.card import card_languages
from app.model_info.weights import CheckpointError, copy_directory, move_directory, verify_directory
from app.services.labeling import groups
from app.services.paging import Page, page_by_id

ANSWERERS = (VersionKind.BASE, VersionKind.SFT, VersionKind.POLICY)
MAY_ANSWER = (VersionKind.SFT, VersionKind.POLICY)


def active_answerer(session: Session) -> Version:
    """The version that writes the answers on the pages."""
    version = active_answerer_or_none(session)
    if version is None:
        raise UnavailableError(
            "No model version is active. Activate one (POST /api/v1/versions/ID/activate).",
            page="No model version is active. Activate one on the Train page.",
        )
    return version


def active_reward(session: Session) -> Version | None:
    """The reward model that scores; None until the first one is trained."""
    return session.scalar(
        select(Version).where(Version.status == VersionStatus.ACTIVE, Version.kind == VersionKind.REWARD)
    )


def sft_version(session: Session) -> Version:
    """The SFT version that the active answerer descends from (without one, the newest): what reward models are trained
    for, PPO's reference. An imported model takes over when it is activated, not before."""
    answerer = active_answerer_or_none(session)
    version = None if answerer is None else sft_of(session, answerer)
    if version is None:
        there = Version.kind == VersionKind.SFT, Version.removed_at.is_(None)
        version = session.scalar(select(Version).where(*there).order_by(Version.id.desc()).limit(1))
    if version is None:
        raise UnavailableError("No SFT model is installed. Set FOURFOLD_MODEL_DIR to one and start again.")
    return version


def sft_of(session: Session, version: Version) -> Version | None:
    """The nearest SFT version in its lineage, itself included. Reward models and policies read and write the tokens of
    this one, and fit only one another's where it is the same."""
    return next((each for each in lineage(session, version.id) if each.kind is VersionKind.SFT), None)


def check_fits(session: Session, reward: Version, answerer: Version) -> None:
    """Raises ConflictError where the reward model was trained for another SFT model than the answerer's: it would read
    other tokens than those that were written."""
    one, other = sft_of(session, reward), sft_of(session, answerer)
    if one is not None and other is not None and one.id != other.id:
        said = (
            f"Reward model {reward.id} was trained for the answers of SFT version {one.id}; version {answerer.id} "
            f"descends from version {other.id}. Train a reward model for it"
        )
        otherwise = f"or activate a version that descends from version {one.id}."
        raise ConflictError(f"{said} (job train_reward), {otherwise}", page=f"{said}, {otherwise}")


def get_version(session: Session, version_id: int) -> Version:
    version = session.get(Version, version_id)
    if version is None:
        raise NotFoundError(
            f"There is no version {version_id}. GET /api/v1/versions lists them.",
            page=f"There is no version {version_id}. The Train page lists them.",
        )
    return version


def usable_version(session: Session, version_id: int) -> Version:
    """For whoever needs its files: raises NotFoundError, or GoneError where they were removed."""
    version = get_version(session, version_id)
    if version.removed_at is not None:
        trained = version.parent_id is not None
        again = "train another one (the Train page)" if trained else "import it again (fourfold import-model)"
        raise GoneError(
            f"The files of version {version_id} were removed on {version.removed_at:%Y-%m-%d} to free space; its "
            f"record stays. Choose another version, or {again}."
        )
    return version


def version_of_job(session: Session, job_id: str) -> Version | None:
    """What the job made."""
    return session.scalar(select(Version).where(Version.job_id == job_id))


def list_versions(
    session: Session, *, after: str | None = None, limit: int = 50, kind: VersionKind | None = None
) -> Page[Version]:
    """Newest first."""
    statement = select(Version) if kind is None else select(Version).where(Version.kind == kind)
    return page_by_id(session, statement, Version.id, after=after, limit=limit, newest_first=True)


def answerers(session: Session) -> Sequence[Version]:
    """All that may answer, newest first."""
    usable = Version.kind.in_(MAY_ANSWER), Version.removed_at.is_(None)
    return session.scalars(select(Version).where(*usable).order_by(Version.id.desc())).all()


def stored_paths(session: Session) -> list[str]:
    """Of all versions with files, newest first."""
    return list(session.scalars(select(Version.path).where(Version.removed_at.is_(None)).order_by(Version.id.desc())))


def next_version_path(session: Session, kind: VersionKind) -> str:
    """Wanted folder (relative to the data folder) of the version that is added next; `move_directory` finds another one
    where something lies there: ids are reused once rows are lost."""
    newest = session.scalar(select(func.max(Version.id))) or 0
    return f"versions/{newest + 1}-{kind}"


def relative_path(directory: Path, data_dir: Path) -> str:
    return str(directory.relative_to(data_dir))


def add_version(
    session: Session,
    *,
    kind: VersionKind,
    parent_id: int | None,
    path: str,
    content_hash: str,
    hparams: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    seed: int | None = None,
    precision: str | None = None,
    code_commit: str | None = None,
    job_id: str | None = None,
    ranking_ids: Sequence[int] = (),
    reward_version_id: int | None = None,
) -> Version:
    """A new candidate. A job makes one version at most: a repeated step gets the stored one."""
    stored = None if job_id is None else version_of_job(session, job_id)
    if stored is not None:
        return stored
    version = Version(
        kind=kind,
        parent_id=parent_id,
        reward_version_id=reward_version_id,
        job_id=job_id,
        path=path,
        content_hash=content_hash,
        hparams=hparams or {},
        seed=seed,
        precision=precision,
        code_commit=code_commit,
        metrics=metrics or {},
    )
    session.add(version)
    session.flush()
    session.add_all(VersionRanking(version_id=version.id, ranking_id=ranking_id) for ranking_id in ranking_ids)
    session.flush()
    return version


def record_evaluation(
    session: Session, version_id: int, *, evaluation: dict[str, float], samples: list[dict[str, Any]]
) -> Version:
    """Stores what the held-out comparison found: numbers, and a few answers before and after."""
    version = get_version(session, version_id)
    version.metrics = {**version.metrics, "evaluation": evaluation, "samples": samples}
    session.flush()
    return version


def activate(session: Session, version_id: int, *, data_dir: Path) -> Version:
    """Makes the version answer (or score) from now on and retires the former one; rolling back is the same call.

    Refuses a version whose files were removed, a kind that cannot answer, a reward model for another SFT model than the
    one that answers, and a directory that is missing or damaged. Groups that the former answerer sampled and nobody
    holds expire. Where the new answerer descends from another SFT model (one was imported), the reward model of the
    former one is retired, and the last one that was active for the new one comes back.
    """
    version = usable_version(session, version_id)
    if version.status is VersionStatus.ACTIVE:
        return version
    if version.kind not in (*MAY_ANSWER, VersionKind.REWARD):
        raise ConflictError(
            f"Version {version_id} is of kind {version.kind} and cannot answer people. "
            "Activate an sft, policy or reward one.",
            page=f"Version {version_id} is no model that answers or scores. Activate another one.",
        )
    answerer = active_answerer_or_none(session)
    if version.kind is VersionKind.REWARD and answerer is not None:
        check_fits(session, version, answerer)
    verify_directory(data_dir / version.path, version.content_hash)
    former = active_reward(session) if version.kind is VersionKind.REWARD else answerer
    if former is not None:
        former.status = VersionStatus.RETIRED
        session.flush()  # before the new one: at most one is active at any moment
    _mark_active(session, version)
    session.flush()
    if version.kind is not VersionKind.REWARD:
        groups.expire_stale(session, active_version_id=version.id)
        _exchange_reward(session, version, data_dir)
    return version


def _mark_active(session: Session, version: Version) -> None:
    version.status = VersionStatus.ACTIVE
    version.activated_at = utc_now()
    version.activation_number = 1 + (session.scalar(select(func.max(Version.activation_number))) or 0)


def _exchange_reward(session: Session, answerer: Version, data_dir: Path) -> None:
    """Only a reward model that was trained for the answerer's SFT model scores."""
    reward, sft = active_reward(session), sft_of(session, answerer)
    fits = reward is None or sft is None or sft_of(session, reward) in (None, sft)
    if fits or reward is None or sft is None:
        return
    reward.status = VersionStatus.RETIRED
    session.flush()
    earlier = select(Version).where(Version.kind == VersionKind.REWARD, Version.parent_id == sft.id)
    earlier = earlier.where(Version.activation_number.is_not(None), Version.removed_at.is_(None))
    last = session.scalar(earlier.order_by(Version.activation_number.desc()).limit(1))
    if last is not None:
        with contextlib.suppress(CheckpointError):  # a damaged one must not keep the answerer from answering
            activate(session, last.id, data_dir=data_dir)


def active_answerer_or_none(session: Session) -> Version | None:
    """As `active_answerer`; None where none is."""
    return session.scalar(select(Version).where(Version.status == VersionStatus.ACTIVE, Version.kind.in_(ANSWERERS)))


def install_sft(session: Session, *, model_dir: Path, data_dir: Path) -> Version:
    """Copies the SFT weights in `model_dir` into the data folder as the first version, active. Once; later calls find
    it. Of weights that are not the shipped ones it is kept that they were imported, and from where."""
    stored = session.scalar(select(Version).where(Version.kind == VersionKind.SFT).order_by(Version.id).limit(1))
    if stored is not None:
        return stored
    if not (model_dir / "config.json").is_file():
        raise UnavailableError(
            f"There are no model weights in {model_dir}. Make them (fourfold pretrain, then sft), or set "
            "FOURFOLD_MODEL_DIR to a folder that has them."
        )
    target = data_dir / next_version_path(session, VersionKind.SFT)
    fresh = target.with_name(f".installing-{uuid.uuid4().hex[:8]}")
    found = copy_directory(model_dir, fresh)
    path = relative_path(move_directory(fresh, target), data_dir)
    shipped = model_dir.resolve() == SFT_MODEL.resolve()
    metrics: dict[str, Any] = {} if shipped else {"imported_from": model_dir.resolve().name}
    said = None if shipped else card_languages(model_dir)
    if said is not None:
        metrics["languages"] = said
    version = add_version(session, kind=VersionKind.SFT, parent_id=None, path=path, content_hash=found, metrics=metrics)
    _mark_active(session, version)
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
            session, kind=VersionKind.SFT, parent_id=None, path=path, content_hash=content_hash, metrics=metrics
        )
        return activate(session, version.id, data_dir=data_dir) if activated else version
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)  # no row will name it
        raise


def lineage(session: Session, version_id: int) -> list[Version]:
    """The version, its parent, and so on to the root."""
    line = [get_version(session, version_id)]
    while line[-1].parent_id is not None:
        line.append(get_version(session, line[-1].parent_id))
    return line


def ranking_ids(session: Session, version: Version) -> list[int]:
    """The rankings that made it: a reward version's own, a policy's are those of its reward version."""
    source = version.id if version.kind is VersionKind.REWARD else version.reward_version_id
    statement = select(VersionRanking.ranking_id).where(VersionRanking.version_id == source)
    return list(session.scalars(statement.order_by(VersionRanking.ranking_id)))
