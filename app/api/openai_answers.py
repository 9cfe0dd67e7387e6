"""What OpenAI's chat API answers with, whole or piece by piece."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from app.api.streams import event
from app.chat import Alternative, SampledAnswer, StreamEvent, TokenLogprob


class TopLogprobOut(BaseModel):
    token: str
    logprob: float
    bytes: list[int] | None
    """Null where a token ends in the middle of a character: it has no text of its own then."""


class TokenLogprobOut(TopLogprobOut):
    top_logprobs: list[TopLogprobOut]


class LogprobsOut(BaseModel):
    content: list[TokenLogprobOut]
    refusal: None = None


class AnswerMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    index: int
    message: AnswerMessage
    logprobs: LogprobsOut | None
    finish_reason: str


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Head(BaseModel):
    id: str
    created: int
    model: str


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
    """Whole, with the answer's last piece."""
    finish_reason: str | None


class ChatChunk(Head):
    """A piece of an answer; `[DONE]` stands behind the last."""

    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    choices: list[ChunkChoice]


def whole(head: Head, answers: Sequence[SampledAnswer], prompt_tokens: int) -> ChatOut:
    written = sum(len(answer.token_ids) for answer in answers)
    return ChatOut(
        **head.model_dump(),
        choices=[
            Choice(
                index=index,
                message=AnswerMessage(content=answer.text),
                logprobs=_logprobs(answer),
                finish_reason=answer.finish_reason,
            )
            for index, answer in enumerate(answers)
        ],
        usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=written, total_tokens=prompt_tokens + written),
    )


def chunks(head: Head, events: Iterator[StreamEvent], n: int) -> Iterator[bytes]:
    for index in range(n):
        yield _chunk(head, index, Delta(role="assistant", content=""))
    for item in events:
        if item.text:
            yield _chunk(head, item.index, Delta(content=item.text))
        if item.answer is not None:
            yield _chunk(head, item.index, Delta(), item.answer)
    yield event("[DONE]")


def _chunk(head: Head, index: int, delta: Delta, last: SampledAnswer | None = None) -> bytes:
    choice = ChunkChoice(
        index=index,
        delta=delta,
        logprobs=None if last is None else _logprobs(last),
        finish_reason=None if last is None else last.finish_reason,
    )
    written: dict[str, Any] = ChatChunk(**head.model_dump(), choices=[choice]).model_dump()
    written["choices"][0]["delta"] = delta.model_dump(exclude_none=True)
    return event(written)


def _logprobs(answer: SampledAnswer) -> LogprobsOut | None:
    if answer.logprobs is None:
        return None
    return LogprobsOut(
        content=[
            TokenLogprobOut(**_token(one).model_dump(), top_logprobs=[_token(other) for other in one.top])
            for one in answer.logprobs
        ]
    )


def _token(one: TokenLogprob | Alternative) -> TopLogprobOut:
    split = "\ufffd" in one.text
    return TopLogprobOut(token=one.text, logprob=one.logprob, bytes=None if split else list(one.text.encode()))
