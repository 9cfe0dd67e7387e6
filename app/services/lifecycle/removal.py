"""Removing versions: which may go, what that frees, and why the others stay.

Only files go. The row stays as history, so that rankings, curves and lineages keep their names; what needs the files
afterwards is refused with GoneError (`versions.usable_version`). The row is marked first, in a transaction that looks
at everything that may need the files (one writes at a time, app/db/session.py); they are deleted once it is committed
(`clear`), and whatever a crash leaves behind is deleted by the next one that comes by.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.groups import Group, GroupStatus
from app.db.models.jobs import LIVE, Job, JobStatus
from app.db.models.versions import Version, VersionKind, VersionOrigin, VersionStatus
from app.errors import About, ConflictError, Record
from app.kinds.registry import job_title
from app.services.jobs import job_folders
from app.services.labeling import label_settings
from app.services.versions import versions
from app.settings.config import Settings
from app.translation import N_, _

KEEP = 1  # newest ones of each kind that pruning leaves besides what is needed
Reasons = dict[int, str]
"""By the version's id, a sentence that says why it stays."""


@dataclass(frozen=True)
class Going:
    version: Version
    freed_bytes: int
    """Of its files, those that no other version shares."""


@dataclass(frozen=True)
class Removal:
    """What pruning removes and keeps, newest first."""

    going: list[Going]
    staying: list[tuple[Version, str]]
    freed_bytes: int
    """More than the sum over `going` where they share files with each other only."""


def plan(session: Session, settings: Settings, *, keep: int = KEEP, now: datetime | None = None) -> Removal:
    """What `prune` would do. Stays: what is needed (`needed`), the `keep` newest of each kind that nobody
    discarded, what was not made here and could not be made again, and what any of these was made from."""
    there = versions.with_files(session)
    reasons = needed(session, settings, now=now)
    for kind in VersionKind:
        kept = [each for each in there if each.kind is kind and each.discarded_at is None]
        for version in kept[:keep]:
            reasons.setdefault(
                version.id, _("It is among the newest {n} of its kind.", n=keep) if keep > 1 else _(NEWEST)
            )
    for version in there:
        if version.origin is not VersionOrigin.TRAINED:
            reasons.setdefault(version.id, _("It was not trained here: pruning keeps it. Remove it individually."))
    _add_origins(there, reasons)
    going = [version for version in there if version.id not in reasons]
    return Removal(
        _going(settings, going),
        [(version, reasons[version.id]) for version in there if version.id in reasons],
        freed_bytes(_directories(settings, going)),
    )


NEWEST = N_("It is the newest of its kind.")


def prune(session: Session, settings: Settings, *, keep: int = KEEP, shown: Collection[int] | None = None) -> Removal:
    """Marks what `plan` says as removed; of that, where a person agreed to a list (`shown`), nothing else. Commit, then
    `clear`."""
    removal = plan(session, settings, keep=keep)
    if shown is not None:
        going = [each.version for each in removal.going if each.version.id in shown]
        removal = Removal(_going(settings, going), removal.staying, freed_bytes(_directories(settings, going)))
    _mark([each.version for each in removal.going])
    session.flush()
    return removal


def remove(session: Session, version_id: int, settings: Settings) -> Removal:
    """Marks one version as removed; again changes nothing. Commit, then `clear`. Raises NotFoundError, and
    ConflictError where something needs it."""
    version = versions.get_version(session, version_id)
    if version.removed_at is not None:
        return Removal([], [], 0)
    reason = why_it_stays(session, version, settings)
    if reason is not None:
        said = _("Version {id} cannot be removed. {reason}", id=version_id, reason=reason)
        raise ConflictError(said, about=About(Record.VERSION, version_id))
    going = _going(settings, [version])
    _mark([version])
    session.flush()
    return Removal(going, [], going[0].freed_bytes)


def why_it_stays(session: Session, version: Version, settings: Settings) -> str | None:
    """Why the version cannot be removed, even by itself; None where it can."""
    there = versions.with_files(session)
    reasons = needed(session, settings)
    for other in there:
        for origin, how in _origins(other):
            if origin == version.id:
                reasons.setdefault(origin, _("{reason} Remove that one first.", reason=_(how, id=other.id)))
    return reasons.get(version.id)


def needed(session: Session, settings: Settings, *, now: datetime | None = None) -> Reasons:
    """What the loop works with: the active versions, the SFT model that they are measured by, those that rolling back
    returns to, and what jobs and cards refer to."""
    reasons: Reasons = {}
    for version in versions.with_files(session):
        if version.status is VersionStatus.ACTIVE:
            scores = version.kind is VersionKind.REWARD
            reasons[version.id] = (
                _("No other reward model has taken its place.")
                if scores
                else _("It answers now. Activate another one first.")
            )
    sft = versions.sft_version(session)
    reasons.setdefault(sft.id, _("Training starts from this SFT model, and policies are compared with it."))
    for version in _rollback_targets(session, sft):
        reasons.setdefault(version.id, _("It was active before: rolling back returns to it."))
    for job in _unfinished_jobs(session, settings):
        for version_id in _versions_of(job, settings):
            reasons.setdefault(
                version_id,
                _("A job that has not ended ({job}, {id}) needs it.", job=job_title(job.kind), id=job.id[:8]),
            )
    choice = label_settings.chosen(session)
    for chosen_id in filter(None, (choice.version_id, choice.other_version_id)):
        chosen = _("It is chosen to write the label page's answers. Choose another one there first.")
        reasons.setdefault(chosen_id, chosen)
    for version_id in _versions_of_cards(session, settings, now or utc_now()):
        reasons.setdefault(version_id, _("Some of its answers are waiting to be ranked."))
    return reasons


def _rollback_targets(session: Session, sft: Version) -> Iterator[Version]:
    """The answerer that was active last, and with it and without it the reward model that was."""
    answerer = versions.last_active(session, *versions.MAY_ANSWER)
    roots = {sft.id}
    if answerer is not None:
        yield answerer
        root = versions.sft_of(session, answerer)
        roots |= {root.id} if root is not None else set()
    for root_id in roots:
        reward = versions.last_active(session, VersionKind.REWARD, parent_id=root_id)
        if reward is not None:
            yield reward


def _unfinished_jobs(session: Session, settings: Settings) -> list[Job]:
    """Those that run or wait, and failed ones that can go on from a checkpoint."""
    query = select(Job).where(Job.status.in_((*LIVE, JobStatus.FAILED))).order_by(Job.number.desc())
    jobs = session.scalars(query)
    return [job for job in jobs if job.status in LIVE or job_folders.has_checkpoint(settings, job.id)]


def _versions_of(job: Job, settings: Settings) -> set[int]:
    """Named by its parameters, and by the inputs that it chose when it began."""
    chosen: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):  # it has not begun, or is being written
        chosen = json.loads((settings.job_directory(job.id) / "inputs.json").read_text(encoding="utf-8"))
    pairs = [*job.params.items(), *chosen.items()]
    return {value for name, value in pairs if name.endswith("version_id") and isinstance(value, int)}


def _versions_of_cards(session: Session, settings: Settings, now: datetime) -> Iterable[int]:
    """Cards that are there for people, or are held; and those whose answers are being written. Of the latter, ones that
    nobody asked for during a whole lease were given up. Answers that were given by a chat need no version any more."""
    begun = now - timedelta(seconds=settings.lease_seconds)
    waits = Group.status.in_((GroupStatus.READY, GroupStatus.LEASED))
    is_written = and_(Group.status == GroupStatus.SAMPLING, Group.created_at > begun)
    lists = session.scalars(select(Group.version_ids).where(or_(waits, is_written), Group.version_ids.is_not(None)))
    return {version_id for listed in lists for version_id in listed or ()}


def _origins(version: Version) -> Iterator[tuple[int, str]]:
    if version.parent_id is not None:
        yield version.parent_id, N_("Version {id} was made from it.")
    if version.reward_version_id is not None:
        yield version.reward_version_id, N_("Version {id} was trained against it.")


def _add_origins(there: Sequence[Version], reasons: Reasons) -> None:
    """What stays keeps what it was made from: an origin is always older."""
    for version in there:  # newest first
        if version.id in reasons:
            for origin, how in _origins(version):
                reasons.setdefault(origin, _(how, id=version.id))


def _mark(going: Iterable[Version]) -> None:
    now = utc_now()
    for version in going:
        version.removed_at = now


def _directories(settings: Settings, going: Iterable[Version]) -> list[Path]:
    return [settings.version_directory(version.path) for version in going]


def _going(settings: Settings, going: list[Version]) -> list[Going]:
    return [Going(version, freed_bytes(_directories(settings, [version]))) for version in going]


def freed_bytes(directories: Iterable[Path]) -> int:
    """What deleting them frees: the files all of whose names lie in them."""
    names: dict[tuple[int, int], int] = {}
    freed = 0
    for directory in directories:
        for path in directory.rglob("*") if os.path.isdir(directory) else ():  # noqa: PTH112  False of an impossible name
            status = path.lstat()
            if not path.is_dir():
                file = (status.st_dev, status.st_ino)
                names[file] = names.get(file, 0) + 1
                freed += status.st_size if names[file] == status.st_nlink else 0
    return freed


def clear(session: Session, settings: Settings) -> list[str]:
    """Deletes the files of removed versions, those that an earlier try left included; only reads the database. Returns
    a sentence for each folder that is still there."""
    paths = session.execute(select(Version.path, Version.removed_at)).all()
    kept = {path for path, removed_at in paths if removed_at is None}
    gone = {path for path, removed_at in paths if removed_at is not None} - kept
    directories = [settings.version_directory(path) for path in sorted(gone)]
    return [said for said in map(_delete, directories) if said is not None]


def _delete(directory: Path) -> str | None:
    try:
        if directory.is_dir():
            for path in (directory, *directory.rglob("*")):
                if path.is_dir() and not path.is_symlink() and not os.access(path, os.W_OK):
                    path.chmod(0o755)  # a folder that was made read-only
            shutil.rmtree(directory)
    except FileNotFoundError:
        return None  # another process deletes it, too
    except OSError as error:
        return _(
            "The files in {folder} could not be deleted ({error}). Delete that folder yourself, or fix the cause: the "
            "next removal tries again.",
            folder=f"{directory.parent.name}/{directory.name}",
            error=error.strerror or error,
        )
    return None
