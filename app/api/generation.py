"""The model up close: answers, scores, and the probabilities that the next token is drawn from."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from app.api.description import raises, streams
from app.api.schemas import MAX_ALTERNATIVES, ConversationInput, PromptInput, SamplingInput, Text
from app.api.streams import EventStream, event, with_first
from app.chat import GenerationRequest, NextToken, SampledAnswer, StreamEvent, TokenLogprob
from app.errors import ConflictError, GoneError, NotFoundError
from app.formats.ids import RowId
from app.hparams import CONTEXT_LIMIT
from app.runtime import Admitted, Runtime, RuntimeDep, UnitRoute
from app.services.versions.answering import answering_version, scoring_version

router = APIRouter(prefix="/api/v1", tags=["model"], route_class=UnitRoute)
MAX_ANSWERS = 8
MAX_SCORED = 64
MAX_TEXT_CHARACTERS = 10_000
VersionId = Annotated[RowId | None, Field(description="A version's id; default: the active one.")]


class GenerateIn(ConversationInput, SamplingInput):
    n: int = Field(4, ge=1, le=MAX_ANSWERS)
    max_tokens: int | None = Field(
        None, ge=1, le=CONTEXT_LIMIT, description="At most what the context has room for; default: the label page's."
    )
    version: VersionId = None
    stream: bool = Field(False, description="Send the answers in pieces, as server-sent events.")
    logprobs: int | None = Field(
        None,
        ge=0,
        le=MAX_ALTERNATIVES,
        description="Return log-probabilities of the tokens, and this many alternatives to each.",
    )


class CompletionOut(BaseModel):
    """`logprobs` are under the model's own distribution, whatever the settings: temperature 1, no filters."""

    text: str
    tokens: list[int]
    finish_reason: str
    logprobs: list[TokenLogprob] | None = None


class PieceOut(BaseModel):
    index: int
    text: str


class AnsweredOut(CompletionOut):
    index: int


class EndOut(BaseModel):
    version: int


class GenerateOut(BaseModel):
    version: int
    completions: list[CompletionOut]


class ScoreIn(PromptInput):
    answers: list[Annotated[Text, Field(max_length=MAX_TEXT_CHARACTERS)]] = Field(min_length=1, max_length=MAX_SCORED)


class ScoreOut(BaseModel):
    version: int
    scores: list[float]


class NextTokenIn(ConversationInput, SamplingInput):
    k: int = Field(10, ge=1, le=100)
    version: VersionId = None


class NextTokenOut(BaseModel):
    version: int
    tokens: list[NextToken]


def answering_version_id(runtime: Runtime, version_id: int | None) -> int:
    with runtime.read() as session:
        return answering_version(session, version_id).id


def completion_out(answer: SampledAnswer) -> CompletionOut:
    logprobs = None if answer.logprobs is None else list(answer.logprobs)
    return CompletionOut(
        text=answer.text, tokens=answer.token_ids, finish_reason=answer.finish_reason, logprobs=logprobs
    )


@router.post(
    "/generate",
    response_model=GenerateOut,
    response_model_exclude_none=True,
    dependencies=[Admitted],
    responses={**streams(piece=PieceOut, answer=AnsweredOut, end=EndOut), **raises(NotFoundError, GoneError)},
)
def generate(body: GenerateIn, runtime: RuntimeDep) -> GenerateOut | StreamingResponse:
    """Samples n answers. With `stream` they arrive in pieces, then each as a whole, then `end`."""
    messages, params = body.to_conversation(), body.to_params(runtime.settings)
    version_id = answering_version_id(runtime, body.version)
    request = GenerationRequest(messages, version_id=version_id, params=params, n=body.n, logprobs=body.logprobs)
    if body.stream:
        events = with_first(runtime.engine.stream(request))
        return EventStream(events, _pieces(events, version_id))
    answers = runtime.engine.generate(request)
    return GenerateOut(version=version_id, completions=[completion_out(answer) for answer in answers])


def _pieces(events: Iterator[StreamEvent], version_id: int) -> Iterator[bytes]:
    for item in events:
        if item.text:
            yield event({"index": item.index, "text": item.text}, "piece")
        if item.answer is not None:
            yield event({"index": item.index, **completion_out(item.answer).model_dump(exclude_none=True)}, "answer")
    yield event({"version": version_id}, "end")


@router.post("/score", dependencies=[Admitted], responses=raises(NotFoundError, ConflictError, GoneError))
def score(body: ScoreIn, runtime: RuntimeDep) -> ScoreOut:
    """Scores answers with the active reward model; 0 is the mean of the SFT model's own answers."""
    messages = body.to_messages(runtime.settings)
    with runtime.read() as session:
        version_id = scoring_version(session).id
    return ScoreOut(version=version_id, scores=runtime.engine.score(messages, body.answers, version_id=version_id))


@router.post("/next-token", dependencies=[Admitted], responses=raises(NotFoundError, GoneError))
def next_token(body: NextTokenIn, runtime: RuntimeDep) -> NextTokenOut:
    """Returns the k likeliest first tokens of the answer with their probabilities, before and after top-k and top-p."""
    messages = body.to_conversation()
    version_id = answering_version_id(runtime, body.version)
    params = body.to_params(runtime.settings)
    tokens = runtime.engine.next_token(messages, params=params, k=body.k, version_id=version_id)
    return NextTokenOut(version=version_id, tokens=tokens)
