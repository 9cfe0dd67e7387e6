"""OpenAI's API over the same models: `fourfold` is the active version, `fourfold-7` version 7 (docs/openai.md)."""

import time
import uuid
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from app.api.description import openai_streams, raises
from app.api.openai.answers import ChatChunk, ChatOut, Head, ModelOut, ModelsOut, chunks, told, whole
from app.api.openai.requests import ACTIVE_MODEL, COMPLETION_TOKENS, ChatIn, CompletionIn
from app.api.openai.texts import TextOut, text_chunks, whole_texts
from app.api.streams import Events, EventStream, events_of
from app.chat import GenerationRequest, Prompt, RawText, RawTokens, StreamEvent, Templated
from app.db.models.versions import Version, VersionKind
from app.errors import GoneError, InvalidError, NotFoundError
from app.formats.ids import parse_id
from app.http.openai_errors import UNSUPPORTED
from app.runtime import Admitted, ReadSession, Runtime, RuntimeDep, UnitRoute
from app.services.versions.answering import prompt_for
from app.services.versions.versions import ANSWERERS, active_answerer, answerers, get_version

router = APIRouter(prefix="/v1", tags=["openai"], route_class=UnitRoute)


@router.get("/models")
def models(session: ReadSession) -> ModelsOut:
    """Lists the active version under its short name, then every version that can answer, newest first."""
    listed = [_model(f"{ACTIVE_MODEL}-{version.id}", version) for version in answerers(session)]
    active = [_model(ACTIVE_MODEL, active_answerer(session))] if listed else []
    return ModelsOut(data=[*active, *listed])


@router.get("/models/{model}", responses=raises(NotFoundError))
def model(model: str, session: ReadSession) -> ModelOut:
    """Returns one model."""
    return _model(model, _version(session, model))


def _model(name: str, version: Version) -> ModelOut:
    return ModelOut(id=name, created=int(version.created_at.timestamp()))


def _version(session: Session, model: str) -> Version:
    """Raises NotFoundError for a name that is none of ours."""
    if model == ACTIVE_MODEL:
        return active_answerer(session)
    prefix = f"{ACTIVE_MODEL}-"
    version_id = parse_id(model.removeprefix(prefix)) if model.startswith(prefix) else None
    unknown = NotFoundError(
        f"The model {model[:80]!r} does not exist. GET /v1/models lists those that do.",
        param="model",
        code="model_not_found",
    )
    if version_id is None:
        raise unknown
    try:
        version = get_version(session, version_id)
    except NotFoundError:
        raise unknown from None
    if version.kind not in ANSWERERS or version.removed_at is not None:
        raise unknown
    return version


@router.post(
    "/chat/completions",
    response_model=ChatOut,
    dependencies=[Admitted],
    responses={**openai_streams(ChatChunk), **raises(NotFoundError, GoneError)},
)
async def chat(body: ChatIn, runtime: RuntimeDep) -> Any:
    """Samples n answers of one model; with `stream` they come in pieces, as server-sent events."""
    head, asked = await run_in_threadpool(_chat_asked, body, runtime)
    if body.stream:
        events = events_of(runtime.engine, asked.request)
        usage = asked.tokens if body.wants_usage else None
        return await EventStream.begun(events, chunks(head, events, body.answers, usage), told)
    answers = await run_in_threadpool(runtime.engine.generate, asked.request)
    return whole(head, answers, asked.tokens)


@router.post(
    "/completions",
    response_model=TextOut,
    dependencies=[Admitted],
    responses={**openai_streams(TextOut), **raises(NotFoundError, GoneError)},
)
async def complete(body: CompletionIn, runtime: RuntimeDep) -> Any:
    """Continues each prompt n times, prompt after prompt; with `stream` in pieces, as server-sent events."""
    head, asked = await run_in_threadpool(_texts_asked, body, runtime)
    prompt_tokens = sum(each.tokens for each in asked)
    if body.stream:
        events = _streamed(body, runtime, asked)
        usage = prompt_tokens if body.wants_usage else None
        return await EventStream.begun(events, text_chunks(head, events, usage), told)
    answers = [
        (each.echo, answer)
        for each in asked
        for answer in await run_in_threadpool(runtime.engine.generate, each.request)
    ]
    return whole_texts(head, answers, prompt_tokens)


@dataclass(frozen=True)
class _Asked:
    """One prompt of a request. `echo` stands before its answers."""

    request: GenerationRequest
    tokens: int
    echo: str = ""


def _chat_asked(body: ChatIn, runtime: Runtime) -> tuple[Head, _Asked]:
    body.check()
    head, version_id, kind = _head(runtime, "chatcmpl", body.model_name)
    prompt = _conversation(body, kind)
    prompt_tokens, room = room_for(runtime, prompt, version_id, body.asked_tokens, "messages")
    request = GenerationRequest(
        prompt, version_id=version_id, params=body.params(room), n=body.answers, logprobs=body.alternatives
    )
    return head, _Asked(request, prompt_tokens)


def _texts_asked(body: CompletionIn, runtime: Runtime) -> tuple[Head, list[_Asked]]:
    body.check()
    head, version_id, _ = _head(runtime, "cmpl", body.model_name)
    return head, [_asked(body, runtime, prompt, version_id) for prompt in body.prompts]


def _asked(body: CompletionIn, runtime: Runtime, prompt: RawText | RawTokens, version_id: int) -> _Asked:
    tokens, room = room_for(runtime, prompt, version_id, body.max_tokens or COMPLETION_TOKENS, "prompt")
    echo = ""
    if body.echo and isinstance(prompt, RawText):
        echo = prompt.text
    elif body.echo and isinstance(prompt, RawTokens):
        echo = runtime.engine.text_of(prompt.token_ids, version_id=version_id)
    request = GenerationRequest(
        prompt, version_id=version_id, params=body.params(room), n=body.answers, logprobs=body.logprobs
    )
    return _Asked(request, tokens, echo)


async def _streamed(body: CompletionIn, runtime: Runtime, asked: Sequence[_Asked]) -> Events:
    """Each prompt's answers under indices of their own."""
    for place, each in enumerate(asked):
        first, echoes = place * body.answers, body.answers if each.echo else 0
        async with aclosing(events_of(runtime.engine, each.request)) as events:
            async for event in events:
                for index in range(echoes):
                    yield StreamEvent(first + index, each.echo)
                echoes = 0
                yield replace(event, index=first + event.index)


def _conversation(body: ChatIn, kind: VersionKind) -> Prompt:
    """In the model's chat format; a base model, which has none, continues the texts alone."""
    values = body.chat_template_kwargs
    if values and kind is VersionKind.BASE:
        raise InvalidError(
            "This is a base model, which has no chat format to take values. Leave chat_template_kwargs out.",
            param="chat_template_kwargs",
            code=UNSUPPORTED,
        )
    return Templated(body.conversation(), values) if values else prompt_for(kind, body.conversation())


def _head(runtime: Runtime, id_prefix: str, model: str) -> tuple[Head, int, VersionKind]:
    with runtime.read() as session:
        version = _version(session, model)
        version_id, kind, digest = version.id, version.kind, version.content_hash
    head = Head(
        id=f"{id_prefix}-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=f"{ACTIVE_MODEL}-{version_id}",
        system_fingerprint=f"fp_{digest[:12]}",
    )
    return head, version_id, kind


def room_for(runtime: Runtime, prompt: Prompt, version_id: int, asked: int | None, param: str) -> tuple[int, int]:
    """The prompt's tokens and the most that its answer may have: as many as were asked for, else as the context has
    room for. Raises InvalidError where they do not fit together."""
    context = runtime.engine.context_tokens(version_id=version_id)
    try:
        count = runtime.engine.count_tokens(prompt, version_id=version_id, answer_tokens=1)
    except InvalidError as error:
        if error.code != "context_length_exceeded":
            raise
        raise _too_long(context, error.message, param) from None
    room = context - count
    if asked is not None and asked > room:
        said = f"The prompt has {count:,} tokens and {asked:,} are asked for the answer, where {room:,} fit."
        raise _too_long(context, f"{said} Ask for fewer, or shorten the prompt.", param)
    return count, asked or room


def _too_long(context: int, said: str, param: str) -> InvalidError:
    return InvalidError(
        f"This model's maximum context length is {context:,} tokens. {said}",
        param=param,
        code="context_length_exceeded",
    )
