"""What is to be read of answers before a training of a reward model asks for it."""

from collections.abc import Sequence
from typing import NamedTuple

from app.chat import Message


class ReadAhead(NamedTuple):
    """Answers to one question that a reward model may learn from, and the name of the file that keeps what was read."""

    name: str
    messages: Sequence[Message]
    answers: Sequence[Sequence[int]]  # token ids, as they were drawn
