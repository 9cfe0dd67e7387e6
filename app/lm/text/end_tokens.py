"""Which tokens end an answer. A model may have several: its chat template writes one, and it may sample others."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class EndTokens:
    """`written` is the token that the chat template puts behind an answer; `all` are those that end one."""

    written: int
    all: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "all", self.all | {self.written})

    def ended(self, tokens: Sequence[int]) -> bool:
        """Whether the model ended this answer itself."""
        return bool(tokens) and tokens[-1] in self.all

    def as_written(self, tokens: Sequence[int]) -> list[int]:
        """The answer as the chat template writes it: up to its first end token, whichever that is, and then `written`.
        So answers of one text are one sequence, however they ended; one that was cut off gets the end put behind it."""
        stop = next((place for place, token in enumerate(tokens) if token in self.all), len(tokens))
        return [*tokens[:stop], self.written]
