"""The versions as a tree: what was made from what, from the base model by way of the SFT model to the policies, and the
reward models apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, or_, select, true
from sqlalchemy.orm import Session

from app.db.models.jobs import Job
from app.db.models.versions import Version, VersionKind, VersionOrigin, VersionRanking, VersionStatus
from app.services.versions.version_states import Standing, standing


@dataclass
class Node:
    version: Version
    num_rankings: int
    """Rankings that made it: a policy's are those of its reward model."""
    job_kind: str | None
    """Of the job that made it; None where none did."""
    children: list["Node"] = field(default_factory=list)
    """What was made from it, newest first."""

    @property
    def is_in_use(self) -> bool:
        """It, or something that was made from it."""
        return self.version.status is VersionStatus.ACTIVE or any(child.is_in_use for child in self.children)


@dataclass(frozen=True)
class VersionTree:
    roots: list[Node]
    """Those that write text and were made from nothing here, oldest first, with all that came of them."""
    rewards: list[Node]
    """Newest first, the one that scores before all."""
    removed: list[Version]
    """Without files, and without anything that was made from them; newest first."""
    num_older: int
    """Versions with files that are too old to be listed."""
    oldest: int | None
    """The id below which they are; None where there is nothing to list."""
    standing: Standing


def version_tree(session: Session, *, limit: int, below: int | None = None) -> VersionTree:
    """The `limit` newest versions with files, or the newest of those whose ids are `below` one, with all that they were
    made from."""
    there, known = Version.removed_at.is_(None), true() if below is None else Version.id < below
    newest = session.scalars(select(Version).where(there, known).order_by(Version.id.desc()).limit(limit)).all()
    listed = _with_origins(session, newest)
    roots, rewards = _grown(session, listed)
    ids, oldest = [each.id for each in listed], min((each.id for each in newest), default=None)
    gone = select(Version).where(Version.removed_at.is_not(None), known, Version.id.not_in(ids))
    older = select(func.count()).where(there, Version.id < (oldest or 0), Version.id.not_in(ids))
    return VersionTree(
        roots=roots,
        rewards=rewards,
        removed=list(session.scalars(gone.order_by(Version.id.desc()).limit(limit))),
        num_older=session.scalar(older) or 0,
        oldest=oldest,
        standing=standing(session),
    )


def made_from(session: Session, version: Version) -> Version | None:
    """The version whose weights it started from. The shipped SFT model was fine-tuned from the shipped base model,
    although both were installed as they are."""
    if version.parent_id is not None:
        return session.get(Version, version.parent_id)
    return _shipped_base(session) if _is_shipped_sft(version) else None


def line_of(session: Session, version: Version) -> list[Version]:
    """From the version to what nothing here was made before, the version first."""
    line = [version]
    while (origin := made_from(session, line[-1])) is not None:
        line.append(origin)
    return line


def made_of(session: Session, version: Version) -> list[Version]:
    """What was made from it, or trained against it; newest first."""
    used = or_(Version.parent_id == version.id, Version.reward_version_id == version.id)
    made = list(session.scalars(select(Version).where(used).order_by(Version.id.desc())))
    if version.kind is VersionKind.BASE and (base := _shipped_base(session)) is not None and base.id == version.id:
        fine_tuned = select(Version).where(Version.kind == VersionKind.SFT).order_by(Version.id.desc())
        made += filter(_is_shipped_sft, session.scalars(fine_tuned))
    return made


def _shipped_base(session: Session) -> Version | None:
    bases = session.scalars(select(Version).where(Version.kind == VersionKind.BASE).order_by(Version.id))
    return next((base for base in bases if base.origin is VersionOrigin.SHIPPED), None)


def _is_shipped_sft(version: Version) -> bool:
    return version.kind is VersionKind.SFT and version.origin is VersionOrigin.SHIPPED


def _with_origins(session: Session, newest: Sequence[Version]) -> list[Version]:
    """The newest, the active ones, and what they were made from."""
    active = session.scalars(select(Version).where(Version.status == VersionStatus.ACTIVE))
    listed = {each.id: each for each in (*newest, *active)}
    for version in list(listed.values()):
        listed.update((each.id, each) for each in line_of(session, version))
    return sorted(listed.values(), key=lambda each: -each.id)


def _grown(session: Session, listed: Iterable[Version]) -> tuple[list[Node], list[Node]]:
    listed = list(listed)
    counts, kinds = _ranking_counts(session, listed), _job_kinds(session, listed)
    nodes = {
        each.id: Node(each, counts.get(each.ranking_source_id, 0), kinds.get(each.job_id))
        for each in listed  # newest first, and so are the children
    }
    rewards = [node for node in nodes.values() if node.version.kind is VersionKind.REWARD]
    roots: list[Node] = []
    for node in nodes.values():
        if node.version.kind is not VersionKind.REWARD:
            origin = made_from(session, node.version)
            (roots if origin is None else nodes[origin.id].children).append(node)
    return roots[::-1], sorted(rewards, key=lambda node: not node.is_in_use)


def _ranking_counts(session: Session, listed: Iterable[Version]) -> dict[int | None, int]:
    sources = {version.ranking_source_id for version in listed} - {None}
    counted = (
        select(VersionRanking.version_id, func.count())
        .where(VersionRanking.version_id.in_(sources))
        .group_by(VersionRanking.version_id)
    )
    return {row[0]: row[1] for row in session.execute(counted)}


def _job_kinds(session: Session, listed: Iterable[Version]) -> dict[str | None, str]:
    jobs = {version.job_id for version in listed} - {None}
    return {row[0]: row[1] for row in session.execute(select(Job.id, Job.kind).where(Job.id.in_(jobs)))}
