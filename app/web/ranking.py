"""What a person does with a card: ranks it, skips it, or takes the last of both back. The next card comes at once."""

from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from app.db.base import utc_now
from app.db.models.groups import SkipReason
from app.db.models.labelers import Labeler
from app.errors import InvalidError, UnavailableError
from app.formats.ids import RowId
from app.formats.languages import Asked, name, primary
from app.runtime import Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.labeling import groups, labelers, rankings, skips
from app.services.labeling.labelers import LabelerName
from app.services.labeling.languages import prompts_at_hand, tags_to_draw
from app.services.labeling.own_answers import OwnAnswer
from app.translation import _
from app.web import told, told_again
from app.web.browser_name import BrowserLabeler
from app.web.cards import Card, Language, NoCard, card_of, no_card
from app.web.label_page import show
from app.web.languages import asked_of, can_leave_out
from app.web.ranking_form import OWN_FIELD, OWN_RANK, normalized, parse_own, parse_ranks, whole_number
from app.web.security import FormDep
from app.web.templating import is_fragment
from app.web.told import Told

router = APIRouter(route_class=UnitRoute)


@router.post("/groups/{group_id}/rankings")
async def submit_ranking(
    request: Request, runtime: RuntimeDep, who: BrowserLabeler, form: FormDep, group_id: RowId
) -> Response:
    """Fields: `rank-ID` for each of the four answers and, for an answer of one's own, `own_answer` and `rank-own`; then
    ranks go to 5. Both left empty, there is no own one."""
    own = parse_own(form)
    refused: InvalidError | None = None
    if own is not None:
        try:
            await run_in_threadpool(runtime.group_sampling.check_own_answer, group_id, own.text)
        except InvalidError as error:
            refused = error
    submit = partial(
        _submit, request=request, runtime=runtime, who=who, form=form, group_id=group_id, own=own, refused=refused
    )
    return await runtime.writing.run(submit)


def _submit(
    session: Session,
    *,
    request: Request,
    runtime: Runtime,
    who: LabelerName,
    form: FormData,
    group_id: int,
    own: OwnAnswer | None,
    refused: InvalidError | None,
) -> Response:
    labeler = _labeler(session, who)
    ranks, comment = parse_ranks(form), str(form.get("comment", ""))
    try:
        if refused is not None:
            raise refused
        ranking = rankings.submit_ranking(
            session,
            group_id=group_id,
            labeler=labeler,
            ranks=normalized(ranks, own),
            comment=comment,
            duration_ms=whole_number(form.get("duration_ms")),
            idempotency_key=str(form.get("idempotency_key", "")) or None,
            retrain_after=runtime.settings.retrain_after_rankings,
        )
    except InvalidError as error:
        if is_fragment(request):
            raise
        card = card_of(session, labeler, groups.get_leased_group(session, group_id, labeler))
        kept = replace(
            card,
            former_ranks=ranks,
            former_comment=comment,
            own_text=str(form.get(OWN_FIELD, "")),
            own_rank=whole_number(form.get(OWN_RANK)),
            form_error=error.page_message,
        )
        return show(request, runtime, session, kept, status_code=error.status_code)
    if not is_fragment(request):
        return RedirectResponse(told_again.after_ranking(ranking), 303)
    said, predicted = told_again.of_ranking(runtime, session, ranking), told_again.predicted(session, ranking)
    return _next_card(request, runtime, session, labeler, said, predicted=predicted)


@router.post("/groups/{group_id}/skip")
def skip_group(
    request: Request, runtime: RuntimeDep, session: WriteSession, who: BrowserLabeler, form: FormDep, group_id: RowId
) -> Response:
    try:
        reason = SkipReason(str(form.get("reason", "")))
    except ValueError as error:
        raise InvalidError(_("Choose one of the reasons to skip this prompt.")) from error
    labeler = _labeler(session, who)
    skip = skips.skip_group(session, group_id=group_id, labeler=labeler, reason=reason)
    unread = _unread_language(request, session, labeler, group_id) if reason is SkipReason.UNREADABLE else None
    if not is_fragment(request):
        return RedirectResponse(told_again.after_skip(skip, None if unread is None else unread.code), 303)
    return _next_card(request, runtime, session, labeler, told.of_skip(), unread)


def _unread_language(request: Request, session: Session, labeler: Labeler, group_id: int) -> Language | None:
    code = primary(groups.get_group(session, group_id).prompt.language)
    offered = can_leave_out(prompts_at_hand(session), asked_of(request, labeler), code)
    return Language(code, name(code)) if offered else None


@router.post("/groups/{group_id}/skip/withdraw")
def take_skip_back(
    request: Request, runtime: RuntimeDep, session: WriteSession, who: BrowserLabeler, _form: FormDep, group_id: RowId
) -> Response:
    labeler, seconds = _labeler(session, who), runtime.settings.lease_seconds
    skips.take_skip_back(session, group_id=group_id, labeler=labeler, lease_seconds=seconds)
    if not is_fragment(request):
        return RedirectResponse(told_again.after_undo(group_id, told_again.SKIP), 303)
    card = card_of(session, labeler, groups.get_leased_group(session, group_id, labeler))
    return show(request, runtime, session, _telling(card, told.of_undone_skip()))


@router.post("/rankings/{ranking_id}/withdraw")
def withdraw_ranking(
    request: Request, runtime: RuntimeDep, session: WriteSession, who: BrowserLabeler, _form: FormDep, ranking_id: RowId
) -> Response:
    labeler = _labeler(session, who)
    ranking = rankings.withdraw_ranking(session, ranking_id, labeler, lease_seconds=runtime.settings.lease_seconds)
    if not is_fragment(request):
        return RedirectResponse(told_again.after_undo(ranking.group_id, told_again.RANKING), 303)
    card = card_of(session, labeler, groups.get_leased_group(session, ranking.group_id, labeler))
    return show(request, runtime, session, _telling(card, told.of_undone_ranking()))


def _labeler(session: Session, who: LabelerName) -> Labeler:
    return labelers.labeler_of(session, who)


def _telling(card: Card | NoCard, said: Told) -> Card | NoCard:
    return replace(card, told=said.shown, notice=said.spoken)


def _next_card(
    request: Request,
    runtime: Runtime,
    session: Session,
    labeler: Labeler,
    said: Told,
    unread: Language | None = None,
    predicted: int | None = None,
) -> Response:
    card = _telling(_lease_card(runtime, session, labeler, asked_of(request, labeler)), said)
    return show(request, runtime, session, replace(card, leave_out=unread, predicted=predicted))


def _lease_card(runtime: Runtime, session: Session, labeler: Labeler, asked: Asked) -> Card | NoCard:
    seconds = runtime.settings.lease_seconds
    try:
        tags = tags_to_draw(session, asked)
    except UnavailableError as error:
        return no_card(runtime, session, labeler, error)
    group = groups.next_group(session, labeler=labeler, now=utc_now(), lease_seconds=seconds, tags=tags)
    if group is None:
        runtime.prefetcher.ask(asked)
        return no_card(runtime, session, labeler)
    runtime.prefetcher.taken(asked)
    return card_of(session, labeler, group)
