"""OpenAI's chat API over the same models: `fourfold` is the active version, `fourfold-7` version 7. top_k, min_p and
repetition_penalty are ours."""

import time
import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.description import raises, streams
from app.api.generation import MAX_ANSWERS, answering_version_id
from app.api.openai_answers import ChatChunk, ChatOut, Head, chunks, whole
from app.api.schemas import MAX_ALTERNATIVES, MAX_TOKENS, MAX_TOP_K, StopStrings
from app.api.streams import EventStream, with_first
from app.chat import Message, without_system
from app.errors import GoneError, InvalidError, NotFoundError
from app.hparams import SamplingParams
from app.ids import parse_id
from app.runtime import ReadSession, RuntimeDep, SamplingPlace, UnitRoute
from app.services.prompts import validate_messages
from app.services.sampling import MAX_SEED, page_params
from app.services.versions import MAY_ANSWER, list_versions
from app.texts import clean_text

router = APIRouter(prefix="/v1", tags=["openai"], route_class=UnitRoute)
ACTIVE_MODEL = "fourfold"


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    def plain(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatIn(BaseModel):
    """Fields of OpenAI's API that these models cannot honor are refused where they would change the answer."""

    model_config = ConfigDict(extra="ignore")

    model: str = ACTIVE_MODEL
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    n: int = Field(1, ge=1, le=MAX_ANSWERS)
    temperature: float | None = Field(None, ge=0.0, le=2.0)
    top_p: float | None = Field(None, gt=0.0, le=1.0)
    top_k: int | None = Field(None, ge=0)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    seed: int | None = None
    stream: bool = False
    stop: StopStrings = ()
    logprobs: bool = False
    top_logprobs: int | None = Field(None, ge=0, le=MAX_ALTERNATIVES)
    min_p: float | None = Field(None, ge=0.0, le=1.0)
    repetition_penalty: float | None = Field(None, ge=0.5, le=2.0)
    tools: Any = None

    def to_params(self, default: SamplingParams) -> SamplingParams:
        """What is left out is OpenAI's default: temperature and top_p 1. Longer answers than we can are cut."""
        tokens = self.max_completion_tokens or self.max_tokens or default.max_tokens
        return SamplingParams(
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            top_k=min(self.top_k or 0, MAX_TOP_K),
            min_p=self.min_p or 0.0,
            repetition_penalty=1.0 if self.repetition_penalty is None else self.repetition_penalty,
            stop=self.stop,
            max_tokens=min(tokens, MAX_TOKENS),
            seed=None if self.seed is None else self.seed % (MAX_SEED + 1),
        )

    @property
    def alternatives(self) -> int | None:
        return (self.top_logprobs or 0) if self.logprobs else None

    def check_supported(self) -> None:
        if self.tools:
            raise InvalidError("tools is not supported by these models. Leave it out.")


class ModelOut(BaseModel):
    id: str
    object: str = "model"
    created: int
    owned_by: str = "fourfold"


class ModelsOut(BaseModel):
    object: str = "list"
    data: list[ModelOut]


@router.get("/models")
def models(session: ReadSession) -> ModelsOut:
    found = [
        version
        for version in list_versions(session, limit=500).items
        if version.kind in MAY_ANSWER and not version.removed_at
    ]
    listed = [ModelOut(id=f"{ACTIVE_MODEL}-{version.id}", created=_epoch(version.created_at)) for version in found]
    newest = max((model.created for model in listed), default=0)
    return ModelsOut(data=[ModelOut(id=ACTIVE_MODEL, created=newest), *listed])


def _epoch(moment: Any) -> int:
    return int(moment.timestamp())


@router.post(
    "/chat/completions",
    response_model=ChatOut,
    dependencies=[SamplingPlace],
    responses={**streams(message=ChatChunk), **raises(NotFoundError, GoneError)},
)
def chat(body: ChatIn, runtime: RuntimeDep) -> ChatOut | StreamingResponse:
    """n answers of one model; pieces as server-sent events with `stream`."""
    body.check_supported()
    messages = conversation(body.messages)
    turns = [message for message in messages if message["role"] != "system"]
    for checked in (turns, without_system(messages)):  # the questions alone, then with what the system text adds
        validate_messages(checked, runtime.settings.max_prompt_characters)
    params = body.to_params(page_params(runtime.settings))
    version_id = answering_version_id(runtime, version_of(body.model))
    head = Head(id=f"chatcmpl-{uuid.uuid4().hex}", created=int(time.time()), model=f"{ACTIVE_MODEL}-{version_id}")
    if body.stream:
        events = with_first(
            runtime.sampler.stream(messages, n=body.n, params=params, version_id=version_id, logprobs=body.alternatives)
        )
        return EventStream(events, chunks(head, events, body.n))
    answers = runtime.sampler.generate(
        messages, n=body.n, params=params, version_id=version_id, logprobs=body.alternatives
    )
    return whole(head, answers, runtime.sampler.count_tokens(messages, version_id=version_id))


def version_of(model: str) -> int | None:
    """None is the active version; raises NotFoundError for a name that is none of ours."""
    if model == ACTIVE_MODEL:
        return None
    prefix = f"{ACTIVE_MODEL}-"
    version_id = parse_id(model.removeprefix(prefix)) if model.startswith(prefix) else None
    if version_id is None:
        raise NotFoundError(f"There is no model {model[:80]!r}. GET /v1/models lists them.")
    return version_id


def conversation(given: list[ChatMessage]) -> list[Message]:
    """In our words. System text stays where it is, for the model's own chat template; empty one is none."""
    found = [
        Message(role="system" if message.role == "developer" else message.role, content=clean_text(message.plain()))
        for message in given
    ]
    return [message for message in found if message["content"] or message["role"] != "system"]
