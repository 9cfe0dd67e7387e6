"""Groups of answers on the data page: by state or prompt, and one with its answers, rankings and skips."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db.models.groups import Completion, Group, GroupStatus, Skip
from app.db.models.tags import Tagged
from app.formats.ids import RowId, parse_id
from app.runtime import ReadSession, RuntimeDep, UnitRoute
from app.services.views.group_records import GroupsWanted, get_group, list_groups, skips_of
from app.services.views.ranking_records import rankings_of_group
from app.translation import N_, _
from app.web.asked import anything
from app.web.browser_name import labeler_name
from app.web.data_frame import (
    PATH,
    ROWS,
    Address,
    DataPage,
    Further,
    address_of,
    frame,
    further,
    is_id,
    page_at,
    values_of,
)
from app.web.data_rankings import RankingRow, is_unseen, order_of
from app.web.data_tags import DONE, choices
from app.web.formatting import SKIP_REASONS
from app.web.templating import render
from app.web.told import LETTERS

router = APIRouter(route_class=UnitRoute)
HERE = f"{PATH}/groups"
STATES = (
    (GroupStatus.RANKED, N_("ranked")),
    (GroupStatus.READY, N_("waiting for somebody")),
    (GroupStatus.LEASED, N_("before somebody now")),
    (GroupStatus.SAMPLING, N_("being written")),
    (GroupStatus.SKIPPED, N_("skipped")),
    (GroupStatus.EXPIRED, N_("not asked about any more")),
)
OLDEST = "oldest"
SORTS = (("", N_("Newest first")), (OLDEST, N_("Oldest first")))
KNOWN = {"q": anything, "state": values_of(STATES), "prompt": is_id, "tag": anything, "sort": values_of(SORTS)}
"""What may stand in the address."""


@dataclass(frozen=True, kw_only=True)
class GroupsPage(DataPage):
    template: ClassVar[str] = "data/groups.html"
    here: Address
    """What is shown, for the forms and links."""
    rows: list[Group]
    """In the order asked for."""
    further: Further
    """Where the next page begins."""
    tags: tuple[tuple[str, str], ...]
    """Those that groups have, with how often."""
    states: tuple[tuple[GroupStatus, str], ...] = STATES
    """All states with their names, untranslated."""
    sorts: tuple[tuple[str, str], ...] = SORTS
    """The orders, the same way."""


@dataclass(frozen=True, kw_only=True)
class GroupPage(DataPage):
    template: ClassVar[str] = "data/group.html"
    group: Group
    """With its prompt."""
    answers: list[tuple[str, Completion]]
    """With their letters, as they were shown; none while somebody is to see them first."""
    rankings: list[RankingRow]
    """Oldest first, withdrawn ones too."""
    skips: list[Skip]
    """Oldest first."""
    is_open: bool
    """Whether somebody is to judge it blind."""
    state: str
    """Its state's name, untranslated."""
    reasons: dict[str, str]
    """Why cards are skipped, untranslated."""


@router.get(HERE)
def index(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    here = address_of(request, HERE, KNOWN)
    state = here.get("state")
    wanted = GroupsWanted(
        status=GroupStatus(state) if state in set(GroupStatus) else None,
        prompt_id=parse_id(here.get("prompt")),
        words=here.get("q"),
        tag=here.get("tag"),
        oldest_first=here.get("sort") == OLDEST,
    )
    after, page = page_at(request, here.after, lambda after: list_groups(session, wanted, after=after, limit=ROWS))
    here = here.behind(after)
    around, tags = frame(session, runtime, HERE), choices(session, Tagged.GROUP)
    return render(request, GroupsPage(frame=around, here=here, rows=page.items, further=further(page), tags=tags))


@router.get(HERE + "/{group_id}")
def show(request: Request, runtime: RuntimeDep, session: ReadSession, group_id: RowId, done: str = "") -> Response:
    group, own_name = get_group(session, group_id), labeler_name(request)
    is_open = is_unseen(group)
    given = rankings_of_group(session, group_id)
    page = GroupPage(
        frame=frame(session, runtime, HERE, _(DONE[done]) if done in DONE else ""),
        group=group,
        answers=[] if is_open else list(zip(LETTERS, group.completions, strict=False)),
        rankings=[RankingRow(each, order_of(each), each.labeler.name == own_name) for each in given],
        skips=skips_of(session, group_id),
        is_open=is_open,
        state=dict(STATES)[group.status],
        reasons={reason.value: name for reason, name in SKIP_REASONS},
    )
    return render(request, page)
