"""A person's own prompt: taken, and its answers shown while they are written."""

import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from app.db.models.groups import GroupStatus
from app.errors import AppError, ConflictError, InvalidError
from app.formats.ids import EventId, RowId
from app.http.head import wants_head_only
from app.runtime import Runtime, RuntimeDep, UnitRoute
from app.services.prompts.prompts import validate_messages
from app.translation import N_, _
from app.web.browser_name import BrowserLabeler
from app.web.cards import CardInWriting, NoCard
from app.web.label import show_own_card
from app.web.label_page import PromptForm, show
from app.web.retelling import retold
from app.web.security import FormDep
from app.web.templating import is_fragment, render

router = APIRouter(route_class=UnitRoute)
ASK_KEY = re.compile("[0-9a-f]{32}")
NOT_SENT = NoCard(
    title=N_("Your prompt was not sent"),
    message=N_("Correct it in the box above, or continue with the next card."),
    retry=False,
)


@router.post("/prompts")
async def ask(request: Request, runtime: RuntimeDep, who: BrowserLabeler, form: FormDep) -> Response:
    text, live = str(form.get("prompt", "")), runtime.live
    try:
        message = {"role": "user", "content": text}
        messages = validate_messages([message], runtime.settings.max_prompt_characters)
        await run_in_threadpool(live.check, messages)
        key = _ask_key(form)
        group = await runtime.writing.run(partial(live.open, who=who, messages=messages, key=key))
    except (InvalidError, ConflictError) as error:
        refused = partial(_refused, request=request, runtime=runtime, text=text, error=error)
        return await runtime.reading.run(refused)
    live.begin(group)
    if not is_fragment(request):
        await live.wait(group)
        return RedirectResponse(f"/groups/{group.id}", 303)
    if group.status is not GroupStatus.SAMPLING:  # it was sent before, and its answers are there
        card = partial(show_own_card, request=request, runtime=runtime, who=who, group_id=group.id)
        return await runtime.reading.run(card)
    return render(request, CardInWriting(group=group))


@router.get("/groups/{group_id}/stream", response_class=EventSourceResponse)
async def stream_group(
    request: Request,
    runtime: RuntimeDep,
    who: BrowserLabeler,
    group_id: RowId,
    last_event_id: Annotated[EventId, Header()] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """Events `piece`, then `done` or `failed`. A browser that connects again goes on after the last piece it got."""
    if wants_head_only(request):  # reading the stream is what begins the answers
        return
    find = partial(runtime.live.own_group, group_id=group_id, who=who)
    try:
        async for piece in runtime.live.follow(await runtime.reading.run(find), after=last_event_id):
            if runtime.closing.is_set():
                return
            if piece is not None:
                data = {"index": piece.index, "text": piece.text, "finished": piece.finished}
                yield ServerSentEvent(event="piece", id=str(piece.number), data=data)
    except AppError as error:
        yield ServerSentEvent(event="failed", data={"title": _(error.title), "message": retold(error.page_message)})
    else:
        yield ServerSentEvent(event="done", data={})


def _ask_key(form: FormData) -> str | None:
    key = str(form.get("ask_key", ""))
    return key if ASK_KEY.fullmatch(key) else None


def _refused(session: Session, *, request: Request, runtime: Runtime, text: str, error: AppError) -> Response:
    prompt_form = PromptForm(
        max_prompt_characters=runtime.settings.max_prompt_characters,
        text=text,
        error=error.page_message,
    )
    if is_fragment(request):
        return render(request, prompt_form, status_code=422)
    return show(request, runtime, session, NOT_SENT, prompt_form=prompt_form, status_code=422)
