"""The label page: one card at a time, as a page and as the fragment that htmx swaps in."""

import re
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from app.chat import Message
from app.db.base import utc_now
from app.db.models.groups import ANSWERS_PER_GROUP, Group, GroupStatus, SkipReason
from app.db.models.labelers import Labeler
from app.errors import AppError, ConflictError, InvalidError, UnavailableError
from app.formats.ids import RowId
from app.formats.languages import Asked
from app.http.head import wants_head_only
from app.preferences import competition_ranks
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.labeling import groups, labelers, languages, rankings
from app.services.labeling.labelers import Change
from app.services.prompts.prompts import validate_messages
from app.services.sampling.group_sampling import LabelerName
from app.services.views.loop_status import loop_status
from app.web import formatting
from app.web.languages import asked_of, language_choice
from app.web.security import FormDep, same_origin
from app.web.templating import is_fragment, render

router = APIRouter(route_class=UnitRoute)
RANK_FIELD = "rank-"
ASK_KEY = re.compile("[0-9a-f]{32}")


FIRST_VISIT = "first"
CHANGED = {
    Change.RENAMED: "You now rank as {name}.",
    Change.JOINED: "You continue as {name}. That name is already in use: its cards and rankings are yours here, too.",
}


async def _who(request: Request) -> LabelerName:
    return LabelerName(request.state.labeler_name)


WhoDep = Annotated[LabelerName, Depends(_who)]


def _labeler(session: Session, who: LabelerName) -> Labeler:
    return labelers.get_or_create_labeler(session, who.name, who.kind)


@dataclass(frozen=True)
class Waiting:
    """Why there is no card."""

    title: str
    message: str
    retry: bool = True
    prompts_link: bool = False


NO_COOKIES = Waiting(
    "Your browser keeps no cookies",
    "A card is given to one browser at a time, and cookies tell browsers apart. Allow cookies for this address.",
)


@router.get("/")
async def index(request: Request, runtime: RuntimeDep, who: WhoDep) -> Response:
    """A new browser is sent here once more, and comes back with its name. One that does not keeps no cookies: it takes
    no card, since it would take another one each time."""
    first = FIRST_VISIT in request.query_params
    if request.state.has_name == first and not is_fragment(request):
        return RedirectResponse("/" if first else f"/?{FIRST_VISIT}", 303)
    return await _next_card(request, runtime, who)


@router.get("/card")
async def next_card(request: Request, runtime: RuntimeDep, who: WhoDep) -> Response:
    return await _next_card(request, runtime, who)


async def _next_card(request: Request, runtime: Runtime, who: LabelerName) -> Response:
    """A reload only reads. A new card is leased where this site itself, or the person, asked for the page: a link or a
    script elsewhere takes no card from anybody."""
    show = partial(_show_card, request=request, runtime=runtime, who=who)
    wanted = same_origin(request.headers) and not wants_head_only(request)
    page = await runtime.reading.run(partial(show, lease_first=wanted))
    if page is None:
        asked = asked_of(request)
        await runtime.writing.run(partial(runtime.group_sampling.lease_ready, who=who, asked=asked))
        runtime.prefetcher.taken(asked)
        page = await runtime.reading.run(partial(show, lease_first=False))
    assert page is not None
    return page


def _show_card(
    session: Session, *, request: Request, runtime: Runtime, who: LabelerName, lease_first: bool
) -> Response | None:
    """The card that this labeler holds, or why there is none. None where one is free that should be leased first."""
    labeler, now = labelers.find_labeler(session, who.name), utc_now()
    group = None if labeler is None else groups.held_group(session, labeler=labeler, now=now)
    if labeler is not None and group is not None:
        return _page(request, runtime, session, _card(session, labeler, group))
    if not request.state.has_name:
        return _page(request, runtime, session, _waiting(NO_COOKIES))
    asked = asked_of(request)
    try:
        tags = languages.tags_to_draw(session, asked)
    except UnavailableError as error:
        return _page(request, runtime, session, _no_card(runtime, session, labeler, error))
    if lease_first and groups.has_free(session, now=now, tags=tags):
        return None
    if lease_first:
        runtime.prefetcher.ask(asked)
    return _page(request, runtime, session, _no_card(runtime, session, labeler))


@router.get("/strip")
def strip(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    return render(request, "label/_strip.html", _strip(runtime, session))


@router.get("/groups/{group_id}")
def show_group(request: Request, runtime: RuntimeDep, session: ReadSession, who: WhoDep, group_id: RowId) -> Response:
    return _own_card(session, request=request, runtime=runtime, who=who, group_id=group_id)


def _own_card(session: Session, *, request: Request, runtime: Runtime, who: LabelerName, group_id: int) -> Response:
    group, labeler = groups.get_group(session, group_id), labelers.find_labeler(session, who.name)
    if labeler is None:
        raise ConflictError("This card belongs to somebody else. Continue with the next one.")
    if group.status is GroupStatus.SAMPLING and group.leased_to == labeler.id:
        return _page(request, runtime, session, _sampling(group))
    groups.check_leased(group, labeler)
    return _page(request, runtime, session, _card(session, labeler, group))


@router.post("/groups/{group_id}/rankings")
def submit_ranking(
    request: Request, runtime: RuntimeDep, session: WriteSession, who: WhoDep, form: FormDep, group_id: RowId
) -> Response:
    labeler = _labeler(session, who)
    ranks, comment = _parse_ranks(form), str(form.get("comment", ""))
    try:
        rankings.submit_ranking(
            session,
            group_id=group_id,
            labeler=labeler,
            ranks=_normalized(ranks),
            comment=comment,
            duration_ms=_whole_number(form.get("duration_ms")),
            idempotency_key=str(form.get("idempotency_key", "")) or None,
            retrain_after=runtime.settings.retrain_after_rankings,
        )
    except InvalidError as error:
        if is_fragment(request):
            raise
        group = groups.get_leased_group(session, group_id, labeler)
        kept = _card(session, labeler, group) | {
            "former_ranks": ranks,
            "former_comment": comment,
            "form_error": error.page_message,
        }
        return _page(request, runtime, session, kept, status_code=error.status_code)
    return _after_card(request, runtime, session, labeler, "Ranking saved.")


@router.post("/groups/{group_id}/skip")
def skip_group(
    request: Request, runtime: RuntimeDep, session: WriteSession, who: WhoDep, form: FormDep, group_id: RowId
) -> Response:
    try:
        reason = SkipReason(str(form.get("reason", "")))
    except ValueError as error:
        raise InvalidError("Choose one of the reasons to skip this prompt.") from error
    labeler = _labeler(session, who)
    groups.skip_group(session, group_id=group_id, labeler=labeler, reason=reason)
    return _after_card(request, runtime, session, labeler, "Prompt skipped.")


@router.post("/rankings/{ranking_id}/withdraw")
def withdraw_ranking(
    request: Request, runtime: RuntimeDep, session: WriteSession, who: WhoDep, _form: FormDep, ranking_id: RowId
) -> Response:
    labeler = _labeler(session, who)
    ranking = rankings.withdraw_ranking(session, ranking_id, labeler, lease_seconds=runtime.settings.lease_seconds)
    if not is_fragment(request):
        return RedirectResponse(f"/groups/{ranking.group_id}", 303)
    group = groups.get_leased_group(session, ranking.group_id, labeler)
    card = _card(session, labeler, group) | {"notice": "Ranking undone. Change it and submit again."}
    return _page(request, runtime, session, card)


@router.post("/prompts")
async def ask(request: Request, runtime: RuntimeDep, who: WhoDep, form: FormDep) -> Response:
    text, live = str(form.get("prompt", "")), runtime.live
    try:
        message = {"role": "user", "content": text}
        messages: list[Message] = validate_messages([message], runtime.settings.max_prompt_characters)
        await run_in_threadpool(live.check, messages)
        key = _ask_key(form)
        group = await runtime.writing.run(partial(live.open, who=who, messages=messages, key=key))
    except (InvalidError, ConflictError) as error:
        refused = partial(_ask_error, request=request, runtime=runtime, text=text, error=error)
        return await runtime.reading.run(refused)
    live.begin(group)
    if not is_fragment(request):
        await live.wait(group)
        return RedirectResponse(f"/groups/{group.id}", 303)
    if group.status is not GroupStatus.SAMPLING:  # it was sent before, and its answers are there
        card = partial(_own_card, request=request, runtime=runtime, who=who, group_id=group.id)
        return await runtime.reading.run(card)
    return render(request, "label/_sampling.html", {"notice": "", "form_error": None, **_sampling(group)})


def _ask_key(form: FormData) -> str | None:
    key = str(form.get("ask_key", ""))
    return key if ASK_KEY.fullmatch(key) else None


def _ask_error(session: Session, *, request: Request, runtime: Runtime, text: str, error: AppError) -> Response:
    said = error.page_message.replace("Message 1 is empty", "The prompt is empty")
    context = {**_ask_form(runtime), "ask_text": text, "ask_error": said}
    if is_fragment(request):
        return render(request, "label/_ask.html", context, status_code=422)
    waiting = Waiting(
        "Your prompt was not sent", "Correct it in the box above, or continue with the next card.", retry=False
    )
    return _page(request, runtime, session, _waiting(waiting) | context, status_code=422)


def _parse_ranks(form: FormData) -> dict[int, int]:
    ranks: dict[int, int] = {}
    for name, value in form.items():
        if name.startswith(RANK_FIELD):
            answer_id, rank = _whole_number(name.removeprefix(RANK_FIELD)), _whole_number(value)
            if answer_id is None or rank is None:
                raise InvalidError("A rank is a whole number from 1 (best) to 4. Reload the page and rank again.")
            ranks[answer_id] = rank
    return ranks


def _normalized(ranks: dict[int, int]) -> dict[int, int]:
    """A gap (2, 3, 4, 4 by the buttons) is no doubt about the order; a missing answer is."""
    missing = ANSWERS_PER_GROUP - len(ranks)
    if missing > 0:
        left = "One answer has" if missing == 1 else f"{missing} answers have"
        raise InvalidError(f"{left} no rank yet. Give each answer a rank (equal ranks are a tie), then submit again.")
    if not all(1 <= rank <= ANSWERS_PER_GROUP for rank in ranks.values()):
        raise InvalidError("Ranks go from 1 (best) to 4. Choose one for each answer, then submit again.")
    return dict(zip(ranks, competition_ranks(list(ranks.values())), strict=True))


def _whole_number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _after_card(request: Request, runtime: Runtime, session: Session, labeler: Labeler, notice: str) -> Response:
    if not is_fragment(request):
        return RedirectResponse("/", 303)
    card = _lease_card(runtime, session, labeler, asked_of(request))
    return _page(request, runtime, session, card | {"notice": notice})


def _lease_card(runtime: Runtime, session: Session, labeler: Labeler, asked: Asked) -> dict[str, Any]:
    seconds = runtime.settings.lease_seconds
    try:
        tags = languages.tags_to_draw(session, asked)
    except UnavailableError as error:
        return _no_card(runtime, session, labeler, error)
    group = groups.next_group(session, labeler=labeler, now=utc_now(), lease_seconds=seconds, tags=tags)
    if group is None:
        runtime.prefetcher.ask(asked)
        return _no_card(runtime, session, labeler)
    runtime.prefetcher.taken(asked)
    return _card(session, labeler, group)


def _no_card(
    runtime: Runtime, session: Session, labeler: Labeler | None, error: AppError | None = None
) -> dict[str, Any]:
    """`error`: why this person in particular gets none."""
    reason = runtime.prefetcher.last_error if error is None else error.page_message
    if reason is None:
        waiting = Waiting("The model is writing", "Four answers will be here in a moment.")
    else:
        waiting = Waiting("There is no card now", reason, prompts_link=True)
    return _waiting(waiting) | ({} if labeler is None else _undo(session, labeler))


def _card(session: Session, labeler: Labeler, group: Group) -> dict[str, Any]:
    former = rankings.former_ranking(session, group.id, labeler)
    return {
        "card_template": "label/_card.html",
        "group": group,
        "idempotency_key": uuid.uuid4().hex,
        "former_ranks": {} if former is None else {int(key): rank for key, rank in former.ranks.items()},
        "former_comment": None if former is None else former.comment,
        "skip_reasons": formatting.SKIP_REASONS,
        **_undo(session, labeler),
    }


def _sampling(group: Group) -> dict[str, Any]:
    return {"card_template": "label/_sampling.html", "group": group}


def _waiting(waiting: Waiting) -> dict[str, Any]:
    return {"card_template": "label/_waiting.html", "waiting": waiting, "undo_ranking_id": None}


def _undo(session: Session, labeler: Labeler) -> dict[str, Any]:
    last = rankings.last_ranking(session, labeler)
    return {"undo_ranking_id": None if last is None else last.id}


def _strip(runtime: Runtime, session: Session) -> dict[str, Any]:
    status = loop_status(session, retrain_after=runtime.settings.retrain_after_rankings, now=utc_now())
    return {"loop_status": status}


def _ask_form(runtime: Runtime) -> dict[str, Any]:
    return {"max_prompt_characters": runtime.settings.max_prompt_characters, "ask_text": "", "ask_error": None}


def _page(
    request: Request, runtime: Runtime, session: Session, card: dict[str, Any], *, status_code: int = 200
) -> Response:
    """The card alone for htmx, else the page around it."""
    context = {"notice": "", "form_error": None, **card}
    if is_fragment(request):
        return render(request, context["card_template"], context, status_code=status_code)
    whole = {
        "page": "label",
        "told": _told(request),
        **_ask_form(runtime),
        **_strip(runtime, session),
        **language_choice(session, request),
        **context,
    }
    return render(request, "label/index.html", whole, status_code=status_code)


def _told(request: Request) -> str:
    """After the name was changed."""
    change = request.query_params.get("changed")
    return CHANGED[Change(change)].format(name=request.state.labeler_name) if change in set(Change) else ""
