"""Which version answers or scores a request, and how it is spoken to. Sampling itself is the caller's."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine as Database
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.chat import Message, Prompt, as_document
from app.db.looks import Look
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import About, ConflictError, InvalidError, Record
from app.services.versions import versions
from app.translation import _

_COLUMNS = select(Version.id, Version.kind).where(Version.kind.in_(versions.ANSWERERS))
_ACTIVE = Look(_COLUMNS.where(Version.status == VersionStatus.ACTIVE))
_NAMED = Look(_COLUMNS.where(Version.id == bindparam("version_id", 0), Version.removed_at.is_(None)))


@dataclass(frozen=True)
class Answerer:
    """A version that answers."""

    id: int
    kind: VersionKind


def answerer_at_once(database: Database, version_id: int | None) -> Answerer | None:
    """The named version, or the active one, by a look: on the event loop, before every stream. None where
    `answering_version` has to be asked, and where it says why there is none."""
    row = _ACTIVE.row(database) if version_id is None else _NAMED.row(database, version_id=version_id)
    return None if row is None else Answerer(row[0], VersionKind(row[1]))


def answering_version(
    session: Session, version_id: int | None, *, kinds: Sequence[VersionKind] = versions.ANSWERERS
) -> Version:
    """The named version, or the active one. Base models are among them, unless `kinds` says otherwise: they continue
    what they are given. Raises InvalidError for a version of another kind."""
    if version_id is None:
        return versions.active_answerer(session)
    version = versions.usable_version(session, version_id)
    if version.kind not in kinds:
        raise InvalidError(
            f"Version {version_id} is of kind {version.kind}; name one of kind {' or '.join(kinds)}.",
            page=_("Version {id} does not write answers here. Choose one of the list.", id=version_id),
        )
    return version


def prompt_for(kind: VersionKind, messages: Sequence[Message]) -> Prompt:
    """As a version of this kind reads them: a conversation in its chat format, or, for a base model, which has none,
    the texts alone as a document that it continues."""
    return as_document(messages) if kind is VersionKind.BASE else messages


def scoring_version(session: Session) -> Version:
    """The active reward model."""
    version = versions.active_reward(session)
    if version is None:
        raise ConflictError(
            "There is no reward model yet. Rank answers and train one first (job train_reward).",
            page=_("There is no reward model yet. Rank answers and train one first."),
            about=About(Record.PAGE, "train"),
        )
    return version


def answering_versions(session: Session) -> list[Version]:
    """All that can write answers: the active one first, then the newest first."""
    there = Version.kind.in_(versions.ANSWERERS), Version.removed_at.is_(None)
    newest_first = session.scalars(select(Version).where(*there).order_by(Version.id.desc()))
    return sorted(newest_first, key=lambda version: version.status is not VersionStatus.ACTIVE)
