"""Labelers: who ranks, people and simulated ones. Simulated labelers are marked when first seen, for good; a person's
name never turns simulated.

A name is all that tells labelers apart: who gives it has its cards and its rankings.
"""

import re
import secrets
from base64 import b32encode
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db.models.arena import Pair, PairStatus
from app.db.models.conversations import Conversation
from app.db.models.labelers import Labeler, LabelerKind
from app.errors import ConflictError, UnavailableError
from app.formats.languages import Asked
from app.formats.texts import clean_name
from app.services.labeling import groups, repeats
from app.services.labeling.languages import tags_to_draw
from app.translation import _

MAX_NAME_CHARACTERS = 64
_MADE_UP = re.compile("Browser [A-Z2-7]{4}-[A-Z2-7]{4}")


@dataclass(frozen=True)
class LabelerName:
    """Who asks, before there is a session to look them up in."""

    name: str
    kind: LabelerKind = LabelerKind.PERSON


class Change(StrEnum):
    """What became of a labeler who took another name."""

    RENAMED = "renamed"
    JOINED = "joined"  # the name was known: they go on as that labeler


def made_up_name() -> str:
    """A browser's own until a person gives one: 40 random bits, so ten thousand browsers share none, but once in
    20,000 times."""
    letters = b32encode(secrets.token_bytes(5)).decode()
    return f"Browser {letters[:4]}-{letters[4:]}"


def take_name(session: Session, *, old: str, new: str) -> Change:
    """What goes with a browser when it takes another name.

    A made-up name is one browser's alone: its rankings are called by the new name from now on, or, where that is known,
    stay under the old one, and what it has before it (cards, a pair of the arena) and its conversations go along. A
    name that a person gave may be in use in other browsers: everything stays with it. Raises ConflictError for the name
    of a simulated labeler."""
    known, former = find_labeler(session, new), find_labeler(session, old)
    if known is not None and known.kind is LabelerKind.SIMULATED:
        raise ConflictError(_("The name {name} belongs to a simulated labeler. Choose another one.", name=repr(new)))
    if known is not None:
        known.import_id = None
    if former is not None and old != new and _MADE_UP.fullmatch(old):
        if known is None:
            former.name = new
            session.flush()
        else:
            groups.hand_over(session, former, known)
            repeats.recognize(session, known)
            _hand_conversations_over(session, former, known)
            held = Pair.labeler_id == former.id, Pair.status == PairStatus.HELD
            session.execute(update(Pair).where(*held).values(labeler_id=known.id))
    return Change.RENAMED if known is None else Change.JOINED


def _hand_conversations_over(session: Session, old: Labeler, new: Labeler) -> None:
    """A key that the other one used, too, has done its work."""
    used = select(Conversation.idempotency_key).where(Conversation.labeler_id == new.id)
    mine = Conversation.labeler_id == old.id
    twice = mine, Conversation.idempotency_key.in_(used)
    session.execute(update(Conversation).where(*twice).values(idempotency_key=None))
    session.execute(update(Conversation).where(mine).values(labeler_id=new.id))


def labeler_of(session: Session, who: LabelerName) -> Labeler:
    """Who asks, stored when first seen."""
    return get_or_create_labeler(session, who.name, who.kind)


def get_or_create_labeler(session: Session, name: str, kind: LabelerKind = LabelerKind.PERSON) -> Labeler:
    """The labeler of that name. A known simulated one stays simulated whatever `kind` says."""
    name = check_name(name)
    labeler = find_labeler(session, name)
    if labeler is None:
        labeler = Labeler(name=name, kind=kind)
        session.add(labeler)
        session.flush()
    labeler.import_id = None
    if kind is LabelerKind.SIMULATED and labeler.kind is LabelerKind.PERSON:
        raise ConflictError(
            _("The name {name} belongs to a person. Give the simulated labeler another name.", name=repr(name))
        )
    return labeler


def asked_by(labeler: Labeler | None) -> Asked | None:
    """The languages that they chose to read prompts in; None where they never chose."""
    if labeler is None or labeler.languages is None:
        return None
    return Asked(frozenset(labeler.languages), chosen=bool(labeler.languages))


def choose_languages(session: Session, labeler: Labeler, codes: Iterable[str]) -> Asked:
    """From now on, in whichever browser they have that name; no language is any. Cards in others that they hold, own
    prompts and those of a chat apart, are free again."""
    labeler.languages = sorted(codes)
    session.flush()
    asked = Asked(frozenset(labeler.languages), chosen=bool(labeler.languages))
    try:
        tags = tags_to_draw(session, asked)
    except UnavailableError:  # nothing at all: said on the label page
        tags = ()
    groups.let_go_of_other_languages(session, labeler=labeler, tags=tags)
    return asked


def find_labeler(session: Session, name: str) -> Labeler | None:
    return session.scalar(select(Labeler).where(Labeler.name == name))


def check_name(name: str) -> str:
    """In its one form; raises InvalidError."""
    return clean_name(name, what=_("A labeler's name"), most=MAX_NAME_CHARACTERS)
