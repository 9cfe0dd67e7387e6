"""The engine: answers, streams, crowds, refusals, going away in the middle."""

import math
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path

import pytest
import torch

from app.chat import Message, RawText, Scored, StreamEvent, Templated
from app.errors import CrowdedError, InvalidError, NotFoundError, UnavailableError
from app.hparams import SamplingParams
from app.lm.files.checkpoint import save_model
from app.lm.inference.engine import LocalEngine
from app.lm.inference.generation import Generation
from app.lm.inference.model_cache import Scorer
from app.lm.inference.scheduler import Scheduler
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer
from app.pieces import Told
from app.services.sampling.engine import Engine
from tests.lm.inference.asking import HELLO, LONG, REWARD, asked
from tests.waiting import PATIENCE_SECONDS


def test_satisfies_the_protocol(engine: LocalEngine) -> None:
    protocol: Engine = engine
    answers = protocol.generate(asked(n=4))
    assert len(answers) == 4
    assert answers == protocol.generate(asked(n=4, version_id=2))
    assert {answer.finish_reason for answer in answers} <= {"stop", "length"}
    assert len({a.text for a in protocol.generate(asked(n=4, distinct=True))}) == 4


def test_a_stream_tells_what_generate_tells(engine: LocalEngine) -> None:
    whole = engine.generate(asked(n=3))
    texts, ends = ["", "", ""], {}
    for event in engine.stream(asked(n=3)):
        assert event.index not in ends, "nothing comes after an answer's last event"
        texts[event.index] += event.text
        if event.answer is not None:
            ends[event.index] = event.answer
    assert [ends[index] for index in range(3)] == whole
    assert texts == [answer.text for answer in whole]


def test_a_reader_who_leaves_ends_the_sampling(engine: LocalEngine) -> None:
    long = SamplingParams(max_tokens=100, seed=5)
    for _ in range(5):  # each left after one event: were they not stopped, the queue of two would fill
        stream = engine.stream(asked(n=2, params=long))
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        engine.next_token(asked(), 1)  # waits for the thread
    assert engine.generate(asked(n=1))


def test_what_is_started_tells_its_events_and_its_end(engine: LocalEngine) -> None:
    heard, ended = list[Told](), threading.Event()

    def tell(item: Told) -> None:
        heard.append(item)
        if not isinstance(item, StreamEvent):
            ended.set()

    engine.start(asked(n=2), tell)
    assert ended.wait(PATIENCE_SECONDS)
    assert heard.pop() is None
    answers = [event.answer for event in heard if isinstance(event, StreamEvent) and event.answer]
    assert sorted(answer.text for answer in answers) == sorted(answer.text for answer in engine.generate(asked(n=2)))
    ended.clear()
    stop = engine.start(asked(n=1, params=LONG), tell)
    stop()
    assert ended.wait(PATIENCE_SECONDS)
    assert isinstance(heard[-1], UnavailableError), "nobody waits any longer"


def test_only_what_takes_a_moment_is_started_at_once(engine: LocalEngine) -> None:
    """A version that has to be opened first, or a prompt that takes long to read, would stop the event loop."""
    long: list[Message] = [{"role": "user", "content": "a" * 3_000}]
    assert not engine.starts_at_once(asked())
    engine.generate(asked(n=1))
    assert engine.starts_at_once(asked())
    assert not engine.starts_at_once(asked(prompt=long))
    assert not engine.starts_at_once(asked(prompt=RawText("a" * 3_000)))
    assert not engine.starts_at_once(asked(prompt=Templated(long, {})))
    assert not engine.starts_at_once(asked(continue_from=(5,) * 3_000))
    assert not engine.starts_at_once(asked(params=SamplingParams(max_tokens=3_000)))


def test_refusals_name_the_next_step(engine: LocalEngine) -> None:
    long: list[Message] = [{"role": "user", "content": "a whale " * 80}]
    with pytest.raises(InvalidError, match=r"at most 116 fit. Shorten it"):
        engine.generate(asked(n=1, prompt=long))
    with pytest.raises(InvalidError, match="Shorten it"):
        next(iter(engine.stream(asked(n=1, prompt=long))))
    with pytest.raises(NotFoundError):
        engine.generate(asked(n=1, version_id=99))
    assert engine.generate(asked(n=1)), "an error must not end the thread"


def test_a_full_queue_refuses(directory: Path) -> None:
    entered, go = threading.Event(), threading.Event()

    def slow_scorer(where: Path) -> Scorer:
        def score(messages: Sequence[Message], answers: Sequence[str]) -> list[Scored]:
            del messages
            entered.set()
            return [Scored(float(go.wait(PATIENCE_SECONDS)), 0.0) for _ in answers]

        del where
        return score

    engine = LocalEngine(lambda _: directory, load_scorer=slow_scorer, threads=1, queue_size=2)
    engine.context_tokens(version_id=1)
    with ThreadPoolExecutor() as threads:
        scores = threads.submit(engine.score, HELLO, ["a"], version_id=REWARD)
        assert entered.wait(PATIENCE_SECONDS)
        streams = [engine.stream(asked(n=1)) for _ in range(2)]
        with pytest.raises(CrowdedError, match="few seconds"):
            engine.generate(asked(n=1))
        go.set()
        assert scores.result() == [(1.0, 0.0)]
    assert all(list(stream)[-1].answer is not None for stream in streams)
    engine.close()
    with pytest.raises(UnavailableError, match="stopping"):
        engine.generate(asked(n=1))


def test_requests_share_the_time(directory: Path) -> None:
    """The second request, begun later, ends while the first one, ten times as long, is still written."""
    engine = LocalEngine(lambda _: directory, threads=1)
    first = engine.stream(asked(n=4, params=LONG))
    next(first)
    short = SamplingParams(max_tokens=2, seed=1)
    engine.generate(asked(n=1, params=short))
    pieces_before_the_second_was_there = sum(1 for event in first if event.answer is None)
    assert pieces_before_the_second_was_there > 20, "the first was written to its end before the second"
    engine.close()


def test_the_same_text_in_any_company(engine: LocalEngine) -> None:
    expected = engine.generate(asked(n=2))
    with ThreadPoolExecutor(2) as threads:
        crowd = threads.submit(lambda: list(engine.stream(asked(n=5, params=LONG))))
        assert engine.generate(asked(n=2)) == expected
        assert crowd.result()


def test_what_takes_too_long_is_told(directory: Path) -> None:
    """In the line, and in the middle of its answers."""
    engine = LocalEngine(lambda _: directory, threads=1, request_seconds=0.0)
    with pytest.raises(UnavailableError, match="longer than"):
        engine.generate(asked(n=1))
    engine._request_seconds = 60.0
    running = engine.stream(asked(n=2, params=LONG))
    next(running)
    for group in [group for lane in list(engine._lanes.values()) for group in lane.running]:
        assert isinstance(group, Generation)
        group.deadline = 0.0
    with pytest.raises(UnavailableError, match="longer than"):
        list(running)
    assert engine.generate(asked(n=1))
    engine.close()


def test_a_thousand_at_once(directory: Path) -> None:
    """Some are refused at once, all others are answered, and the sequences written side by side stay few."""
    engine = LocalEngine(lambda _: directory, threads=1, queue_size=20, max_sequences=8)
    answered, refused = [], 0
    with ThreadPoolExecutor(100) as threads:
        futures = [threads.submit(engine.generate, asked(n=2)) for _ in range(1_000)]
        for future in futures:
            try:
                answered.append(future.result(60))
            except UnavailableError:
                refused += 1
    assert refused > 0
    assert len(answered) + refused == 1_000
    assert all(answers == answered[0] for answers in answered)
    engine.close()


def test_an_error_in_a_round_fails_that_version_alone(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = LocalEngine(lambda _: directory, threads=1)
    step = Scheduler.step

    def breaking(self: Scheduler) -> object:
        if any(sequence.params.max_tokens == 77 for sequence in self.admitted):
            raise RuntimeError("out of memory")
        return step(self)

    monkeypatch.setattr(Scheduler, "step", breaking)
    running = engine.stream(asked(n=2, params=LONG))
    next(running)
    with pytest.raises(RuntimeError, match="out of memory"):
        engine.generate(asked(n=1, params=SamplingParams(max_tokens=77), version_id=2))
    assert sum(event.answer is not None for event in running) == 2
    assert engine.generate(asked(n=1, version_id=2))
    engine.close()


def test_closing_tells_those_who_wait(directory: Path) -> None:
    engine = LocalEngine(lambda _: directory, threads=1)
    running = engine.stream(asked(n=8, params=LONG))
    next(running)
    engine.close()
    with pytest.raises(UnavailableError, match="stopping"):
        list(running)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_without_finite_numbers_is_told(
    directory: Path, model: Llama, tokenizer: Tokenizer, tmp_path: Path, temperature: float
) -> None:
    """Nobody gets an answer of padding, or NaN for a number; other versions answer."""
    broken = deepcopy(model)
    with torch.no_grad():
        broken.model.norm.weight.fill_(3e38)
    save_model(tmp_path / "broken", broken, tokenizer, dtype=torch.float32)
    places = {1: directory, 2: tmp_path / "broken", REWARD: directory}
    unsure = [Scored(0.5, 0.1), Scored(0.2, math.nan)]
    engine = LocalEngine(places.__getitem__, load_scorer=lambda _: lambda *_: unsure, threads=1)
    params = SamplingParams(max_tokens=3, temperature=temperature)
    for ask in (
        lambda: engine.generate(asked(n=1, params=params, version_id=2)),
        lambda: engine.generate(asked(n=1, params=params, version_id=2, logprobs=1)),
        lambda: list(engine.stream(asked(n=1, params=params, version_id=2))),
        lambda: engine.next_token(asked(params=params, version_id=2), 2),
        lambda: engine.score(HELLO, ["a", "b"], version_id=REWARD),
    ):
        with pytest.raises(UnavailableError, match=r"not finite.*Activate another version"):
            ask()
    assert engine.generate(asked(n=1, params=params))[0].token_ids
    engine.close()


def test_long_answers_hold_up_no_short_ones(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch and line are full of long ones, which nobody reads to their end: a short one is written at once."""
    monkeypatch.setattr("app.lm.inference.generation.LONG_ANSWER_TOKENS", 50)
    endless = SamplingParams(max_tokens=110, seed=5, logit_bias=((4, -100.0),))
    engine = LocalEngine(lambda _: directory, threads=1, max_sequences=4, queue_size=6)
    expected = engine.generate(asked(n=4))
    running = engine.stream(asked(n=1, params=endless))
    next(running)
    waiting = [engine.stream(asked(n=1, params=endless)) for _ in range(3)]
    with pytest.raises(CrowdedError, match=r"Too many long answers.* in a few seconds"):
        engine.generate(asked(n=1, params=endless))
    assert engine.generate(asked(n=4)) == expected
    assert engine._waiting() == 3, "the long ones ended meanwhile: the test tests nothing"
    ended = [event.answer for stream in (running, *waiting) for event in stream if event.answer is not None]
    assert [len(answer.token_ids) for answer in ended] == [110] * 4
    engine.close()
