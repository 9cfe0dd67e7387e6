"""Who ranks. Simulated labelers are marked when first seen, for good; a person's name never turns simulated."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models.labelers import Labeler, LabelerKind
from app.errors import ConflictError
from app.texts import clean_name

MAX_NAME_CHARACTERS = 64


def get_or_create_labeler(session: Session, name: str, kind: LabelerKind = LabelerKind.PERSON) -> Labeler:
    """The labeler of that name. A known simulated one stays simulated whatever `kind` says."""
    name = check_name(name)
    labeler = find_labeler(session, name)
    if labeler is None:
        labeler = Labeler(name=name, kind=kind)
        session.add(labeler)
        session.flush()
    if kind is LabelerKind.SIMULATED and labeler.kind is LabelerKind.PERSON:
        raise ConflictError(f"The name {name!r} belongs to a person. Give the simulated labeler another name.")
    return labeler


def find_labeler(session: Session, name: str) -> Labeler | None:
    return session.scalar(select(Labeler).where(Labeler.name == name))


def check_name(name: str) -> str:
    """In its one form; raises InvalidError."""
    return clean_name(name, what="A labeler's name", most=MAX_NAME_CHARACTERS)


def count_people(session: Session) -> int:
    """People only: simulated labelers are never counted here."""
    return session.scalar(select(func.count()).select_from(Labeler).where(Labeler.kind == LabelerKind.PERSON)) or 0
