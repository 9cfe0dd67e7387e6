"""Who ranked, voted or held a conversation, by the names that a file gives: a name stands for one kind of labeler, here
and in all of the file. That is checked before anything is kept, and once more while it is stored."""

from typing import Protocol

from sqlalchemy.orm import Session, sessionmaker

from app.db.models.labelers import Labeler, LabelerKind
from app.db.session import transaction
from app.errors import AppError, InvalidError
from app.services.labeling.labelers import check_name, find_labeler, get_or_create_labeler
from app.translation import N_, _

UNKNOWN_LABELER = "imported"
A_KIND = {
    LabelerKind.PERSON: N_("a person"),
    LabelerKind.SIMULATED: N_("a simulated labeler"),
    LabelerKind.IMPORTED: N_("a file that does not say who it was"),
}
OTHER_HERE = N_(
    "the name {name} belongs to {one} here, and in the file to {other}. Give it another name in the file, or set "
    "labeler_kind to {kind} there if they are the same."
)
OTHER_IN_FILE = N_(
    "the name {name} belonged to {one} where it stood first in the file, and here it belongs to {other}. Give one of "
    "them another name, or the same labeler_kind to both."
)


class Given(Protocol):
    @property
    def labeler(self) -> str | None: ...
    @property
    def labeler_kind(self) -> LabelerKind | None: ...


class LabelerCheck:
    """Of a whole file, while it is read for the first time."""

    def __init__(self, write: sessionmaker[Session]) -> None:
        self._write = write
        self._kinds: dict[str, tuple[LabelerKind, bool]] = {}
        """By name, and whether it is so here, not in the file alone."""

    def check(self, given: Given) -> None:
        """Raises InvalidError for a name of another kind, or one that is none."""
        name, kind = _named(given)
        if name not in self._kinds:
            with transaction(self._write) as session:
                known = find_labeler(session, name)
            self._kinds[name] = (kind or LabelerKind.IMPORTED, False) if known is None else (known.kind, True)
        there, here = self._kinds[name]
        _refuse_another(name, there, kind, OTHER_HERE if here else OTHER_IN_FILE)


class GivenLabelers:
    """Those of one import, stored when first seen."""

    def __init__(self, session: Session, import_id: int) -> None:
        self._session, self._import_id = session, import_id
        self._found: dict[tuple[str | None, LabelerKind | None], Labeler] = {}

    def find(self, place: str, given: Given) -> Labeler:
        """Of a name without a kind, whoever has it here; else one of whom nothing is known."""
        key = (given.labeler, given.labeler_kind)
        if key not in self._found:
            try:
                self._found[key] = self._stored(*_named(given))
            except AppError as error:
                raise InvalidError(_("{place}: {problem}", place=place, problem=error.message)) from error
        return self._found[key]

    def _stored(self, name: str, kind: LabelerKind | None) -> Labeler:
        known = find_labeler(self._session, name)
        if known is not None:
            _refuse_another(name, known.kind, kind, OTHER_HERE)
        is_new = known is None or known.import_id is not None
        labeler = get_or_create_labeler(self._session, name, kind or LabelerKind.IMPORTED)
        labeler.import_id = self._import_id if is_new else None
        return labeler


def _named(given: Given) -> tuple[str, LabelerKind | None]:
    """Raises InvalidError for a name that is none."""
    if given.labeler is None:
        return UNKNOWN_LABELER, given.labeler_kind or LabelerKind.IMPORTED
    return check_name(given.labeler), given.labeler_kind


def _refuse_another(name: str, there: LabelerKind, kind: LabelerKind | None, said: str) -> None:
    if kind not in (None, there):
        raise InvalidError(_(said, name=repr(name), one=_(A_KIND[there]), other=_(A_KIND[kind]), kind=there.value))
