"""The arena: two versions' answers side by side, blind; a vote, the names, and the next pair."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from app.db.models.arena import PairSource, PairStatus, Verdict
from app.errors import AppError, ConflictError, InvalidError
from app.formats.ids import RowId, parse_id
from app.http.head import wants_head_only
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.arena import pairs, votes
from app.services.arena.matches import NoMatchError, match_of
from app.services.arena.pair_prefetch import Wanted
from app.services.arena.pair_sampling import MatchIds
from app.services.arena.sequential import Settled
from app.services.arena.standings import result_of
from app.services.labeling import labelers
from app.services.labeling.labelers import LabelerName
from app.translation import N_, _
from app.web.arena_address import PATH, Address, address_of, notice_misread
from app.web.arena_page import match_of_pair, show
from app.web.arena_result import outlook_sentence, result
from app.web.arena_views import NoPair, pair_card, revealed
from app.web.browser_name import BrowserLabeler
from app.web.languages import asked_of
from app.web.security import FormDep, same_origin
from app.web.templating import is_fragment, render

router = APIRouter(route_class=UnitRoute)
FIRST_VISIT = "first"


@router.get(PATH)
async def index(request: Request, runtime: RuntimeDep, who: BrowserLabeler) -> Response:
    """A pair is taken only where this site itself, or the person, asked for the page. A new browser comes back once
    with its name."""
    if not request.state.has_name and FIRST_VISIT not in request.query_params and not is_fragment(request):
        query = f"{request.url.query}&{FIRST_VISIT}" if request.url.query else FIRST_VISIT
        return RedirectResponse(f"{PATH}?{query}", 303)
    address = address_of(request.query_params)
    notice_misread(request)
    takes = same_origin(request.headers) and not wants_head_only(request) and request.state.has_name
    told = _("Your last vote was taken back. Its pair does not come again.") if "undone" in request.query_params else ""
    return await _next(request, runtime, who, address, takes=takes, told=told)


async def _next(
    request: Request, runtime: Runtime, who: LabelerName, address: Address, *, takes: bool = True, told: str = ""
) -> Response:
    show_next = partial(_show_next, request=request, runtime=runtime, who=who, address=address, told=told)
    page = await runtime.reading.run(partial(show_next, takes=takes))
    if isinstance(page, Wanted):
        wanted = page
        await runtime.writing.run(
            lambda session: runtime.pair_sampling.lease_ready(session, who, wanted.ids, wanted.source, wanted.asked)
        )
        page = await runtime.reading.run(partial(show_next, takes=False))
    assert isinstance(page, Response)
    return page


def _show_next(
    session: Session,
    *,
    request: Request,
    runtime: Runtime,
    who: LabelerName,
    address: Address,
    takes: bool,
    told: str,
) -> Response | Wanted:
    """The pair that this labeler has before them, or why there is none. What is wanted, where one is ready for them."""
    labeler = labelers.find_labeler(session, who.name)
    last = None if labeler is None else votes.last_vote(session, labeler)
    undo_id = None if last is None else last.id
    try:
        match = match_of(session, address.ids.version_id, address.ids.against_id)
    except NoMatchError as error:
        nothing = NoPair(title=N_("Nothing to compare yet"), message=error.page_message, here=address, told=told)
        return show(request, runtime, session, nothing, address, None)
    pair = None if labeler is None else pairs.held_pair(session, labeler, match, address.source)
    found = result_of(session, match)
    if (
        found.settled is not Settled.OPEN
        and not address.goes_on
        and (pair is None or pair.source is not PairSource.OWN)
    ):
        settled = NoPair(
            title=N_("Enough votes"),
            message=outlook_sentence(found),
            here=address.going_on,
            more=True,
            version=match.version,
            undo_id=undo_id,
            told=told,
        )
        return show(request, runtime, session, settled, address, match)
    wanted = Wanted(address.ids, address.source, asked_of(request, labeler))
    if pair is not None:
        runtime.pair_prefetcher.ask(wanted)
        return show(request, runtime, session, pair_card(pair, address, undo_id, told), address, match)
    if not request.state.has_name:
        return show(request, runtime, session, _no_cookies(address), address, match)
    if takes and _is_ready(session, runtime, wanted):
        return wanted
    problem = runtime.pair_prefetcher.problem(wanted)
    runtime.pair_prefetcher.ask(wanted)
    waiting = NoPair(
        title=N_("Two answers are being written") if problem is None else N_("There is no pair now"),
        message=_("They will be here in a moment.") if problem is None else problem,
        here=address,
        retry=True,
        undo_id=undo_id,
        told=told,
    )
    return show(request, runtime, session, waiting, address, match)


def _is_ready(session: Session, runtime: Runtime, wanted: Wanted) -> bool:
    try:
        return runtime.pair_sampling.has_ready(session, wanted.ids, wanted.source, wanted.asked)
    except AppError:  # said by the prefetcher
        return False


def _no_cookies(address: Address) -> NoPair:
    return NoPair(
        title=N_("Your browser keeps no cookies"),
        message=_(
            "A pair is given to one browser at a time, and cookies tell browsers apart. Allow cookies for this address."
        ),
        here=address,
    )


@router.get(f"{PATH}/pairs/{{pair_id}}")
def show_pair(
    request: Request, runtime: RuntimeDep, session: ReadSession, who: BrowserLabeler, pair_id: RowId
) -> Response:
    """One's own pair: to judge or, after the vote, with the names."""
    return _show_pair(session, request=request, runtime=runtime, who=who, pair_id=pair_id)


def _show_pair(session: Session, *, request: Request, runtime: Runtime, who: LabelerName, pair_id: int) -> Response:
    address = address_of(request.query_params)
    labeler = labelers.find_labeler(session, who.name)
    pair = pairs.own_pair(session, pair_id, labeler)
    match = match_of_pair(session, pair, address.ids)
    around = address if match is None else replace(address, ids=MatchIds(*match.ids))
    vote = None if labeler is None else votes.vote_on(session, pair.id, labeler)
    if vote is not None:
        return show(request, runtime, session, revealed(session, vote, address), around, match)
    if pair.status is not PairStatus.HELD:
        raise ConflictError(_("You skipped this pair. Continue with the next one."))
    return show(request, runtime, session, pair_card(pair, address, None), around, match)


@router.post(f"{PATH}/pairs/{{pair_id}}/votes")
def vote(
    request: Request, runtime: RuntimeDep, session: WriteSession, who: BrowserLabeler, form: FormDep, pair_id: RowId
) -> Response:
    """Field `verdict`: a, b, tie or both_bad."""
    address = address_of(request.query_params)
    cast = votes.cast_vote(
        session,
        pair_id=pair_id,
        labeler=labelers.labeler_of(session, who),
        verdict=_verdict(form),
        duration_ms=parse_id(str(form.get("duration_ms", ""))),
        idempotency_key=str(form.get("idempotency_key", "")) or None,
        retrain_after=runtime.settings.retrain_after_rankings,
        data_dir=runtime.settings.data_dir,
    )
    if cast.activated_version_id is not None:
        runtime.prefetcher.wake()
    if not is_fragment(request):
        return RedirectResponse(address.at(f"{PATH}/pairs/{pair_id}") + "#card", 303)
    return render(request, revealed(session, cast, address))


def _verdict(form: FormData) -> Verdict:
    given = str(form.get("verdict", ""))
    if given not in set(Verdict):
        raise InvalidError(_("The form was changed. Reload the page."))
    return Verdict(given)


@router.post(f"{PATH}/pairs/{{pair_id}}/skip")
async def skip(request: Request, runtime: RuntimeDep, who: BrowserLabeler, _form: FormDep, pair_id: RowId) -> Response:
    def skip_it(session: Session) -> None:
        pairs.skip(session, pair_id, labelers.labeler_of(session, who))

    return await _and_next(request, runtime, who, skip_it)


@router.post(f"{PATH}/votes/{{vote_id}}/withdraw")
async def withdraw(
    request: Request, runtime: RuntimeDep, who: BrowserLabeler, _form: FormDep, vote_id: RowId
) -> Response:
    def take_back(session: Session) -> None:
        votes.withdraw_vote(session, vote_id, labelers.labeler_of(session, who))

    told = _("Your last vote was taken back. Its pair does not come again.")
    return await _and_next(request, runtime, who, take_back, told=told, undone="undone")


async def _and_next(
    request: Request,
    runtime: Runtime,
    who: LabelerName,
    action: Callable[[Session], None],
    *,
    told: str = "",
    undone: str = "",
) -> Response:
    address = address_of(request.query_params)
    await runtime.writing.run(action)
    if is_fragment(request):
        return await _next(request, runtime, who, address, told=told)
    target = address.at()
    return RedirectResponse(f"{target}{'&' if '?' in target else '?'}{undone}#card" if undone else target, 303)


@router.get(f"{PATH}/result")
def show_result(request: Request, session: ReadSession) -> Response:
    address = address_of(request.query_params)
    match = match_of(session, address.ids.version_id, address.ids.against_id)
    return render(request, result(session, match, address))
