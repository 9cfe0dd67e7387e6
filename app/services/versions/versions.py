"""Model versions: what was made from what, and which one answers or scores. Knows files by path and hash only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind, VersionRanking, VersionStatus
from app.errors import About, ConflictError, GoneError, NotFoundError, Record, UnavailableError
from app.preferences import NOTHING_LEARNED, Influence
from app.services.paging import Page, page_by_id
from app.translation import N_, _

ANSWERERS = (VersionKind.BASE, VersionKind.SFT, VersionKind.POLICY)
MAY_ANSWER = (VersionKind.SFT, VersionKind.POLICY)
_ACTIVE_ANSWERER = select(Version).where(Version.status == VersionStatus.ACTIVE, Version.kind.in_(ANSWERERS))
"""Built once: every answer begins with it, and building it takes as long as asking SQLite."""


def active_answerer(session: Session) -> Version:
    """The version that writes the answers on the pages."""
    version = active_answerer_or_none(session)
    if version is None:
        raise UnavailableError(
            "No model version is active. Activate one (POST /api/v1/versions/ID/activate).",
            page=_("No model version is active. Activate one on the Train page."),
        )
    return version


def active_answerer_or_none(session: Session) -> Version | None:
    """As `active_answerer`; None where none is."""
    return session.scalar(_ACTIVE_ANSWERER)


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
        raise UnavailableError(_("No SFT model is installed. Set FOURFOLD_MODEL_DIR to one and start again."))
    return version


def sft_of(session: Session, version: Version) -> Version | None:
    """The nearest SFT version in its lineage, itself included. Reward models and policies read and write the tokens of
    this one, and fit only one another's where it is the same."""
    return next((each for each in lineage(session, version.id) if each.kind is VersionKind.SFT), None)


def reward_for(session: Session, answerer: Version, reward_id: int | None) -> Version:
    """What scores the answerer's answers: the version of that id, without one the active one. Raises ConflictError
    where there is none, where it learned nothing, or where it was trained for another SFT model."""
    reward = active_reward(session) if reward_id is None else get_version(session, reward_id)
    if reward is None:
        said = _("There is no reward model yet. Train one from rankings first (the Train page).")
        raise ConflictError(said, about=About(Record.PAGE, "train"))
    if reward.metrics.get("verdict") == NOTHING_LEARNED:
        raise ConflictError(
            _(
                "Reward model {id} learned nothing: all answers score the same. Rank answers that differ, without "
                "ties, train a reward model from them, then start this again.",
                id=reward.id,
            ),
            about=About(Record.VERSION, reward.id),
        )
    check_fits(session, reward, answerer)
    return reward


def scoring_of(session: Session, answerer: Version) -> Version | None:
    """The active reward model where it can score the answerer's answers, else None."""
    try:
        return reward_for(session, answerer, None)
    except ConflictError:
        return None


def check_fits(session: Session, reward: Version, answerer: Version) -> None:
    """Raises ConflictError where the reward model was trained for another SFT model than the answerer's: it would read
    other tokens than those that were written."""
    one, other = sft_of(session, reward), sft_of(session, answerer)
    if one is not None and other is not None and one.id != other.id:
        raise ConflictError(
            f"Reward model {reward.id} was trained for the answers of SFT version {one.id}; version {answerer.id} "
            f"descends from version {other.id}. Train a reward model for it (job train_reward), or activate a version "
            f"that descends from version {one.id}.",
            page=_(
                "Reward model {reward} was trained for the answers of SFT version {sft}; version {version} descends "
                "from version {other}. Train a reward model for it, or activate a version that descends from version "
                "{sft}.",
                reward=reward.id,
                sft=one.id,
                version=answerer.id,
                other=other.id,
            ),
            about=About(Record.VERSION, one.id),
        )


def get_version(session: Session, version_id: int) -> Version:
    version = session.get(Version, version_id)
    if version is None:
        raise NotFoundError(
            f"There is no version {version_id}. GET /api/v1/versions lists them.",
            page=_("There is no version {id}. The Train page lists them.", id=version_id),
        )
    return version


def usable_version(session: Session, version_id: int) -> Version:
    """For whoever needs its files: raises NotFoundError, or GoneError where they were removed."""
    version = get_version(session, version_id)
    if version.removed_at is not None:
        said = N_(
            "The files of version {id} were removed on {date} to free space; its record stays. Choose another version, "
            "or train another one (the Train page)."
        )
        if version.parent_id is None:
            said = N_(
                "The files of version {id} were removed on {date} to free space; its record stays. Choose another "
                "version, or import it again (fourfold import-model)."
            )
        raise GoneError(_(said, id=version_id, date=f"{version.removed_at:%Y-%m-%d}"))
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


def with_files(session: Session) -> Sequence[Version]:
    """All whose files are there, newest first."""
    return session.scalars(select(Version).where(Version.removed_at.is_(None)).order_by(Version.id.desc())).all()


def answerers(session: Session, kinds: Sequence[VersionKind] = ANSWERERS) -> list[Version]:
    """All that write text, base models among them unless `kinds` says otherwise, newest first."""
    return [version for version in with_files(session) if version.kind in kinds]


def last_active(session: Session, *kinds: VersionKind, parent_id: int | None = None) -> Version | None:
    """Of the versions of these kinds that were active and are not any more, the one that was active last."""
    was = Version.status == VersionStatus.RETIRED, Version.activation_number.is_not(None), Version.removed_at.is_(None)
    query = select(Version).where(Version.kind.in_(kinds), *was).order_by(Version.activation_number.desc())
    if parent_id is not None:
        query = query.where(Version.parent_id == parent_id)
    return session.scalar(query.limit(1))


def next_version_path(session: Session, kind: VersionKind) -> str:
    """Wanted folder (relative to the data folder) of the version that is added next; `move_directory` finds another one
    where something lies there: ids are reused once rows are lost."""
    newest = session.scalar(select(func.max(Version.id))) or 0
    return f"versions/{newest + 1}-{kind}"


def has_path(session: Session, path: str) -> bool:
    """Whether a version's files are there."""
    return session.scalar(select(Version.id).where(Version.path == path)) is not None


def relative_path(directory: Path, data_dir: Path) -> str:
    return str(directory.relative_to(data_dir))


@dataclass(frozen=True)
class NewVersion:
    """What is known of a version when it is stored."""

    kind: VersionKind
    parent_id: int | None
    path: str
    content_hash: str
    hparams: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    precision: str | None = None
    code_commit: str | None = None
    job_id: str | None = None
    ranking_ids: Sequence[int] = ()
    influences: Mapping[int, Influence] = field(default_factory=dict)
    """By the rankings' ids, of those of which it is known; so, too, the next."""
    surprises: Mapping[int, float] = field(default_factory=dict)
    reward_version_id: int | None = None


def add_version(session: Session, new: NewVersion) -> Version:
    """A new candidate. A job makes one version at most: a repeated step gets the stored one."""
    stored = None if new.job_id is None else version_of_job(session, new.job_id)
    if stored is not None:
        return stored
    version = Version(
        kind=new.kind,
        parent_id=new.parent_id,
        reward_version_id=new.reward_version_id,
        job_id=new.job_id,
        path=new.path,
        content_hash=new.content_hash,
        hparams=dict(new.hparams),
        seed=new.seed,
        precision=new.precision,
        code_commit=new.code_commit,
        metrics=dict(new.metrics),
    )
    session.add(version)
    session.flush()
    session.add_all(_learned(version.id, ranking_id, new) for ranking_id in new.ranking_ids)
    session.flush()
    return version


def _learned(version_id: int, ranking_id: int, new: NewVersion) -> VersionRanking:
    change, error = new.influences.get(ranking_id, (None, None))
    return VersionRanking(
        version_id=version_id,
        ranking_id=ranking_id,
        influence=change,
        influence_error=error,
        surprise=new.surprises.get(ranking_id),
    )


def record_evaluation(
    session: Session, version_id: int, *, evaluation: dict[str, float], samples: list[dict[str, Any]]
) -> Version:
    """Stores what the held-out comparison found: numbers, and a few answers before and after."""
    version = get_version(session, version_id)
    version.metrics = {**version.metrics, "evaluation": evaluation, "samples": samples}
    session.flush()
    return version


def lineage(session: Session, version_id: int) -> list[Version]:
    """The version, its parent, and so on to the root."""
    line = [get_version(session, version_id)]
    while line[-1].parent_id is not None:
        line.append(get_version(session, line[-1].parent_id))
    return line


def ranking_ids(session: Session, version: Version) -> list[int]:
    """The rankings that made it: a reward version's own, a policy's are those of its reward version."""
    return list(session.scalars(_made_by(version).order_by(VersionRanking.ranking_id)))


def newest_ranking_ids(session: Session, version: Version, most: int) -> list[int]:
    """Of those that made it, the newest first."""
    return list(session.scalars(_made_by(version).order_by(VersionRanking.ranking_id.desc()).limit(most)))


def count_rankings(session: Session, version: Version) -> int:
    """How many made it."""
    return session.scalar(select(func.count()).select_from(_made_by(version).subquery())) or 0


def _made_by(version: Version) -> Select[int]:
    return select(VersionRanking.ranking_id).where(VersionRanking.version_id == version.ranking_source_id)
