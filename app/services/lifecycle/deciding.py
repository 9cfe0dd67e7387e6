"""Decides about a candidate: it is used from now on, or discarded, which can be taken back until its files are removed.

Two people may decide at once, and a page may be old. Whoever decides says what they saw: which version answered, and
what had been decided about this one. If that is another one by now, or something else was decided, nothing is changed,
and they are told what.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import About, ConflictError, GoneError, InvalidError, Record
from app.formats.texts import clean_name, clean_text
from app.services import written
from app.services.lifecycle.activation import activate
from app.services.versions import versions
from app.services.written import Sent, check_seen
from app.translation import N_, _

MAX_NAME_CHARACTERS = 60
MAX_NOTE_CHARACTERS = 4_000


class Decided(StrEnum):
    """What has been decided about a version so far."""

    NOTHING = "nothing"
    DISCARDED = "discarded"
    IN_USE = "in use"
    USED = "used"
    """It was in use, and another version took its place."""


@dataclass(frozen=True)
class Seen:
    """What a page showed to whoever decided there."""

    in_place_id: int | None
    """The version that answered, or scored; None: none did."""
    decided: Decided | None
    """None: the page did not say."""


DECIDED = N_("Nothing was changed: somebody else has decided meanwhile. {what} Look again before you decide.")
AGAINST = {
    Decided.DISCARDED: N_("Version {id} was discarded."),
    Decided.USED: N_("Version {id} was in use, and another version took its place."),
}


def candidates(session: Session) -> list[Version]:
    """Policies that wait for a decision, the newest first."""
    policy = Version.kind == VersionKind.POLICY, Version.status == VersionStatus.CANDIDATE
    open_ones = select(Version).where(*policy, Version.discarded_at.is_(None), Version.removed_at.is_(None))
    return list(session.scalars(open_ones.order_by(Version.id.desc())))


def candidate_of(session: Session) -> Version | None:
    """What the decision card, the loop and the arena ask about: the newest policy that waits."""
    return next(iter(candidates(session)), None)


def last_discarded(session: Session) -> Version | None:
    """The policy that was decided against last, as long as its files are there and no policy was made since."""
    policies = select(Version).where(Version.kind == VersionKind.POLICY)
    newest = session.scalar(policies.order_by(Version.id.desc()).limit(1))
    open_ones = policies.where(Version.discarded_at.is_not(None), Version.removed_at.is_(None))
    last = session.scalar(open_ones.order_by(Version.discarded_at.desc(), Version.id.desc()).limit(1))
    if last is None or last.discarded_at is None or newest is None or newest.created_at > last.discarded_at:
        return None
    return last


def in_place(session: Session, version: Version) -> Version | None:
    """What activating the version takes the place of: the one that scores, or the one that answers."""
    scores = version.kind is VersionKind.REWARD
    return versions.active_reward(session) if scores else versions.active_answerer_or_none(session)


def decided_about(version: Version) -> Decided:
    if version.status is VersionStatus.CANDIDATE:
        return Decided.NOTHING if version.discarded_at is None else Decided.DISCARDED
    return Decided.IN_USE if version.status is VersionStatus.ACTIVE else Decided.USED


def use(session: Session, version_id: int, *, data_dir: Path, seen: Seen | None = None) -> Version:
    """`activate`, where all is still as the person saw it. Raises what that does, and ConflictError where it is not."""
    version = versions.usable_version(session, version_id)
    _check_seen(session, version, seen)
    return activate(session, version_id, data_dir=data_dir)


def discard(session: Session, version_id: int, *, seen: Seen | None = None) -> Version:
    """The candidate is not to be used; again changes nothing. Raises NotFoundError, GoneError where its files were
    removed, ConflictError where it is no candidate, as somebody uses or used it, and where not all is as it was
    seen."""
    version = versions.usable_version(session, version_id)
    if version.discarded_at is not None:
        return version
    _check_seen(session, version, seen)
    about = _about(version)
    if version.status is VersionStatus.ACTIVE:
        said = N_("Nothing was changed. {what} What is in use cannot be discarded: activate another version first.")
        raise ConflictError(_(said, what=_in_use(version)), about=about)
    if not version.waits:
        what = AGAINST.get(decided_about(version), N_("Version {id} does not wait for a decision."))
        said = N_("{what} So it cannot be discarded. To free its space, remove its files.")
        raise ConflictError(_(said, what=_(what, id=version_id)), about=about)
    version.discarded_at = utc_now()
    session.flush()
    return version


def take_back(session: Session, version_id: int, *, seen: Seen | None = None) -> Version:
    """A discarded version waits for a decision again; again changes nothing. Raises NotFoundError, GoneError where its
    files were removed meanwhile, ConflictError where it is used or was, as somebody activated it meanwhile, and where
    not all is as it was seen."""
    version = versions.get_version(session, version_id)
    about = _about(version)
    if version.removed_at is not None:
        said = _("Version {id} cannot be taken back: its files were removed meanwhile.", id=version_id)
        raise GoneError(said, about=about)
    if version.waits:
        return version
    if version.discarded_at is None:
        if version.status is VersionStatus.ACTIVE:
            raise ConflictError(_(DECIDED, what=_in_use(version)), about=about)
        said = N_("Version {id} is not discarded, so there is nothing to take back. Activate it to use it.")
        raise ConflictError(_(said, id=version_id), about=about)
    _check_seen(session, version, seen)
    version.discarded_at = None
    session.flush()
    return version


def _check_seen(session: Session, version: Version, seen: Seen | None) -> None:
    """Of whoever decides about the version, and did not know what others had decided. Raises ConflictError where
    another one took the place meanwhile, and where somebody decided against this one: discarded it, or used it and went
    back."""
    if seen is None:
        return
    now = in_place(session, version)
    if now is not None and now.id not in (seen.in_place_id, version.id):
        raise ConflictError(_(DECIDED, what=_in_use(now)), about=_about(now))
    decided = decided_about(version)
    if decided in AGAINST and seen.decided not in (decided, None):
        raise ConflictError(_(DECIDED, what=_(AGAINST[decided], id=version.id)), about=_about(version))


def _about(version: Version) -> About:
    return About(Record.VERSION, version.id)


def rename(
    session: Session,
    version_id: int,
    *,
    name: str | None = None,
    note: str | None = None,
    seen_name: str | None = None,
    seen_note: str | None = None,
) -> Version:
    """Gives it another name, another note, or both; an empty text takes one away, None leaves it, and so does one that
    is as it was seen. Nothing is changed where one of them is refused. Raises NotFoundError, InvalidError, and
    ConflictError for a name that another version has, and where somebody else wrote meanwhile."""
    version = versions.get_version(session, version_id)
    a_name = Sent(written.NAME, version.name or "", name, seen_name)
    a_note = Sent(written.NOTE, version.note or "", note, seen_note)
    check_seen([a_name, a_note], _about(version))
    new_name = version.name if a_name.is_kept else _checked_name(session, version, name or "")
    new_note = version.note if a_note.is_kept else _checked_note(note or "")
    version.name, version.note = new_name, new_note
    session.flush()
    return version


def _checked_name(session: Session, version: Version, name: str) -> str | None:
    """Told apart by people: another case is the same name. What was removed has no need of its name any more."""
    if not name.strip():
        return None
    clean = clean_name(name, what=_("A version's name"), most=MAX_NAME_CHARACTERS)
    named = Version.name.is_not(None), Version.removed_at.is_(None), Version.id != version.id
    for other in session.scalars(select(Version).where(*named)):
        if other.name is not None and other.name.casefold() == clean.casefold():
            said = N_("Version {id} has the name “{name}” already. Choose another name, or rename that version first.")
            raise ConflictError(_(said, id=other.id, name=other.name), about=_about(other))
    return clean


def _in_use(version: Version) -> str:
    said = N_("Version {id} scores now.") if version.kind is VersionKind.REWARD else N_("Version {id} answers now.")
    return _(said, id=version.id)


def _checked_note(note: str) -> str | None:
    text = clean_text(note)
    if len(text) > MAX_NOTE_CHARACTERS:
        said = N_("The note has {n} characters; at most {most} are allowed. Shorten it.")
        raise InvalidError(_(said, n=f"{len(text):,}", most=f"{MAX_NOTE_CHARACTERS:,}"), param=written.NOTE)
    return text or None
