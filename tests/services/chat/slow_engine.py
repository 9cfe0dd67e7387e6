"""An engine that stops in the middle of an answer until a test lets it go on."""

import threading
from collections.abc import Iterator

from app.chat import GenerationRequest, SampledAnswer, StreamEvent
from tests.live import ScriptedEngine


class SlowEngine(ScriptedEngine):
    """Writes two words, and the third when it may; remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.may_finish = threading.Event()
        self.may_finish.set()
        self.requests: list[GenerationRequest] = []
        self.closed = threading.Event()

    def stream(self, request: GenerationRequest) -> Iterator[StreamEvent]:
        self.requests.append(request)
        self._called("stream", request.version_id)
        try:
            yield StreamEvent(0, "one ", token_ids=(5,))
            yield StreamEvent(0, "two ", token_ids=(6, 7))
            while not self.may_finish.wait(0.01):
                yield StreamEvent(0, "")
            yield StreamEvent(0, "three", SampledAnswer("one two three", [5, 6, 7, 4], "stop"))
        finally:
            self.closed.set()
