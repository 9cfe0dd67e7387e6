"""The words exchanged with a language model: messages in, answers out. Pure: no torch, no web, no database.

Both the engine (app.lm) and the services speak them, and neither may import the other.
"""

from dataclasses import dataclass
from typing import Literal, TypedDict


class Message(TypedDict):
    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True)
class SampledAnswer:
    """One whole answer. `token_ids` are those that were sampled: never re-tokenize the text."""

    text: str
    token_ids: list[int]
    finish_reason: str  # "stop" (the model ended it) or "length"


@dataclass(frozen=True)
class StreamEvent:
    """A new piece of answer `index`; the last event of an answer carries its `finish_reason`."""

    index: int
    text: str
    finish_reason: str | None
