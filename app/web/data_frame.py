"""What all parts of the data page share: their tabs with how many records each has, addresses, and whose are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.labelers import Labeler, LabelerKind
from app.formats.ids import parse_id
from app.formats.texts import clean_text
from app.runtime import Runtime
from app.services.labeling.labelers import find_labeler
from app.services.paging import Page
from app.services.prompts.curation import MAX_SEARCH_CHARACTERS
from app.translation import N_, _
from app.web.templating import PageContext

PATH = "/data"
ROWS = 25
MINE = "mine"
NOBODY = 0
"""No labeler's id."""
KINDS = (
    (LabelerKind.PERSON, N_("People")),
    (LabelerKind.SIMULATED, N_("Simulated labelers")),
    (LabelerKind.IMPORTED, N_("Files that do not say who")),
)
WHOSE = (("", N_("Everybody")), (MINE, N_("Mine")), *((kind.value, name) for kind, name in KINDS))


@dataclass(frozen=True)
class Tab:
    name: str
    """Untranslated."""
    path: str
    count: int | None = None


@dataclass(frozen=True)
class Frame:
    """Around the part that is shown."""

    tabs: list[Tab]
    current: str
    """The path of the tab that is open."""
    is_rough: bool
    """Whether the numbers may be some seconds old."""
    notice: str = ""
    """What became of the last button that was pressed."""


@dataclass(frozen=True, kw_only=True)
class DataPage(PageContext):
    page: str | None = "data"
    frame: Frame
    """The tabs, and what became of the last button."""


@dataclass(frozen=True)
class Address:
    """Where in which list a person is: in the address, so that it can be kept and shared."""

    path: str
    query: Mapping[str, str]

    def at(self, **changes: str | None) -> str:
        query = {name: value for name, value in {**self.query, **changes}.items() if value}
        return f"{self.path}?{urlencode(query)}" if query else self.path

    def get(self, name: str) -> str:
        return self.query.get(name, "")

    @property
    def after(self) -> str | None:
        return self.get("after") or None

    @property
    def is_filtered(self) -> bool:
        return any(value for name, value in self.query.items() if name not in ("after", "sort"))


def address_of(request: Request, path: str, names: Sequence[str]) -> Address:
    """Whatever stands in it: what is unknown is left out."""
    given = {name: clean_text(request.query_params.get(name, ""))[:MAX_SEARCH_CHARACTERS] for name in (*names, "after")}
    return Address(path, {name: value for name, value in given.items() if value})


@dataclass(frozen=True)
class Whose:
    """Whose records are shown."""

    labeler_id: int | None = None
    kind: LabelerKind | None = None
    name: str = ""
    """Of one labeler that the address names."""


def whose(session: Session, value: str, own_name: str | None) -> Whose:
    """`value`: as in the address, a word of WHOSE or a labeler's id."""
    if value == MINE:
        labeler = None if own_name is None else find_labeler(session, own_name)
        return Whose(NOBODY if labeler is None else labeler.id)
    if value in set(LabelerKind):
        return Whose(kind=LabelerKind(value))
    labeler_id = parse_id(value)
    if labeler_id is None:
        return Whose()
    name = session.scalar(select(Labeler.name).where(Labeler.id == labeler_id))
    return Whose(labeler_id, name=name or _("labeler {id}", id=labeler_id))


def frame(session: Session, runtime: Runtime, current: str, notice: str = "") -> Frame:
    counts = runtime.counts.of(session)
    tabs = [
        Tab(N_("Rankings"), PATH, counts.rankings),
        Tab(N_("Prompts"), f"{PATH}/prompts", counts.prompts),
        Tab(N_("Arena votes"), f"{PATH}/votes", counts.votes),
        Tab(N_("Groups"), f"{PATH}/groups", counts.groups),
        Tab(N_("Labelers"), f"{PATH}/labelers", counts.labelers),
        Tab(N_("Import"), f"{PATH}/import"),
        Tab(N_("Export"), f"{PATH}/export"),
    ]
    return Frame(tabs, current, counts.is_rough, notice)


@dataclass(frozen=True)
class Further:
    """The way behind this page of a list."""

    next: str | None
    is_short: bool
    """Whether there is more to look through, and not a page full of what was looked for."""


def further(page: Page[Any]) -> Further:
    return Further(page.next, len(page.items) < ROWS)
