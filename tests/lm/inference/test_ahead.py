"""Reading ahead: with the decoder that is open, never while anything is written."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.lm.inference.decoder import Decoder
from app.lm.inference.engine import LocalEngine
from app.lm.inference.scheduler import Scheduler
from app.lm.inference.sequence import Sequence
from app.lm.precision import Formats
from app.lm.text.tokenizer import Tokenizer
from app.read_ahead import ReadAhead
from tests.lm.inference.asking import HELLO, LONG, asked
from tests.waiting import PATIENCE_SECONDS

GROUP = ReadAhead("1", HELLO, [[5], [6]])
opened: list["Reader"] = []


class Reader:
    def __init__(self, decoder: Decoder, tokenizer: Tokenizer, content_hash: str) -> None:
        assert tokenizer.vocab_size
        self.decoder, self.content_hash = decoder, content_hash
        opened.append(self)

    def read(self, group: ReadAhead, go_on: Callable[[], bool]) -> bool:
        return all(go_on() for _answer in group.answers)


def engine_of(directory: Path, weights: str = "full") -> LocalEngine:
    engine = LocalEngine(lambda _: directory, threads=1, formats=Formats("fp32", weights))
    assert not read(engine), "nobody has said how"
    engine.read_ahead_by(Reader)
    return engine


@pytest.fixture
def reading(directory: Path) -> Iterator[LocalEngine]:
    del opened[:]
    engine = engine_of(directory)
    yield engine
    engine.close()


def read(engine: LocalEngine, content_hash: str = "one", go_on: Callable[[], bool] = lambda: True) -> bool:
    return engine.read_ahead(GROUP, version_id=1, content_hash=content_hash, go_on=go_on)


def test_with_what_is_open_and_one_reader_for_a_content(reading: LocalEngine) -> None:
    assert not read(reading)
    reading.context_tokens(version_id=1)
    assert read(reading)
    assert read(reading)
    assert not read(reading, go_on=lambda: False)
    assert read(reading, "another")
    assert [each.content_hash for each in opened] == ["one", "another"]
    reading.close()
    assert not read(reading)


def test_not_with_weights_that_no_training_has(directory: Path) -> None:
    engine = engine_of(directory, "int8")
    engine.context_tokens(version_id=1)
    assert not read(engine)
    engine.close()


def test_only_while_nothing_is_written(reading: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, looked, plain = threading.Event(), threading.Event(), Scheduler.step
    writing: list[bool] = []

    def slow(self: Scheduler) -> list[Sequence]:
        entered.set()
        assert looked.wait(PATIENCE_SECONDS)
        return plain(self)

    def go_on() -> bool:
        looked.set()
        return True

    def read_then(_reader: Reader, _group: ReadAhead, go_on: Callable[[], bool]) -> bool:
        assert go_on()
        writing.append(bool(reading._lanes))
        return True

    monkeypatch.setattr(Scheduler, "step", slow)
    monkeypatch.setattr(Reader, "read", read_then)
    with ThreadPoolExecutor() as threads:
        answers = threads.submit(reading.generate, asked(n=4, params=LONG))
        assert entered.wait(PATIENCE_SECONDS)
        assert read(reading, go_on=go_on)
        assert answers.result()
    assert writing == [False]
