"""Conversations that are kept, each labeler's own: their turns are asked, edited, answered anew, chosen and deleted."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from app.api.conversation_schemas import (
    AskedOut,
    AskIn,
    ContinueIn,
    ConversationChange,
    ConversationDetail,
    ConversationExport,
    ConversationIn,
    ConversationOut,
    EndedOut,
    RankedOut,
    RetryIn,
    RoomIn,
    RoomOut,
    TurnOut,
    TurnPieceOut,
    asked_out,
    conversation_detail,
    conversation_out,
    room_out,
)
from app.api.description import raises, streams
from app.api.labeler import ApiLabeler
from app.api.schemas import After, Limit, PageOut, page_out
from app.api.streams import HEADERS, ending_with_error, event
from app.chat import Message
from app.db.models.conversations import Conversation
from app.errors import ConflictError, GoneError, NotFoundError, UnavailableError
from app.formats.ids import EventId, RowId
from app.runtime import Admitted, ReadSession, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.chat import conversations, turns
from app.services.chat.conversations import Opening, get_conversation
from app.services.chat.ranking_seen import rank_these
from app.services.chat.thread import Thread, chosen_turns, messages_of
from app.services.chat.turns import Ask, Opened
from app.services.labeling.labelers import LabelerName

router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"], route_class=UnitRoute)
ASKED = {
    **streams(asked=AskedOut, piece=TurnPieceOut, answer=TurnOut, end=EndedOut),
    **raises(NotFoundError, ConflictError, GoneError, UnavailableError),
}


@router.get("")
def index(session: ReadSession, who: ApiLabeler, after: After = None, limit: Limit = 50) -> PageOut[ConversationOut]:
    """Lists your conversations, the one that was used last first."""
    return page_out(conversations.list_conversations(session, who, after=after, limit=limit), conversation_out)


@router.post("", status_code=201, responses=raises(NotFoundError, ConflictError, GoneError, UnavailableError))
def create(body: ConversationIn, session: WriteSession, who: ApiLabeler) -> ConversationDetail:
    """Opens a conversation. The same idempotency_key again returns the one that it opened."""
    opening = Opening(
        title=body.title,
        system=body.system,
        version_id=body.version,
        other_version_id=body.other_version,
        is_blind=body.blind,
        settings=body.settings.given(),
        idempotency_key=body.idempotency_key,
    )
    return conversation_detail(conversations.open_conversation(session, who, opening))


@router.get("/{conversation_id}", responses=raises(NotFoundError))
async def show(conversation_id: RowId, runtime: RuntimeDep, who: ApiLabeler) -> ConversationDetail:
    """Returns one conversation with all its turns. Answers that a stopped server left half-written go on being
    written."""
    conversation = await runtime.reading.run(lambda session: get_conversation(session, conversation_id, who))
    for turn in conversation.turns:
        runtime.chat.begin(turn)
    return conversation_detail(conversation)


@router.patch("/{conversation_id}", responses=raises(NotFoundError, ConflictError, GoneError))
def change(
    conversation_id: RowId, body: ConversationChange, session: WriteSession, who: ApiLabeler
) -> ConversationDetail:
    """Renames a conversation, or changes who answers next, how, and what of it they read."""
    conversation = get_conversation(session, conversation_id, who)
    if body.title is not None:
        conversations.rename(session, conversation, body.title)
    if body.system is not None:
        conversations.set_system(session, conversation, body.system)
    if {"version", "other_version", "blind"} & body.model_fields_set:
        _change_versions(session, conversation, body)
    if body.settings is not None:
        conversation.settings = body.settings.given()
    if "reads_from" in body.model_fields_set:
        conversations.read_from(session, conversation, body.reads_from)
    session.flush()
    return conversation_detail(conversation)


def _change_versions(session: Session, conversation: Conversation, body: ConversationChange) -> None:
    keeps_other = "other_version" not in body.model_fields_set
    version_id = conversation.version_id if body.version is None else body.version
    other_id = conversation.other_version_id if keeps_other else body.other_version
    is_blind = conversation.is_blind if body.blind is None else body.blind
    if (version_id, other_id) == (conversation.version_id, conversation.other_version_id) and not is_blind:
        conversations.reveal(session, conversation)
    else:
        conversations.set_versions(session, conversation, version_id, other_id, is_blind=is_blind)


@router.delete("/{conversation_id}", status_code=204, responses=raises(NotFoundError))
async def delete(conversation_id: RowId, runtime: RuntimeDep, who: ApiLabeler) -> None:
    """Deletes a conversation for good."""

    def delete_all(session: Session) -> list[int]:
        conversation = get_conversation(session, conversation_id, who)
        turn_ids = [turn.id for turn in conversation.turns]
        conversations.delete_conversation(session, conversation)
        return turn_ids

    runtime.chat.forget(await runtime.writing.run(delete_all))


@router.get("/{conversation_id}/export", response_model=ConversationExport, responses=raises(NotFoundError))
def export(conversation_id: RowId, session: ReadSession, who: ApiLabeler, response: Response) -> object:
    """Exports a conversation as it is shown, in OpenAI's messages."""
    response.headers["Content-Disposition"] = f'attachment; filename="conversation-{conversation_id}.json"'
    return conversations.exported(get_conversation(session, conversation_id, who))


@router.post("/{conversation_id}/room", responses=raises(NotFoundError, GoneError, UnavailableError))
async def room(conversation_id: RowId, body: RoomIn, runtime: RuntimeDep, who: ApiLabeler) -> RoomOut:
    """Counts how much of the context the conversation takes, with a message that is not sent yet."""
    conversation = await runtime.reading.run(lambda session: get_conversation(session, conversation_id, who))
    read = chosen_turns(Thread(conversation.turns).steps)
    messages = messages_of(conversation, read, reads_from=conversation.reads_from)
    if body.content:
        messages.append(Message(role="user", content=body.content))
    return room_out(await to_thread.run_sync(runtime.chat.room, conversation, messages))


@router.post("/{conversation_id}/turns", response_model=AskedOut, responses=ASKED)
async def ask(conversation_id: RowId, body: AskIn, runtime: RuntimeDep, who: ApiLabeler) -> AskedOut | Response:
    """Adds a message and has it answered. Both are kept from the first piece on: whoever leaves a stream stops nothing,
    and finds the answer in the conversation."""
    wanted = Ask(body.content, after=body.after, key=body.idempotency_key)
    return await _asked(runtime, who, conversation_id, wanted, stream=body.stream)


@router.post("/{conversation_id}/turns/{turn_id}/edit", response_model=AskedOut, responses=ASKED)
async def edit(
    conversation_id: RowId, turn_id: RowId, body: AskIn, runtime: RuntimeDep, who: ApiLabeler
) -> AskedOut | Response:
    """Replaces one of your messages and goes on from there. What was there stays as an alternative."""
    wanted = Ask(body.content, turn_id, after=body.after, key=body.idempotency_key)
    return await _asked(runtime, who, conversation_id, wanted, stream=body.stream)


@router.post("/{conversation_id}/turns/{turn_id}/retry", response_model=AskedOut, responses=ASKED)
async def retry(
    conversation_id: RowId, turn_id: RowId, body: RetryIn, runtime: RuntimeDep, who: ApiLabeler
) -> AskedOut | Response:
    """Has a message answered anew, with another seed. The answer before stays as an alternative."""
    wanted = Ask(None, turn_id, after=body.after, key=body.idempotency_key)
    return await _asked(runtime, who, conversation_id, wanted, stream=body.stream)


async def _asked(
    runtime: Runtime, who: LabelerName, conversation_id: int, wanted: Ask, *, stream: bool
) -> AskedOut | Response:
    opened = await runtime.chat.ask(who, conversation_id, wanted)
    return await _told(runtime, who, conversation_id, opened, stream=stream)


async def _told(
    runtime: Runtime, who: LabelerName, conversation_id: int, opened: Opened, *, stream: bool
) -> AskedOut | Response:
    if stream:
        events = ending_with_error(_events(runtime, who, conversation_id, opened))
        return StreamingResponse(events, media_type="text/event-stream", headers=HEADERS)
    await runtime.chat.wait(opened.answers)
    return await runtime.reading.run(partial(_now, who=who, conversation_id=conversation_id, opened=opened))


def _now(session: Session, *, who: LabelerName, conversation_id: int, opened: Opened) -> AskedOut:
    conversation = get_conversation(session, conversation_id, who)
    question, *answers = [turns.turn_of(conversation, turn.id) for turn in (opened.question, *opened.answers)]
    return asked_out(Opened(question, answers), blind=conversation.is_blind)


async def _events(runtime: Runtime, who: LabelerName, conversation_id: int, opened: Opened) -> AsyncIterator[bytes]:
    now = partial(_now, who=who, conversation_id=conversation_id, opened=opened)
    yield event((await runtime.reading.run(now)).model_dump(mode="json"), "asked")
    async for turn, piece in runtime.chat.follow_all(opened.answers):
        if runtime.closing.is_set():
            return
        if piece.text:
            yield event({"turn": turn.id, "side": turn.side, "text": piece.text}, "piece")
    for answer in (await runtime.reading.run(now)).answers:
        yield event(answer.model_dump(mode="json"), "answer")
    conversation = await runtime.reading.run(lambda session: get_conversation(session, conversation_id, who))
    head = Thread(conversation.turns).head_id
    yield event(EndedOut(conversation=conversation_id, head=head).model_dump(), "end")


@router.post("/{conversation_id}/turns/{turn_id}/choose", responses=raises(NotFoundError, ConflictError))
def choose(conversation_id: RowId, turn_id: RowId, session: WriteSession, who: ApiLabeler) -> ConversationDetail:
    """Shows the alternative that a turn belongs to; of two answers, the conversation goes on with this one."""
    turns.choose(session, get_conversation(session, conversation_id, who), turn_id)
    return conversation_detail(get_conversation(session, conversation_id, who))


@router.post("/{conversation_id}/turns/{turn_id}/stop", responses=raises(NotFoundError))
async def stop(conversation_id: RowId, turn_id: RowId, runtime: RuntimeDep, who: ApiLabeler) -> ConversationDetail:
    """Stops an answer that is being written and keeps what is there of it."""
    await runtime.chat.stop(who, conversation_id, turn_id)
    return await runtime.reading.run(
        lambda session: conversation_detail(get_conversation(session, conversation_id, who))
    )


@router.post("/{conversation_id}/turns/{turn_id}/continue", response_model=AskedOut, responses=ASKED)
async def go_on(
    conversation_id: RowId, turn_id: RowId, body: ContinueIn, runtime: RuntimeDep, who: ApiLabeler
) -> AskedOut | Response:
    """Writes on where an answer was stopped, by the same seed: it becomes what it would have been. Its pieces are told
    from the beginning. One that is whole stays as it is; 409 where turns follow it."""
    opened = await runtime.chat.go_on(who, conversation_id, turn_id)
    return await _told(runtime, who, conversation_id, opened, stream=body.stream)


@router.post(
    "/{conversation_id}/turns/{turn_id}/rank",
    status_code=201,
    dependencies=[Admitted],
    responses=raises(NotFoundError, ConflictError, GoneError),
)
async def rank(conversation_id: RowId, turn_id: RowId, runtime: RuntimeDep, who: ApiLabeler) -> RankedOut:
    """Makes a group to rank of the answers at a turn's place and as many more of the same versions as make four, and
    leases it to you. Asked for again, it is the same group."""
    return RankedOut(group_id=await rank_these(runtime.chat, who, conversation_id, turn_id))


@router.delete("/{conversation_id}/turns/{turn_id}", responses=raises(NotFoundError, ConflictError))
async def delete_turn(
    conversation_id: RowId,
    turn_id: RowId,
    runtime: RuntimeDep,
    who: ApiLabeler,
    after: Annotated[EventId | None, Query(description="The `head` of the conversation as you saw it.")] = None,
) -> ConversationDetail:
    """Deletes a turn and all that follows it, in every alternative, for good."""

    def delete_below(session: Session) -> tuple[list[int], ConversationDetail]:
        gone = turns.delete_turn(session, get_conversation(session, conversation_id, who), turn_id, after=after)
        return gone, conversation_detail(get_conversation(session, conversation_id, who))

    gone, left = await runtime.writing.run(delete_below)
    runtime.chat.forget(gone)
    return left
