"""The engine: answers, streams, refusals, several versions, going away in the middle."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.chat import Message
from app.errors import InvalidError, NotFoundError, UnavailableError
from app.hparams import SamplingParams
from app.lm.engine import Engine, Scorer
from app.lm.tokenizer import Tokenizer
from app.services.sampler import Sampler

HELLO: list[Message] = [{"role": "user", "content": "Please tell me 水."}]
PARAMS = SamplingParams(max_tokens=12, seed=5)
REWARD = 9


def load_scorer(directory: Path) -> Scorer:
    assert directory.is_dir()
    return lambda messages, answers: [float(len(messages) + len(answer)) for answer in answers]


@pytest.fixture
def engine(directory: Path) -> Iterator[Engine]:
    def where(version_id: int) -> Path:
        if version_id > 50:
            raise NotFoundError(f"There is no version {version_id}.")
        return directory

    engine = Engine(where, load_scorer=load_scorer, tokenizer_directory=directory, threads=1, queue_size=2)
    yield engine
    engine.close()


def test_satisfies_the_protocol(engine: Engine) -> None:
    sampler: Sampler = engine
    answers = sampler.generate(HELLO, n=4, params=PARAMS, version_id=1)
    assert len(answers) == 4
    assert answers == sampler.generate(HELLO, n=4, params=PARAMS, version_id=2)
    assert {answer.finish_reason for answer in answers} <= {"stop", "length"}
    assert len({a.text for a in sampler.generate(HELLO, n=4, params=PARAMS, version_id=1, distinct=True)}) == 4


def test_a_stream_tells_what_generate_tells(engine: Engine) -> None:
    whole = engine.generate(HELLO, n=3, params=PARAMS, version_id=1)
    texts, ends = ["", "", ""], {}
    for event in engine.stream(HELLO, n=3, params=PARAMS, version_id=1):
        assert event.index not in ends, "nothing comes after an answer's last event"
        texts[event.index] += event.text
        if event.answer is not None:
            ends[event.index] = event.answer
    assert [ends[index] for index in range(3)] == whole
    assert texts == [answer.text for answer in whole]


def test_a_reader_who_leaves_ends_the_sampling(engine: Engine) -> None:
    long = SamplingParams(max_tokens=100, seed=5)
    for _ in range(5):  # each left after one event: were they not stopped, the queue of two would fill
        stream = engine.stream(HELLO, n=2, params=long, version_id=1)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        engine.tokenize("wait for the thread")
    assert engine.generate(HELLO, n=1, params=PARAMS, version_id=1)


def test_refusals_name_the_next_step(engine: Engine) -> None:
    long: list[Message] = [{"role": "user", "content": "a whale " * 80}]
    with pytest.raises(InvalidError, match=r"at most 116 fit. Shorten it"):
        engine.generate(long, n=1, params=PARAMS, version_id=1)
    with pytest.raises(InvalidError, match="Shorten it"):
        next(iter(engine.stream(long, n=1, params=PARAMS, version_id=1)))
    with pytest.raises(NotFoundError):
        engine.generate(HELLO, n=1, params=PARAMS, version_id=99)
    assert engine.generate(HELLO, n=1, params=PARAMS, version_id=1), "an error must not end the thread"


def test_a_full_queue_refuses(directory: Path) -> None:
    entered, go = threading.Event(), threading.Event()

    def slow(version_id: int) -> Path:
        del version_id
        entered.set()
        go.wait(10)
        return directory

    engine = Engine(slow, threads=1, queue_size=1)
    streams = [engine.stream(HELLO, n=1, params=PARAMS, version_id=1)]
    assert entered.wait(10)
    streams.append(engine.stream(HELLO, n=1, params=PARAMS, version_id=1))
    with pytest.raises(UnavailableError, match="few seconds"):
        engine.generate(HELLO, n=1, params=PARAMS, version_id=1)
    go.set()
    assert all(list(stream)[-1].answer is not None for stream in streams)
    engine.close()
    with pytest.raises(UnavailableError, match="stopping"):
        engine.tokenize("late")


def test_scores_and_kinds(engine: Engine) -> None:
    assert engine.score(HELLO, ["a", "bcd"], version_id=REWARD) == [2.0, 4.0]
    with pytest.raises(InvalidError, match="reward model"):
        engine.generate(HELLO, n=1, params=PARAMS, version_id=REWARD)
    engine.generate(HELLO, n=1, params=PARAMS, version_id=1)
    with pytest.raises(InvalidError, match="is a policy"):
        engine.score(HELLO, ["a"], version_id=1)


def test_few_versions_are_kept(directory: Path) -> None:
    opened: list[int] = []

    def where(version_id: int) -> Path:
        opened.append(version_id)
        return directory

    engine = Engine(where, threads=1)
    for version_id in (1, 2, 3, 4, 1, 5, 1, 2):
        engine.generate(HELLO, n=1, params=PARAMS, version_id=version_id)
    engine.close()
    assert opened == [1, 2, 3, 4, 5, 2]


def test_next_token_and_tokenize(engine: Engine, tokenizer: Tokenizer) -> None:
    found = engine.next_token(HELLO, params=SamplingParams(temperature=0.8, top_k=3), k=6, version_id=1)
    assert [token.probability for token in found] == sorted((t.probability for t in found), reverse=True)
    assert [token.filtered_probability > 0 for token in found] == [True] * 3 + [False] * 3
    assert sum(token.filtered_probability for token in found) == pytest.approx(1, abs=1e-5)
    everything = engine.next_token(HELLO, params=SamplingParams(), k=10**6, version_id=1)
    assert len(everything) == tokenizer.vocab_size
    assert sum(token.probability for token in everything) == pytest.approx(1, abs=1e-4)
    pieces = engine.tokenize("tea 茶 <|end|>")
    assert tokenizer.decode([token for token, _ in pieces]) == "tea 茶 <|end|>"


def test_a_scorer_that_cannot_be_opened(directory: Path) -> None:
    def broken(where: Path) -> Scorer:
        raise RuntimeError(f"cannot open {where.name}")

    engine = Engine(lambda _: directory, load_scorer=broken, threads=1)
    with pytest.raises(RuntimeError, match="cannot open model"):
        engine.score(HELLO, ["a"], version_id=1)
    engine.close()
    engine = Engine(lambda _: directory, threads=1)
    with pytest.raises(UnavailableError, match="without reward models"):
        engine.score(HELLO, ["a"], version_id=1)
    engine.close()
