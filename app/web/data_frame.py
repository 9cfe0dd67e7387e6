"""What all parts of the data page share: their tabs with how many records each has, addresses, and whose are shown."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.labelers import Labeler, LabelerKind
from app.errors import InvalidError
from app.formats.ids import parse_id
from app.runtime import Runtime
from app.services.labeling.labelers import find_labeler
from app.services.paging import Page
from app.services.prompts.curation import MAX_SEARCH_CHARACTERS
from app.translation import N_, _
from app.web.asked import Known, anything, asked, not_understood, one_of
from app.web.templating import PageContext

Row = TypeVar("Row")
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

    def behind(self, after: str | None) -> "Address":
        return replace(self, query={**self.query, "after": after or ""})

    @property
    def is_filtered(self) -> bool:
        return any(value for name, value in self.query.items() if name not in ("after", "sort"))


def address_of(request: Request, path: str, known: Mapping[str, Known]) -> Address:
    """Whatever stands in it: what is not known is left out, and the page says so."""
    return Address(path, asked(request, {**known, "after": anything}, most_characters=MAX_SEARCH_CHARACTERS))


def is_whose(value: str) -> bool:
    return value in {each for each, _name in WHOSE} or parse_id(value) is not None


def is_language(value: str) -> bool:
    """A code, whether or not any prompt is in that language."""
    return re.fullmatch("[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", value) is not None


def is_id(value: str) -> bool:
    return parse_id(value) is not None


def values_of(choices: Iterable[tuple[str, str]]) -> Known:
    """Of a select box: its values, with their names."""
    return one_of([value for value, _name in choices])


def page_at(
    request: Request, after: str | None, listed: Callable[[str | None], Page[Row]]
) -> tuple[str | None, Page[Row]]:
    """The page behind a place of the list; where that is none, the first one, with no place before it."""
    try:
        return after, listed(after)
    except InvalidError:
        if after is None:
            raise
        not_understood(request, "after", after)
        return None, listed(None)


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
