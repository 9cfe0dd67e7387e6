"""What the services ask of a language model, as a small Protocol. No torch here: pages import this module.

The in-process implementation is app.lm.engine.Engine; tests use a fake one.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from app.chat import Message, SampledAnswer, StreamEvent
from app.hparams import SamplingParams

__all__ = ["Message", "SampledAnswer", "Sampler", "StreamEvent"]


class Sampler(Protocol):
    """Every method blocks; call it from `def` routes, never from the event loop.

    Raises UnavailableError when too many requests wait and InvalidError when the prompt is too long.
    """

    @property
    def version_id(self) -> int | None:
        """The active policy version, None while nothing is loaded."""
        ...

    def generate(
        self, messages: Sequence[Message], *, n: int, params: SamplingParams, version_id: int | None = None
    ) -> list[SampledAnswer]: ...

    def stream(
        self, messages: Sequence[Message], *, n: int, params: SamplingParams, version_id: int | None = None
    ) -> Iterator[StreamEvent]: ...

    def score(self, messages: Sequence[Message], answers: list[str]) -> tuple[int, list[float]]:
        """The active reward model's version id and one score per answer."""
        ...

    def tokenize(self, text: str) -> list[tuple[int, str]]: ...

    def next_token(
        self, messages: Sequence[Message], *, params: SamplingParams, k: int
    ) -> list[tuple[str, float, float]]:
        """The k likeliest next tokens: text, probability, probability after temperature and filters."""
        ...
