"""Rankings on the data page: looked through, opened, changed, withdrawn and put back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.db.models.arena import Vote
from app.db.models.groups import Completion, Group
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.db.models.tags import Tagged
from app.db.models.versions import Version
from app.errors import AppError, NotFoundError
from app.formats.ids import RowId
from app.formats.languages import NAMES
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute
from app.services.labeling import rankings
from app.services.labeling.labelers import LabelerName, labeler_of
from app.services.versions.versions import active_reward
from app.services.views.group_records import UNSEEN
from app.services.views.ranking_records import (
    RankingOrder,
    RankingsWanted,
    Standing,
    get_ranking,
    learned_from,
    list_rankings,
)
from app.translation import N_, _
from app.web.asked import anything, one_of
from app.web.browser_name import BrowserLabeler, labeler_name
from app.web.data_frame import (
    PATH,
    ROWS,
    WHOSE,
    Address,
    DataPage,
    Further,
    Whose,
    address_of,
    frame,
    further,
    is_language,
    is_whose,
    page_at,
    values_of,
    whose,
)
from app.web.data_tags import DONE as TAGS_DONE
from app.web.data_tags import choices
from app.web.security import FormDep
from app.web.templating import render
from app.web.told import LETTERS, Told, in_letters

router = APIRouter(route_class=UnitRoute)
STANDINGS = (
    ("", N_("That count")),
    (Standing.WITHDRAWN, N_("Withdrawn")),
    (Standing.ALL, N_("Both")),
)
SORTS = (
    ("", N_("Newest first")),
    (RankingOrder.OLDEST, N_("Oldest first")),
    (RankingOrder.SLOWEST, N_("Longest thought over")),
    (RankingOrder.QUICKEST, N_("Quickest")),
)
KNOWN = {
    "q": anything,
    "who": is_whose,
    "state": values_of(STANDINGS),
    "language": is_language,
    "comment": one_of(["1"]),
    "tag": anything,
    "sort": values_of(SORTS),
}
"""What may stand in the address."""
DONE = {
    "withdraw": N_("The ranking was withdrawn. It is kept here, and no training learns from it any more."),
    "restore": N_("The ranking counts again."),
    "change": N_("This is the ranking that counts now. What it was before is kept, and marked as withdrawn."),
    "unchanged": N_("Nothing was changed: this order counts already, with this comment."),
    **TAGS_DONE,
}


Change = Callable[[Session, Labeler], object]


@dataclass(frozen=True)
class RankingRow:
    ranking: Ranking
    order: Told
    is_mine: bool


@dataclass(frozen=True, kw_only=True)
class RankingsPage(DataPage):
    template: ClassVar[str] = "data/rankings.html"
    here: Address
    """What is shown, for the forms and links."""
    rows: list[RankingRow]
    """In the order asked for."""
    further: Further
    """Where the next page begins."""
    who: Whose
    """Whose rankings are shown."""
    whose_options: tuple[tuple[str, str], ...] = WHOSE
    """Values and names, untranslated, as those below."""
    standings: tuple[tuple[str, str], ...] = STANDINGS
    """Whether withdrawn ones are shown."""
    sorts: tuple[tuple[str, str], ...] = SORTS
    """The orders."""
    language_names: tuple[tuple[str, str], ...] = tuple(NAMES.items())
    """Of prompts: codes and names."""
    tags: tuple[tuple[str, str], ...]
    """Those that rankings have, with how often."""


@dataclass(frozen=True)
class Placed:
    """One answer with its place in a ranking."""

    answer: Completion
    letter: str
    rank: int
    is_tied: bool


@dataclass(frozen=True, kw_only=True)
class RankingPage(DataPage):
    template: ClassVar[str] = "data/ranking.html"
    ranking: Ranking
    """With its group, prompt, answers and labeler."""
    order: Told
    """In letters and in words."""
    answers: list[Placed]
    """The best first."""
    versions: list[Version]
    """Those that learned from it."""
    vote_id: int | None
    """The vote that it came of."""
    is_mine: bool
    """Whether this browser's labeler gave it."""
    can_be_changed: bool
    """Whether another order can take its place."""
    has_prediction: bool
    """Whether the reward model in use can be asked about it, which only its labeler may."""
    names_hidden: bool
    """Whether its card is out again, to be judged blind."""
    error: AppError | None = None
    """Why the last button did nothing."""


def wanted_of(address: Address, who: Whose) -> RankingsWanted:
    state, sort = address.get("state"), address.get("sort")
    return RankingsWanted(
        standing=Standing(state) if state in set(Standing) else Standing.IN_FORCE,
        labeler_id=who.labeler_id,
        kind=who.kind,
        words=address.get("q"),
        language=address.get("language") or None,
        commented=bool(address.get("comment")),
        tag=address.get("tag"),
        order=RankingOrder(sort) if sort in set(RankingOrder) else RankingOrder.NEWEST,
    )


@router.get(PATH)
def index(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    here = address_of(request, PATH, KNOWN)
    own_name = labeler_name(request)
    who = whose(session, here.get("who"), own_name)
    wanted = wanted_of(here, who)
    after, page = page_at(request, here.after, lambda after: list_rankings(session, wanted, after=after, limit=ROWS))
    here = here.behind(after)
    rows = [RankingRow(each, order_of(each), each.labeler.name == own_name) for each in page.items]
    shown = RankingsPage(
        frame=frame(session, runtime, PATH),
        here=here,
        rows=rows,
        further=further(page),
        who=who,
        tags=choices(session, Tagged.RANKING),
    )
    return render(request, shown)


@router.get(PATH + "/rankings")
async def also_index(request: Request) -> Response:
    """As its siblings are called; links keep what they ask for."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(PATH + query, 308)


@router.get(PATH + "/rankings/{ranking_id}")
def show(request: Request, runtime: RuntimeDep, session: ReadSession, ranking_id: RowId, done: str = "") -> Response:
    return _page(
        session, request=request, runtime=runtime, ranking_id=ranking_id, notice=_(DONE[done]) if done in DONE else ""
    )


@router.post(PATH + "/rankings/{ranking_id}/withdraw")
async def withdraw(
    request: Request, runtime: RuntimeDep, who: BrowserLabeler, _form: FormDep, ranking_id: RowId
) -> Response:
    return await _change(request, runtime, who, ranking_id, "withdraw", partial(_take_out, ranking_id))


@router.post(PATH + "/rankings/{ranking_id}/restore")
async def restore(
    request: Request, runtime: RuntimeDep, who: BrowserLabeler, _form: FormDep, ranking_id: RowId
) -> Response:
    put_back = partial(_put_back, ranking_id, runtime.settings.retrain_after_rankings)
    return await _change(request, runtime, who, ranking_id, "restore", put_back)


def _take_out(ranking_id: int, session: Session, labeler: Labeler) -> Ranking:
    return rankings.take_out(session, ranking_id, labeler)


def _put_back(ranking_id: int, retrain_after: int, session: Session, labeler: Labeler) -> Ranking:
    return rankings.put_back(session, ranking_id, labeler, retrain_after=retrain_after)


async def _change(
    request: Request, runtime: Runtime, who: LabelerName, ranking_id: int, done: str, change: Change
) -> Response:
    try:
        await runtime.writing.run(lambda session: change(session, labeler_of(session, who)))
    except NotFoundError:
        raise
    except AppError as error:
        refused = partial(_page, request=request, runtime=runtime, ranking_id=ranking_id, error=error)
        return await runtime.reading.run(refused)
    return RedirectResponse(f"{PATH}/rankings/{ranking_id}?done={done}", 303)


def _page(
    session: Session,
    *,
    request: Request,
    runtime: Runtime,
    ranking_id: int,
    notice: str = "",
    error: AppError | None = None,
) -> Response:
    ranking = get_ranking(session, ranking_id)
    is_mine = ranking.labeler.name == labeler_name(request)
    page = RankingPage(
        frame=frame(session, runtime, PATH, notice),
        ranking=ranking,
        order=order_of(ranking),
        answers=placed(ranking),
        versions=learned_from(session, ranking_id),
        vote_id=session.scalar(select(Vote.id).where(Vote.ranking_id == ranking_id)),
        is_mine=is_mine,
        can_be_changed=may_be_changed(ranking),
        has_prediction=is_mine and ranking.withdrawn_at is None and active_reward(session) is not None,
        names_hidden=is_unseen(ranking.group),
        error=error,
    )
    return render(request, page, status_code=200 if error is None else error.status_code)


def may_be_changed(ranking: Ranking) -> bool:
    """By whoever gave it: it counts, and its group is a card."""
    return ranking.withdrawn_at is None and ranking.group.digest is None


def is_unseen(group: Group) -> bool:
    return group.status in UNSEEN


def order_of(ranking: Ranking) -> Told:
    ranks = {int(answer): rank for answer, rank in ranking.ranks.items()}
    return in_letters(ranks, [answer.id for answer in ranking.answers])


def placed(ranking: Ranking) -> list[Placed]:
    """The best first; of equal ones, in the order shown."""
    ranks = list(ranking.ranks.values())
    answers = [
        Placed(answer, LETTERS[place], rank, ranks.count(rank) > 1)
        for place, answer in enumerate(ranking.answers)
        if (rank := ranking.ranks[str(answer.id)])
    ]
    return sorted(answers, key=lambda each: (each.rank, each.letter))
