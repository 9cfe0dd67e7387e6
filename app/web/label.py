"""The label page's card: the one that is held, or the next one, as a page and as the fragment that htmx swaps in."""

from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.db.base import utc_now
from app.db.models.groups import GroupStatus
from app.errors import ConflictError, UnavailableError
from app.formats.ids import RowId
from app.formats.languages import Asked, name
from app.http.head import wants_head_only
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute
from app.services.labeling import groups, labelers
from app.services.labeling.labelers import LabelerName
from app.services.labeling.languages import prompts_at_hand
from app.translation import _
from app.web.browser_name import BrowserLabeler
from app.web.cards import NO_COOKIES, CardInWriting, Language, card_of, no_card
from app.web.label_page import show, strip_of, understood_cookie
from app.web.languages import asked_of, can_leave_out
from app.web.security import FormDep, same_origin
from app.web.templating import is_fragment, render
from app.web.told_again import of_address

router = APIRouter(route_class=UnitRoute)
FIRST_VISIT = "first"


@router.get("/")
async def index(request: Request, runtime: RuntimeDep, who: BrowserLabeler) -> Response:
    """A new browser is sent here once more, and comes back with its name. One that does not keeps no cookies: it takes
    no card, since it would take another one each time."""
    first = FIRST_VISIT in request.query_params
    if request.state.has_name == first and not is_fragment(request):
        return RedirectResponse("/" if first else f"/?{FIRST_VISIT}", 303)
    return await _next_card(request, runtime, who)


@router.get("/card")
async def next_card(request: Request, runtime: RuntimeDep, who: BrowserLabeler) -> Response:
    return await _next_card(request, runtime, who)


async def _next_card(request: Request, runtime: Runtime, who: LabelerName) -> Response:
    """A reload only reads. A new card is leased where this site itself, or the person, asked for the page: a link or a
    script elsewhere takes no card from anybody."""
    show_card = partial(_show_card, request=request, runtime=runtime, who=who)
    wanted = same_origin(request.headers) and not wants_head_only(request)
    page = await runtime.reading.run(partial(show_card, lease_first=wanted))
    if isinstance(page, Asked):
        asked = page
        await runtime.writing.run(partial(_lease, runtime=runtime, who=who, asked=asked))
        runtime.prefetcher.taken(asked)
        page = await runtime.reading.run(partial(show_card, lease_first=False))
    assert isinstance(page, Response)
    return page


def _lease(session: Session, *, runtime: Runtime, who: LabelerName, asked: Asked) -> None:
    """A new labeler's choice, which only this browser knew, is kept with their name from now on."""
    labeler = labelers.labeler_of(session, who)
    if labeler.languages is None and asked.chosen:
        labelers.choose_languages(session, labeler, asked.languages)
    runtime.group_sampling.lease_ready(session, who, asked)


def _show_card(
    session: Session, *, request: Request, runtime: Runtime, who: LabelerName, lease_first: bool
) -> Response | Asked:
    """The card that this labeler holds, or why there is none. The languages asked for, where a card in them is free
    that should be leased first."""
    labeler, now = labelers.find_labeler(session, who.name), utc_now()
    group = None if labeler is None else groups.held_group(session, labeler=labeler, now=now)
    asked = asked_of(request, labeler)
    if labeler is not None and group is not None:
        card, unread = card_of(session, labeler, group), request.query_params.get("unread")
        if unread is not None and can_leave_out(prompts_at_hand(session), asked, unread):
            card = replace(card, leave_out=Language(unread, name(unread)))
        return show(request, runtime, session, of_address(card, runtime, session, labeler, request.query_params))
    if not request.state.has_name:
        return show(request, runtime, session, NO_COOKIES)
    at_hand = prompts_at_hand(session)
    try:
        tags = at_hand.tags_to_draw(asked)
    except UnavailableError as error:
        return show(request, runtime, session, no_card(runtime, session, labeler, error), at_hand=at_hand)
    if lease_first and groups.has_free(session, now=now, tags=tags):
        return asked
    if lease_first:
        runtime.prefetcher.ask(asked)
    nothing = no_card(runtime, session, labeler)
    if labeler is not None:
        nothing = of_address(nothing, runtime, session, labeler, request.query_params)
    return show(request, runtime, session, nothing, at_hand=at_hand)


@router.get("/strip")
def strip(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    return render(request, strip_of(request, runtime, session))


@router.post("/loop/understood")
def loop_understood(request: Request, _form: FormDep) -> Response:
    """The picture of the loop is folded from now on in this browser."""
    response = Response(status_code=204) if is_fragment(request) else RedirectResponse("/", 303)
    response.headers.append("set-cookie", understood_cookie())
    return response


@router.get("/groups/{group_id}")
def show_group(
    request: Request, runtime: RuntimeDep, session: ReadSession, who: BrowserLabeler, group_id: RowId
) -> Response:
    return show_own_card(session, request=request, runtime=runtime, who=who, group_id=group_id)


def show_own_card(session: Session, *, request: Request, runtime: Runtime, who: LabelerName, group_id: int) -> Response:
    """As far as its answers are there. Raises ConflictError where it is somebody else's."""
    group, labeler = groups.get_group(session, group_id), labelers.find_labeler(session, who.name)
    if labeler is None:
        raise ConflictError(_("This card belongs to somebody else. Continue with the next one."))
    if group.status is GroupStatus.SAMPLING and group.leased_to == labeler.id:
        return show(request, runtime, session, CardInWriting(group=group))
    groups.check_leased(group, labeler)
    card = of_address(card_of(session, labeler, group), runtime, session, labeler, request.query_params)
    return show(request, runtime, session, card)
