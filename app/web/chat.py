"""The chat: a list of conversations, the one that is open, and its answers while they are written."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.chat import Message
from app.db.models.conversations import Conversation, Turn
from app.errors import AppError
from app.formats.ids import EventId, RowId
from app.formats.texts import clean_text
from app.http.head import wants_head_only
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute
from app.services.chat import conversations, turns
from app.services.chat.conversations import get_conversation
from app.services.chat.room import Room
from app.services.chat.thread import Thread, chosen_turns, messages_of
from app.services.labeling.labelers import LabelerName
from app.services.versions import versions
from app.translation import _
from app.web.browser_name import BrowserLabeler
from app.web.chat_views import (
    ChatPage,
    RoomView,
    new_key,
    refusal_of,
    thread_view,
    who_form,
    who_in_words,
)
from app.web.security import FormDep
from app.web.templating import is_fragment, render

router = APIRouter(route_class=UnitRoute)
ROWS = 30
MAX_DRAFT = 4_000
After = Annotated[str | None, Query(max_length=64)]


@dataclass(frozen=True)
class Typed:
    """What stands in the form of a new conversation, and why it was not taken."""

    draft: str = ""
    system: str = ""
    version_id: int | None = None
    other_version_id: int | None = None
    is_blind: bool = False
    refused: AppError | None = None


NOTHING_TYPED = Typed()


@router.get("/chat")
def index(
    request: Request,
    runtime: RuntimeDep,
    session: ReadSession,
    who: BrowserLabeler,
    after: After = None,
    done: Annotated[str, Query(max_length=16)] = "",
    draft: Annotated[str, Query(max_length=MAX_DRAFT)] = "",
) -> Response:
    notice = _("The conversation was deleted.") if done == "deleted" else ""
    return show_new(session, request=request, runtime=runtime, who=who, after=after, notice=notice, typed=Typed(draft))


def show_new(
    session: Session,
    *,
    request: Request,
    runtime: Runtime,
    who: LabelerName,
    after: str | None = None,
    notice: str = "",
    typed: Typed = NOTHING_TYPED,
) -> Response:
    """The page with no conversation open: the box begins one."""
    listed = conversations.list_conversations(session, who, after=after, limit=ROWS)
    active = versions.active_answerer_or_none(session)
    page = ChatPage(
        conversations=listed.items,
        next=listed.next,
        conversation=None,
        thread=None,
        who=who_in_words(session, None),
        who_form=who_form(
            session,
            typed.version_id or (None if active is None else active.id),
            typed.other_version_id,
            is_blind=typed.is_blind,
            params=runtime.chat.defaults,
        ),
        system=typed.system,
        draft=clean_text(typed.draft),
        notice=notice,
        refusal=None if typed.refused is None else refusal_of(typed.refused),
        key=new_key(),
    )
    return render(request, page, status_code=200 if typed.refused is None else typed.refused.status_code)


@router.get("/chat/{conversation_id}")
async def open_page(
    request: Request,
    runtime: RuntimeDep,
    who: BrowserLabeler,
    conversation_id: RowId,
    draft: Annotated[str, Query(max_length=MAX_DRAFT)] = "",
) -> Response:
    return await show_page(request, runtime, who, conversation_id, draft=draft)


async def show_page(
    request: Request,
    runtime: Runtime,
    who: LabelerName,
    conversation_id: int,
    *,
    draft: str = "",
    refused: AppError | None = None,
) -> Response:
    """The page of one conversation; with `refused`, what was typed and why it was not taken."""
    room = await room_now(runtime, who, conversation_id)
    refusal = None if refused is None else refusal_of(refused, conversation_id)

    def page(session: Session) -> Response:
        conversation = get_conversation(session, conversation_id, who)
        listed = conversations.list_conversations(session, who, limit=ROWS)
        shown = ChatPage(
            conversations=listed.items,
            next=listed.next,
            conversation=conversation,
            thread=thread_view(session, conversation, room, refusal),
            who=who_in_words(session, conversation),
            who_form=who_form(
                session,
                conversation.version_id,
                conversation.other_version_id,
                is_blind=conversation.is_blind,
                params=runtime.chat.params_of(conversation),
            ),
            draft=clean_text(draft),
            key=new_key(),
        )
        return render(request, shown, status_code=200 if refused is None else refused.status_code)

    return await runtime.reading.run(page)


async def show_thread(request: Request, runtime: Runtime, who: LabelerName, conversation_id: int) -> Response:
    """What was changed, as the page that is open wants it."""
    if not is_fragment(request):
        return RedirectResponse(f"/chat/{(await _open(runtime, who, conversation_id)).id}", 303)
    room = await room_now(runtime, who, conversation_id)

    def thread(session: Session) -> Response:
        conversation = get_conversation(session, conversation_id, who)
        return render(request, thread_view(session, conversation, room))

    return await runtime.reading.run(thread)


@router.get("/chat/{conversation_id}/thread")
async def thread(request: Request, runtime: RuntimeDep, who: BrowserLabeler, conversation_id: RowId) -> Response:
    return await show_thread(request, runtime, who, conversation_id)


@router.get("/chat/{conversation_id}/answered")
async def answered(request: Request, runtime: RuntimeDep, who: BrowserLabeler, conversation_id: RowId) -> Response:
    """Waits for the answers that are being written: for browsers without JavaScript."""
    conversation = await _open(runtime, who, conversation_id)
    if not wants_head_only(request):
        await runtime.chat.wait(conversation.turns)
    return RedirectResponse(f"/chat/{conversation_id}", 303)


@router.get("/chat/{conversation_id}/turns/{turn_id}/stream", response_class=EventSourceResponse)
async def stream(
    request: Request,
    runtime: RuntimeDep,
    who: BrowserLabeler,
    conversation_id: RowId,
    turn_id: RowId,
    last_event_id: Annotated[EventId, Header()] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """Events `piece`, then `done` once the answer is stored, or `failed`. One that nobody writes is begun anew."""
    if wants_head_only(request):
        return
    try:
        turn = await runtime.reading.run(partial(_own_turn, who=who, conversation_id=conversation_id, turn_id=turn_id))
        async for piece in runtime.chat.follow(turn, after=last_event_id):
            if runtime.closing.is_set():
                return
            if piece is not None:
                yield ServerSentEvent(event="piece", id=str(piece.number), data={"text": piece.text})
    except AppError as error:
        yield ServerSentEvent(event="failed", data={"title": error.title, "message": error.page_message})
    else:
        yield ServerSentEvent(event="done", data={})


@router.get("/chat/{conversation_id}/export")
def export(session: ReadSession, who: BrowserLabeler, conversation_id: RowId) -> Response:
    """In OpenAI's messages, as a file."""
    headers = {"Content-Disposition": f'attachment; filename="conversation-{conversation_id}.json"'}
    return JSONResponse(conversations.exported(get_conversation(session, conversation_id, who)), headers=headers)


@router.post("/chat/{conversation_id}/room")
async def room(
    request: Request, runtime: RuntimeDep, who: BrowserLabeler, form: FormDep, conversation_id: RowId
) -> Response:
    """How much of the context is used with what stands in the box."""
    draft = clean_text(str(form.get("content", "")))
    return render(request, RoomView(room=await room_now(runtime, who, conversation_id, draft)))


async def room_now(runtime: Runtime, who: LabelerName, conversation_id: int, draft: str = "") -> Room | None:
    """None where it cannot be said: a version was removed, the model is loading."""
    conversation = await _open(runtime, who, conversation_id)
    messages = messages_to_read(conversation, draft)
    try:
        return await to_thread.run_sync(runtime.chat.room, conversation, messages)
    except AppError:
        return None


def messages_to_read(conversation: Conversation, draft: str) -> list[Message]:
    read = chosen_turns(Thread(conversation.turns).steps)
    messages = messages_of(conversation, read, reads_from=conversation.reads_from)
    return [*messages, Message(role="user", content=draft)] if draft else messages


async def _open(runtime: Runtime, who: LabelerName, conversation_id: int) -> Conversation:
    return await runtime.reading.run(lambda session: get_conversation(session, conversation_id, who))


def _own_turn(session: Session, *, who: LabelerName, conversation_id: int, turn_id: int) -> Turn:
    return turns.turn_of(get_conversation(session, conversation_id, who), turn_id)
