"""What is done in the chat: asked, edited, answered anew, chosen, stopped, deleted, renamed. Each is a plain form;
scripts get the thread alone for an answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from app.db.models.conversations import Conversation
from app.errors import ConflictError, GoneError, InvalidError, NotFoundError, UnavailableError
from app.formats.ids import RowId, parse_id
from app.formats.texts import clean_text
from app.runtime import Runtime, RuntimeDep, UnitRoute
from app.services.chat import conversations, turns
from app.services.chat.conversations import Opening, get_conversation
from app.services.chat.ranking_seen import rank_these
from app.services.chat.shortening import enough_left_out, go_on_elsewhere
from app.services.chat.turns import Ask, Opened
from app.services.labeling.labelers import LabelerName
from app.services.labeling.rankings import MAX_KEY_CHARACTERS
from app.services.sampling.typed_settings import TYPED, typed_settings
from app.web.browser_name import BrowserLabeler
from app.web.chat import MAX_DRAFT, Typed, show_new, show_page, show_thread
from app.web.chat_views import refusal_of
from app.web.security import FormDep
from app.web.templating import is_fragment, render

router = APIRouter(route_class=UnitRoute)
REFUSED = (InvalidError, ConflictError, GoneError, NotFoundError, UnavailableError)
AIMED = {"HX-Retarget": "#said", "HX-Reswap": "innerHTML"}
SHORT_DRAFT = 1_500


@dataclass(frozen=True)
class Sent:
    """A form of the chat as it came."""

    request: Request
    runtime: Runtime
    who: LabelerName
    form: FormData

    def text(self, name: str) -> str:
        return str(self.form.get(name, ""))

    @property
    def after(self) -> int | None:
        """The end of the conversation as the page showed it."""
        text = self.text("after")
        return 0 if text == "0" else parse_id(text)

    @property
    def key(self) -> str | None:
        return self.text("key")[:MAX_KEY_CHARACTERS] or None


async def _sent(request: Request, runtime: RuntimeDep, who: BrowserLabeler, form: FormDep) -> Sent:
    return Sent(request, runtime, who, form)


SentDep = Annotated[Sent, Depends(_sent)]
Change = Callable[[Session, Conversation], object]


@router.post("/chat")
async def begin(sent: SentDep) -> Response:
    """A new conversation, with its first message."""
    runtime = sent.runtime
    try:
        turns.check_content(sent.text("content"))
        opened = await runtime.writing.run(
            partial(conversations.open_conversation, who=sent.who, opening=_opening(sent))
        )
        conversation_id = opened.id
        try:
            asked = await runtime.chat.ask(sent.who, conversation_id, Ask(sent.text("content"), key="first"))
        except REFUSED:
            await runtime.writing.run(
                partial(conversations.delete_empty, who=sent.who, conversation_id=conversation_id)
            )
            raise
    except REFUSED as error:
        typed = Typed(
            draft=sent.text("content"),
            system=sent.text("system"),
            version_id=parse_id(sent.text("version")),
            other_version_id=parse_id(sent.text("other_version")),
            is_blind=sent.text("blind") == "1",
            refused=error,
        )
        show = partial(show_new, request=sent.request, runtime=runtime, who=sent.who, typed=typed)
        return await runtime.reading.run(show)
    if not sent.text("live"):
        await runtime.chat.wait(asked.answers)
    return RedirectResponse(f"/chat/{conversation_id}", 303)


def _opening(sent: Sent) -> Opening:
    return Opening(
        system=sent.text("system"),
        version_id=parse_id(sent.text("version")),
        other_version_id=parse_id(sent.text("other_version")),
        is_blind=sent.text("blind") == "1",
        settings=typed_settings({name: sent.text(name) for name in TYPED}),
        idempotency_key=sent.key,
    )


@router.post("/chat/{conversation_id}/turns")
async def ask(sent: SentDep, conversation_id: RowId) -> Response:
    return await _ask(sent, conversation_id, Ask(sent.text("content"), after=sent.after, key=sent.key))


@router.post("/chat/{conversation_id}/turns/{turn_id}/edit")
async def edit(sent: SentDep, conversation_id: RowId, turn_id: RowId) -> Response:
    return await _ask(sent, conversation_id, Ask(sent.text("content"), turn_id, after=sent.after, key=sent.key))


@router.post("/chat/{conversation_id}/turns/{turn_id}/retry")
async def retry(sent: SentDep, conversation_id: RowId, turn_id: RowId) -> Response:
    return await _ask(sent, conversation_id, Ask(None, turn_id, after=sent.after, key=sent.key))


async def _ask(sent: Sent, conversation_id: int, ask: Ask) -> Response:
    return await _write(sent, conversation_id, sent.runtime.chat.ask(sent.who, conversation_id, ask))


async def _write(sent: Sent, conversation_id: int, begun: Awaitable[Opened]) -> Response:
    try:
        opened = await begun
    except REFUSED as error:
        return await _refused(sent, conversation_id, error)
    if not is_fragment(sent.request) and not sent.text("live"):
        await sent.runtime.chat.wait(opened.answers)
    return await show_thread(sent.request, sent.runtime, sent.who, conversation_id)


async def _refused(sent: Sent, conversation_id: int, error: Any) -> Response:
    """Said beside the box, where what was typed still stands."""
    if is_fragment(sent.request):
        refusal = refusal_of(error, conversation_id)
        return render(sent.request, refusal, status_code=error.status_code, headers=AIMED)
    await sent.runtime.reading.run(partial(get_conversation, conversation_id=conversation_id, who=sent.who))
    draft = sent.text("content")
    return await show_page(sent.request, sent.runtime, sent.who, conversation_id, draft=draft, refused=error)


async def _change(sent: Sent, conversation_id: int, change: Change) -> Response:
    def work(session: Session) -> None:
        change(session, get_conversation(session, conversation_id, sent.who))

    try:
        await sent.runtime.writing.run(work)
    except REFUSED as error:
        return await _refused(sent, conversation_id, error)
    return await show_thread(sent.request, sent.runtime, sent.who, conversation_id)


@router.post("/chat/{conversation_id}/turns/{turn_id}/choose")
async def choose(sent: SentDep, conversation_id: RowId, turn_id: RowId) -> Response:
    """Of two answers, the conversation goes on with this one."""
    return await _change(
        sent, conversation_id, lambda session, conversation: turns.choose(session, conversation, turn_id)
    )


@router.post("/chat/{conversation_id}/turns/{turn_id}/show")
async def show(sent: SentDep, conversation_id: RowId, turn_id: RowId) -> Response:
    """Another alternative."""
    return await _change(
        sent, conversation_id, lambda session, conversation: turns.show(session, conversation, turn_id)
    )


@router.post("/chat/{conversation_id}/turns/{turn_id}/rank")
async def rank(sent: SentDep, conversation_id: RowId, turn_id: RowId) -> Response:
    """What was just seen as a card to rank; leads to it."""
    try:
        group_id = await rank_these(sent.runtime.chat, sent.who, conversation_id, turn_id)
    except REFUSED as error:
        return await _refused(sent, conversation_id, error)
    return RedirectResponse(f"/groups/{group_id}", 303)


@router.post("/chat/{conversation_id}/turns/{turn_id}/stop")
async def stop(sent: SentDep, conversation_id: RowId, turn_id: RowId) -> Response:
    try:
        await sent.runtime.chat.stop(sent.who, conversation_id, turn_id)
    except REFUSED as error:
        return await _refused(sent, conversation_id, error)
    return await show_thread(sent.request, sent.runtime, sent.who, conversation_id)


@router.post("/chat/{conversation_id}/turns/{turn_id}/continue")
async def go_on_writing(sent: SentDep, conversation_id: RowId, turn_id: RowId) -> Response:
    """A stopped answer is written on."""
    return await _write(sent, conversation_id, sent.runtime.chat.go_on(sent.who, conversation_id, turn_id))


@router.post("/chat/{conversation_id}/turns/{turn_id}/delete")
async def delete_turn(sent: SentDep, conversation_id: RowId, turn_id: RowId) -> Response:
    gone: list[int] = []
    deleted = await _change(
        sent,
        conversation_id,
        lambda session, conversation: gone.extend(turns.delete_turn(session, conversation, turn_id, after=sent.after)),
    )
    sent.runtime.chat.forget(gone)
    return deleted


@router.post("/chat/{conversation_id}/rename")
async def rename(sent: SentDep, conversation_id: RowId) -> Response:
    title = sent.text("title")
    return await _change(
        sent, conversation_id, lambda session, conversation: conversations.rename(session, conversation, title)
    )


@router.post("/chat/{conversation_id}/delete")
async def delete(sent: SentDep, conversation_id: RowId) -> Response:
    gone: list[int] = []

    def work(session: Session) -> None:
        conversation = get_conversation(session, conversation_id, sent.who)
        gone.extend(turn.id for turn in conversation.turns)
        conversations.delete_conversation(session, conversation)

    await sent.runtime.writing.run(work)
    sent.runtime.chat.forget(gone)
    return RedirectResponse("/chat?done=deleted", 303)


@router.post("/chat/{conversation_id}/versions")
async def change_versions(sent: SentDep, conversation_id: RowId) -> Response:
    """Who answers from now on, and how."""

    def change(session: Session, conversation: Conversation) -> None:
        version_id = parse_id(sent.text("version")) or conversation.version_id
        other_id, is_blind = parse_id(sent.text("other_version")), sent.text("blind") == "1"
        conversations.set_versions(session, conversation, version_id, other_id, is_blind=is_blind)
        typed = typed_settings({name: sent.text(name) for name in TYPED})
        conversation.settings = {**conversation.settings, **typed}

    return await _change(sent, conversation_id, change)


@router.post("/chat/{conversation_id}/reveal")
async def reveal(sent: SentDep, conversation_id: RowId) -> Response:
    return await _change(sent, conversation_id, conversations.reveal)


@router.post("/chat/{conversation_id}/leave-out")
async def leave_out(sent: SentDep, conversation_id: RowId) -> Response:
    """As many of the oldest turns as make room for what stands in the box, and for a whole answer."""
    find = partial(get_conversation, conversation_id=conversation_id, who=sent.who)
    conversation = await sent.runtime.reading.run(find)
    draft = clean_text(sent.text("content"))
    try:
        room_of = partial(sent.runtime.chat.room, conversation)
        turn_id = await to_thread.run_sync(enough_left_out, conversation, draft, room_of)
    except REFUSED as error:
        return await _refused(sent, conversation_id, error)
    changed = await _change(sent, conversation_id, lambda session, now: conversations.read_from(session, now, turn_id))
    return changed if is_fragment(sent.request) else await _with_draft(sent, conversation_id, draft)


@router.post("/chat/{conversation_id}/read-all")
async def read_all(sent: SentDep, conversation_id: RowId) -> Response:
    return await _change(
        sent, conversation_id, lambda session, conversation: conversations.read_from(session, conversation, None)
    )


@router.post("/chat/{conversation_id}/go-on")
async def go_on(sent: SentDep, conversation_id: RowId) -> Response:
    """In another conversation, from the last answer, with what stands in the box."""

    def work(session: Session) -> int:
        conversation = get_conversation(session, conversation_id, sent.who)
        return go_on_elsewhere(session, conversation, sent.who).id

    return await _with_draft(sent, await sent.runtime.writing.run(work), clean_text(sent.text("content")))


async def _with_draft(sent: Sent, conversation_id: int, draft: str) -> Response:
    """The page of a conversation, with this in the box; in the address where it is short enough to stand there."""
    if len(draft.encode()) > SHORT_DRAFT:
        return await show_page(sent.request, sent.runtime, sent.who, conversation_id, draft=draft)
    query = f"?{urlencode({'draft': draft[:MAX_DRAFT]})}" if draft else ""
    return RedirectResponse(f"/chat/{conversation_id}{query}", 303)
