"""What a job leaves out because its models cannot read it: counted, and shown in the job's result.

What drawing has set aside is not chosen in the first place; here each prompt is read by the tokenizer of the job's own
models, whose context may be a smaller one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.chat import Message
from app.db.models.prompts import Prompt
from app.errors import ConflictError, InvalidError
from app.lm.text.end_tokens import EndTokens
from app.lm.text.tokenizer import Tokenizer
from app.services.data import training_data
from app.translation import _
from app.worker.handlers.handler import Work

END_TOKENS = 1  # put behind an answer that was cut off, before it is scored


@dataclass(frozen=True)
class Readable:
    """Prompts with their tokens, each short enough, and how many of those chosen are not."""

    prompts: list[Prompt]
    tokens: list[list[int]]
    left_out: int


def read_prompts(tokenizer: Tokenizer, prompts: Sequence[Prompt], *, context_tokens: int, max_tokens: int) -> Readable:
    """Those that leave room for an answer of `max_tokens`."""
    room = context_tokens - max_tokens - END_TOKENS
    encoded = [(prompt, conversation_tokens(tokenizer, prompt.messages)) for prompt in prompts]
    kept = [(prompt, ids) for prompt, ids in encoded if ids is not None and len(ids) <= room]
    return Readable([prompt for prompt, _ in kept], [ids for _, ids in kept], len(prompts) - len(kept))


def read_some_prompts(work: Work[Any], tokenizer: Tokenizer, *, max_tokens: int) -> Readable:
    """The prompts that the job has chosen, as all its models can read them. Raises ConflictError where there are
    none."""
    prompts = work.run.read(lambda session: training_data.prompts_by_id(session, work.inputs["prompt_ids"]))
    context_tokens = work.models.context_tokens(*work.version_ids)
    readable = read_prompts(tokenizer, prompts, context_tokens=context_tokens, max_tokens=max_tokens)
    if not readable.prompts:
        raise ConflictError(
            _(
                "None of the {n} prompts leaves room for an answer of {max_tokens} tokens: the models read "
                "{context_tokens} together. Add shorter prompts, or lower max_tokens.",
                n=f"{len(prompts):,}",
                max_tokens=max_tokens,
                context_tokens=f"{context_tokens:,}",
            )
        )
    return readable


def conversation_tokens(tokenizer: Tokenizer, messages: Sequence[Message]) -> list[int] | None:
    """None for a text that the model's template cannot write, or its tokenizer not read."""
    try:
        return tokenizer.encode_conversation(messages)
    except InvalidError:
        return None


def answer_tokens(tokenizer: Tokenizer, text: str) -> list[int] | None:
    """With the end; None for a text that the tokenizer cannot read."""
    try:
        return [*tokenizer.encode(text), tokenizer.end_id]
    except InvalidError:
        return None


def fits_together(
    ends: EndTokens, prompt: Sequence[int], answers: Sequence[Sequence[int]], context_tokens: int
) -> bool:
    """Whether each answer, with its end, can be read behind the prompt."""
    return all(len(prompt) + len(ends.as_written(answer)) <= context_tokens for answer in answers)
