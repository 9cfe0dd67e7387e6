"""People before prefetching: counts the calls that somebody waits for, so that prefetching can wait."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from app.chat import (
    Attention,
    Candidate,
    Distribution,
    GenerationRequest,
    Message,
    Prompt,
    SampledAnswer,
    Scored,
    StreamEvent,
    Tokenized,
)
from app.pieces import Tell, Told
from app.services.sampling.engine import Engine


class Gate:
    """How many interactive calls are in flight."""

    def __init__(self) -> None:
        self._waiting = 0
        self._idle = threading.Condition()

    @contextmanager
    def busy(self) -> Iterator[None]:
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        with self._idle:
            self._waiting += 1

    def leave(self) -> None:
        """Once for each time that was entered, from any thread."""
        with self._idle:
            self._waiting -= 1
            self._idle.notify_all()

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """True once nobody waits; False after the timeout, so that a busy site still gets its ready groups."""
        with self._idle:
            return self._idle.wait_for(lambda: self._waiting == 0, timeout_seconds)


class InteractiveEngine:
    """An Engine whose calls are counted by a gate."""

    def __init__(self, engine: Engine, gate: Gate) -> None:
        self._engine = engine
        self._gate = gate

    def generate(self, request: GenerationRequest) -> list[SampledAnswer]:
        with self._gate.busy():
            return self._engine.generate(request)

    def stream(self, request: GenerationRequest) -> Iterator[StreamEvent]:
        with self._gate.busy():
            yield from self._engine.stream(request)

    def is_loaded(self, version_id: int) -> bool:
        return self._engine.is_loaded(version_id)

    def starts_at_once(self, request: GenerationRequest) -> bool:
        return self._engine.starts_at_once(request)

    def start(self, request: GenerationRequest, tell: Tell) -> Callable[[], None]:
        def told(item: Told) -> None:
            if not isinstance(item, StreamEvent):
                self._gate.leave()
            tell(item)

        self._gate.enter()
        try:
            return self._engine.start(request, told)
        except BaseException:
            self._gate.leave()
            raise

    def score(self, messages: Sequence[Message], answers: Sequence[str], *, version_id: int) -> list[Scored]:
        with self._gate.busy():
            return self._engine.score(messages, answers, version_id=version_id)

    def gains(
        self, groups: Sequence[Candidate], taken: Sequence[Candidate], *, version_id: int, tie_share: float
    ) -> list[float]:
        return self._engine.gains(groups, taken, version_id=version_id, tie_share=tie_share)

    def tokenize(self, text: str, *, version_id: int, chat: bool = False, merges: bool = False) -> Tokenized:
        return self._engine.tokenize(text, version_id=version_id, chat=chat, merges=merges)

    def count_tokens(self, prompt: Prompt, *, version_id: int, answer_tokens: int = 0) -> int:
        return self._engine.count_tokens(prompt, version_id=version_id, answer_tokens=answer_tokens)

    def text_of(self, token_ids: Sequence[int], *, version_id: int) -> str:
        return self._engine.text_of(token_ids, version_id=version_id)

    def context_tokens(self, *, version_id: int) -> int:
        return self._engine.context_tokens(version_id=version_id)

    def next_token(self, request: GenerationRequest, k: int) -> Distribution:
        with self._gate.busy():
            return self._engine.next_token(request, k)

    def attention(self, text: str, place: int, *, version_id: int) -> Attention:
        with self._gate.busy():
            return self._engine.attention(text, place, version_id=version_id)
