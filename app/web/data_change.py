"""One's own ranking opened for change, with the order that counts in it: another one takes its place when it is sent,
and until then nothing is lost."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from app.db.models.groups import Completion
from app.db.models.rankings import Ranking
from app.errors import About, AppError, ConflictError, InvalidError, Record
from app.formats.ids import RowId
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute
from app.services.labeling.changing import change_ranking, not_in_force
from app.services.labeling.labelers import LabelerName, labeler_of
from app.services.labeling.own_answers import OwnAnswer, offered
from app.services.labeling.rankings import standing_ranking
from app.services.views.ranking_records import get_ranking
from app.translation import N_, _, sentences
from app.web.browser_name import BrowserLabeler, labeler_name
from app.web.data_frame import PATH, DataPage, frame
from app.web.data_rankings import may_be_changed
from app.web.ranking_form import OWN_FIELD, OWN_RANK, normalized, parse_own, parse_ranks, ranks_so_far, whole_number
from app.web.security import FormDep
from app.web.templating import render

router = APIRouter(route_class=UnitRoute)
HERE = PATH + "/rankings/{ranking_id}/change"
SENT = N_("What you sent stands here: keep it, and it takes that one's place.")


@dataclass(frozen=True, kw_only=True)
class ChangePage(DataPage):
    """The card once more, as label/_answer.html and label/_own_answer.html have it."""

    template: ClassVar[str] = "data/change.html"
    ranking: Ranking
    """With its group and prompt."""
    answers: list[Completion]
    """The four, in the order in which they were shown."""
    former_ranks: Mapping[int, int]
    """Rank by answer: as it counts now, or as it was refused."""
    own_text: str = ""
    """The labeler's own answer."""
    own_rank: int | None = None
    """Its rank among all five."""
    former_comment: str = ""
    """As `former_ranks`."""
    problem: str = ""
    """Why what was sent was refused."""


@router.get(HERE)
def show(request: Request, runtime: RuntimeDep, session: ReadSession, ranking_id: RowId) -> Response:
    """Raises ConflictError for what its labeler cannot change, with the reason."""
    return render(request, _page(session, request=request, runtime=runtime, ranking_id=ranking_id))


@router.post(HERE)
async def change(
    request: Request, runtime: RuntimeDep, who: BrowserLabeler, form: FormDep, ranking_id: RowId
) -> Response:
    """Fields as a card's. A refused order stays in the form; where the ranking was changed meanwhile, that is the form
    of the one that counts."""
    try:
        own = parse_own(form)
        if own is not None:
            group_id = await runtime.reading.run(lambda session: get_ranking(session, ranking_id).group_id)
            await run_in_threadpool(runtime.group_sampling.check_own_answer, group_id, own.text)
        store = partial(_change, runtime=runtime, who=who, form=form, ranking_id=ranking_id, own=own)
        standing_id = await runtime.writing.run(store)
    except (ConflictError, InvalidError) as error:
        kept_in = ranking_id if error.about is None else int(error.about.id)
        if isinstance(error, ConflictError) and kept_in == ranking_id:
            raise
        refused = partial(_refused, request=request, runtime=runtime, ranking_id=kept_in, form=form, error=error)
        return await runtime.reading.run(refused)
    done = "change" if standing_id != ranking_id else "unchanged"
    return RedirectResponse(f"{PATH}/rankings/{standing_id}?done={done}", 303)


def _change(
    session: Session, *, runtime: Runtime, who: LabelerName, form: FormData, ranking_id: int, own: OwnAnswer | None
) -> int:
    ranking = change_ranking(
        session,
        ranking_id,
        labeler_of(session, who),
        ranks=normalized(parse_ranks(form), own),
        comment=str(form.get("comment", "")),
        duration_ms=whole_number(form.get("duration_ms")),
        retrain_after=runtime.settings.retrain_after_rankings,
    )
    return ranking.id


def _page(session: Session, *, request: Request, runtime: Runtime, ranking_id: int) -> ChangePage:
    ranking = get_ranking(session, ranking_id)
    if ranking.labeler.name != labeler_name(request):
        said = _("Ranking {id} is somebody else's, and only they can change it.", id=ranking_id)
        raise ConflictError(said, about=About(Record.RANKING, ranking_id))
    if ranking.withdrawn_at is not None:
        raise not_in_force(ranking, standing_ranking(session, ranking.group_id, ranking.labeler))
    if not may_be_changed(ranking):
        said = _("Ranking {id} cannot be changed: it came with a file or of a vote.", id=ranking_id)
        raise ConflictError(said, about=About(Record.RANKING, ranking_id))
    ranks, answers = {int(key): rank for key, rank in ranking.ranks.items()}, offered(ranking.group)
    own = next((answer for answer in ranking.answers if answer not in answers), None)
    return ChangePage(
        frame=frame(session, runtime, PATH),
        ranking=ranking,
        answers=answers,
        former_ranks=ranks,
        own_text="" if own is None else own.text,
        own_rank=None if own is None else ranks[own.id],
        former_comment=ranking.comment or "",
    )


def _refused(
    session: Session, *, request: Request, runtime: Runtime, ranking_id: int, form: FormData, error: AppError
) -> Response:
    page = _page(session, request=request, runtime=runtime, ranking_id=ranking_id)
    said = [error.page_message] if isinstance(error, InvalidError) else [error.page_message, _(SENT)]
    kept = replace(
        page,
        former_ranks=ranks_so_far(form),
        own_text=str(form.get(OWN_FIELD, "")),
        own_rank=whole_number(form.get(OWN_RANK)),
        former_comment=str(form.get("comment", "")),
        problem=sentences(*said),
    )
    return render(request, kept, status_code=error.status_code)
