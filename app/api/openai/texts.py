"""What OpenAI's completions API answers with: plain texts, whole or piece by piece."""

import codecs
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from app.api.openai.answers import Head, Usage, usage_of
from app.api.streams import Events, event
from app.chat import Alternative, SampledAnswer, TokenLogprob


class TextLogprobs(BaseModel):
    """A place of each list stands for a token. Bytes that are no character are written as bytes:\\xe4."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None
    """The likeliest tokens and the one that was drawn; null where none were asked for."""
    text_offset: list[int]
    """Characters of `text` before the token."""


class TextChoice(BaseModel):
    text: str
    index: int
    logprobs: TextLogprobs | None
    finish_reason: str | None


class TextOut(Head):
    object: Literal["text_completion"] = "text_completion"
    choices: list[TextChoice]
    usage: Usage | None = None


def whole_texts(head: Head, answers: Sequence[tuple[str, SampledAnswer]], prompt_tokens: int) -> TextOut:
    """`answers` with what stands before each."""
    choices = [
        TextChoice(
            text=echo + answer.text,
            index=index,
            logprobs=None if answer.logprobs is None else _TextSoFar(len(echo)).logprobs(answer.logprobs),
            finish_reason=answer.finish_reason,
        )
        for index, (echo, answer) in enumerate(answers)
    ]
    usage = usage_of(prompt_tokens, [answer for _, answer in answers])
    return TextOut(**head.model_dump(), choices=choices, usage=usage)


async def text_chunks(head: Head, events: Events, prompt_tokens: int | None) -> AsyncIterator[bytes]:
    """`prompt_tokens`: tell the usage, of which they are a part. Log-probabilities come with each piece."""
    with_usage = prompt_tokens is not None
    answers, so_far = list[SampledAnswer](), defaultdict[int, _TextSoFar](_TextSoFar)
    async for item in events:
        tokens = [one for one in item.tokens if one.bytes]
        if item.text or tokens:
            logprobs = so_far[item.index].logprobs(tokens) if tokens else None
            piece = TextChoice(text=item.text, index=item.index, logprobs=logprobs, finish_reason=None)
            yield _chunk(head, with_usage, piece)
        if item.answer is not None:
            answers.append(item.answer)
            reason = item.answer.finish_reason
            yield _chunk(head, with_usage, TextChoice(text="", index=item.index, logprobs=None, finish_reason=reason))
    if prompt_tokens is not None:
        yield _chunk(head, with_usage, usage=usage_of(prompt_tokens, answers))
    yield event("[DONE]")


def _chunk(head: Head, with_usage: bool, *choices: TextChoice, usage: Usage | None = None) -> bytes:
    chunk = TextOut(**head.model_dump(), choices=list(choices), usage=usage)
    written: dict[str, Any] = chunk.model_dump(exclude=None if with_usage else {"usage"})
    return event(written)


@dataclass
class _TextSoFar:
    """What an answer's tokens have written; `before` characters stand before it."""

    before: int = 0
    written: bytes = b""

    def logprobs(self, tokens: Sequence[TokenLogprob]) -> TextLogprobs:
        """Of the next ones: of those that wrote some of the text."""
        told = TextLogprobs(tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[])
        for one in tokens:
            if not one.bytes:
                continue
            told.tokens.append(_name(one))
            told.token_logprobs.append(one.logprob)
            told.text_offset.append(self.before + _characters(self.written, one.bytes[0]))
            if told.top_logprobs is not None:
                told.top_logprobs.append({_name(other): other.logprob for other in one.top} | {_name(one): one.logprob})
            self.written += bytes(one.bytes)
        if all(not one.top for one in tokens):
            told.top_logprobs = None
        return told


def _characters(written: bytes, following: int) -> int:
    """How many stand whole before the next byte. A broken one is whole once no byte that would go on with it comes."""
    if 0x80 <= following < 0xC0:
        return len(codecs.getincrementaldecoder("utf-8")("replace").decode(written))
    return len(written.decode("utf-8", "replace"))


def _name(one: TokenLogprob | Alternative) -> str:
    written = bytes(one.bytes)
    try:
        return written.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in written)
