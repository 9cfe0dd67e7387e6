"""People before prefetching: whoever waits for an answer is counted until it has ended, however it ends."""

from collections.abc import Callable

import pytest

from app.chat import GenerationRequest, StreamEvent
from app.errors import UnavailableError
from app.hparams import SamplingParams
from app.pieces import Tell, Told
from app.services.sampling.priority import Gate, InteractiveEngine
from tests.live import ScriptedEngine

REQUEST = GenerationRequest([{"role": "user", "content": "Hi"}], version_id=1, params=SamplingParams())


class Started(ScriptedEngine):
    def start(self, request: GenerationRequest, tell: Tell) -> Callable[[], None]:
        self._called("start", request.version_id)
        self.tell = tell
        return lambda: None


@pytest.mark.parametrize("last", [None, UnavailableError("Out of order.")])
def test_who_reads_a_stream_is_waited_for_to_its_end(last: Told) -> None:
    engine, gate, heard = Started(), Gate(), list[Told]()
    InteractiveEngine(engine, gate).start(REQUEST, heard.append)
    engine.tell(StreamEvent(0, "a"))
    assert not gate.wait_until_idle(0)
    engine.tell(last)
    assert gate.wait_until_idle(0)
    assert heard == [StreamEvent(0, "a"), last]


def test_who_is_refused_is_not_waited_for() -> None:
    engine, gate = Started(), Gate()
    engine.failure = UnavailableError("Out of order.")
    with pytest.raises(UnavailableError):
        InteractiveEngine(engine, gate).start(REQUEST, lambda _item: None)
    assert gate.wait_until_idle(0)
