"""What OpenAI's chat API answers with, whole or piece by piece."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from app.api.streams import Events, event
from app.chat import Alternative, SampledAnswer, TokenLogprob
from app.errors import AppError
from app.http.openai_errors import error_body, status_of


class TopLogprobOut(BaseModel):
    token: str
    logprob: float
    bytes: list[int]
    """Those of all entries, joined, are the text in UTF-8. `token` writes bytes that are no character as \\xe4."""


class TokenLogprobOut(TopLogprobOut):
    top_logprobs: list[TopLogprobOut]


class LogprobsOut(BaseModel):
    content: list[TokenLogprobOut]
    refusal: None = None


class AnswerMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[None] = []
    """Always empty."""


class Choice(BaseModel):
    index: int
    message: AnswerMessage
    logprobs: LogprobsOut | None
    finish_reason: str


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ModelOut(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "fourfold"


class ModelsOut(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelOut]


class Head(BaseModel):
    id: str
    created: int
    model: str
    system_fingerprint: str
    """Changes with the version's weights."""


class ChatOut(Head):
    object: Literal["chat.completion"] = "chat.completion"
    choices: list[Choice]
    usage: Usage


class Delta(BaseModel):
    """Both with an answer's first piece, the content alone with the next ones, nothing with the last."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(BaseModel):
    index: int
    delta: Delta
    logprobs: LogprobsOut | None
    """Of the tokens that came with this piece: one that is a part of a character comes before its text."""
    finish_reason: str | None


class ChatChunk(Head):
    """A piece of an answer; `[DONE]` stands behind the last."""

    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    choices: list[ChunkChoice]
    usage: Usage | None = None
    """Asked for by `stream_options.include_usage`: null in all pieces but the last, which has no choices."""


def usage_of(prompt_tokens: int, answers: Iterable[SampledAnswer]) -> Usage:
    written = sum(len(answer.token_ids) for answer in answers)
    return Usage(prompt_tokens=prompt_tokens, completion_tokens=written, total_tokens=prompt_tokens + written)


def whole(head: Head, answers: Sequence[SampledAnswer], prompt_tokens: int) -> ChatOut:
    return ChatOut(
        **head.model_dump(),
        choices=[
            Choice(
                index=index,
                message=AnswerMessage(content=answer.text),
                logprobs=_logprobs(answer.logprobs),
                finish_reason=answer.finish_reason,
            )
            for index, answer in enumerate(answers)
        ],
        usage=usage_of(prompt_tokens, answers),
    )


async def chunks(head: Head, events: Events, n: int, prompt_tokens: int | None) -> AsyncIterator[bytes]:
    """`prompt_tokens`: tell the usage, of which they are a part. What begins each answer comes with the first piece."""
    with_usage = prompt_tokens is not None
    begun = b"".join(_chunk(head, with_usage, _piece(index, Delta(role="assistant", content=""))) for index in range(n))
    answers = []
    async for item in events:
        tokens = tuple(one for one in item.tokens if one.bytes)
        if item.text or tokens:
            yield begun + _chunk(head, with_usage, _piece(item.index, Delta(content=item.text), tokens or None))
            begun = b""
        if item.answer is not None:
            answers.append(item.answer)
            yield begun + _chunk(head, with_usage, _piece(item.index, Delta(), finish_reason=item.answer.finish_reason))
            begun = b""
    if prompt_tokens is not None:
        yield _chunk(head, with_usage, usage=usage_of(prompt_tokens, answers))
    yield event("[DONE]")


def told(error: AppError) -> bytes:
    """An error in the middle of a stream: OpenAI's clients raise it."""
    return event(error_body(status_of(error.status_code), error.message, error.param, error.code))


def _piece(
    index: int, delta: Delta, tokens: Sequence[TokenLogprob] | None = None, *, finish_reason: str | None = None
) -> ChunkChoice:
    return ChunkChoice(index=index, delta=delta, logprobs=_logprobs(tokens), finish_reason=finish_reason)


def _chunk(head: Head, with_usage: bool, *choices: ChunkChoice, usage: Usage | None = None) -> bytes:
    chunk = ChatChunk(**head.model_dump(), choices=list(choices), usage=usage)
    written: dict[str, Any] = chunk.model_dump(exclude=None if with_usage else {"usage"})
    for choice, told in zip(choices, written["choices"], strict=True):
        told["delta"] = choice.delta.model_dump(exclude_none=True)
    return event(written)


def _logprobs(tokens: Sequence[TokenLogprob] | None) -> LogprobsOut | None:
    """Of the tokens that wrote the text: neither the end token nor what a stop string cut off."""
    if tokens is None:
        return None
    return LogprobsOut(
        content=[
            TokenLogprobOut(**_token(one).model_dump(), top_logprobs=[_token(other) for other in one.top])
            for one in tokens
            if one.bytes
        ]
    )


def _token(one: TokenLogprob | Alternative) -> TopLogprobOut:
    written = bytes(one.bytes)
    return TopLogprobOut(token=written.decode("utf-8", "backslashreplace"), logprob=one.logprob, bytes=list(written))
