"""The engine: answers, streams, refusals, several versions, going away in the middle."""

import math
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from app.chat import GenerationRequest, Message, Prompt
from app.errors import CrowdedError, GoneError, InvalidError, NotFoundError, UnavailableError
from app.hparams import SamplingParams
from app.lm.files.checkpoint import save_model
from app.lm.inference.batch import Row
from app.lm.inference.engine import LocalEngine, Scorer
from app.lm.inference.generation import Generation
from app.lm.inference.offline import answer_rows
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer
from app.services.sampling.engine import Engine
from tests.waiting import PATIENCE_SECONDS

HELLO: list[Message] = [{"role": "user", "content": "Please tell me 水."}]
PARAMS = SamplingParams(max_tokens=12, seed=5)
REWARD = 9


def asked(
    *, prompt: Prompt = HELLO, version_id: int = 1, params: SamplingParams = PARAMS, **words: Any
) -> GenerationRequest:
    return GenerationRequest(prompt, version_id=version_id, params=params, **words)


def load_scorer(directory: Path) -> Scorer:
    assert directory.is_dir()
    return lambda messages, answers: [float(len(messages) + len(answer)) for answer in answers]


@pytest.fixture
def engine(directory: Path) -> Iterator[LocalEngine]:
    def where(version_id: int) -> Path:
        if version_id > 50:
            raise NotFoundError(f"There is no version {version_id}.")
        return directory

    engine = LocalEngine(where, load_scorer=load_scorer, threads=1, queue_size=2)
    yield engine
    engine.close()


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
        engine.next_token(HELLO, params=PARAMS, k=1, version_id=1)  # waits for the thread
    assert engine.generate(asked(n=1))


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
        def score(messages: Sequence[Message], answers: Sequence[str]) -> list[float]:
            del messages
            entered.set()
            return [float(go.wait(PATIENCE_SECONDS)) for _ in answers]

        del where
        return score

    engine = LocalEngine(lambda _: directory, load_scorer=slow_scorer, threads=1, queue_size=2)
    engine.tokenize("open the version", version_id=1)
    with ThreadPoolExecutor() as threads:
        scores = threads.submit(engine.score, HELLO, ["a"], version_id=REWARD)
        assert entered.wait(PATIENCE_SECONDS)
        streams = [engine.stream(asked(n=1)) for _ in range(2)]
        with pytest.raises(CrowdedError, match="few seconds"):
            engine.generate(asked(n=1))
        go.set()
        assert scores.result() == [1.0]
    assert all(list(stream)[-1].answer is not None for stream in streams)
    engine.close()
    with pytest.raises(UnavailableError, match="stopping"):
        engine.generate(asked(n=1))


def test_answers_go_on_while_a_version_is_opened(directory: Path) -> None:
    """And the one that is slow to open is opened once, whoever asks for it meanwhile."""
    entered, go = threading.Event(), threading.Event()
    opened: list[int] = []

    def where(version_id: int) -> Path:
        opened.append(version_id)
        if version_id == 2:
            entered.set()
            assert go.wait(PATIENCE_SECONDS)
        return directory

    engine = LocalEngine(where, threads=1)
    engine.tokenize("open the version", version_id=1)
    with ThreadPoolExecutor() as threads:
        slow = [threads.submit(engine.generate, asked(n=1, version_id=2)) for _ in range(3)]
        assert entered.wait(PATIENCE_SECONDS)
        quick = engine.generate(asked(n=1))
        assert not any(one.done() for one in slow)
        go.set()
        assert [one.result() for one in slow] == [quick] * 3
    engine.close()
    assert opened == [1, 2]


def test_scores_and_kinds(engine: LocalEngine) -> None:
    assert engine.score(HELLO, ["a", "bcd"], version_id=REWARD) == [2.0, 4.0]
    with pytest.raises(InvalidError, match="reward model"):
        engine.generate(asked(n=1, version_id=REWARD))
    engine.generate(asked(n=1))
    with pytest.raises(InvalidError, match="is a policy"):
        engine.score(HELLO, ["a"], version_id=1)


def test_few_versions_are_kept(directory: Path) -> None:
    opened: list[int] = []

    def where(version_id: int) -> Path:
        opened.append(version_id)
        return directory

    engine = LocalEngine(where, threads=1)
    for version_id in (1, 2, 3, 4, 1, 5, 1, 2):
        engine.generate(asked(n=1, version_id=version_id))
    engine.close()
    assert opened == [1, 2, 3, 4, 5, 2]


def test_next_token_and_tokenize(engine: LocalEngine, tokenizer: Tokenizer) -> None:
    found = engine.next_token(HELLO, params=SamplingParams(temperature=0.8, top_k=3), k=6, version_id=1)
    assert [token.probability for token in found] == sorted((t.probability for t in found), reverse=True)
    assert [token.filtered_probability > 0 for token in found] == [True] * 3 + [False] * 3
    assert sum(token.filtered_probability for token in found) == pytest.approx(1, abs=1e-5)
    everything = engine.next_token(HELLO, params=SamplingParams(), k=10**6, version_id=1)
    assert len(everything) == tokenizer.vocab_size
    assert sum(token.probability for token in everything) == pytest.approx(1, abs=1e-4)
    pieces = engine.tokenize("tea 茶 <|end|>", version_id=1)
    assert tokenizer.decode([token for token, _ in pieces]) == "tea 茶 <|end|>"


def test_a_scorer_that_cannot_be_opened(directory: Path) -> None:
    def broken(where: Path) -> Scorer:
        raise RuntimeError(f"cannot open {where.name}")

    engine = LocalEngine(lambda _: directory, load_scorer=broken, threads=1)
    with pytest.raises(RuntimeError, match="cannot open model"):
        engine.score(HELLO, ["a"], version_id=1)
    engine.close()
    engine = LocalEngine(lambda _: directory, threads=1)
    with pytest.raises(UnavailableError, match="without reward models"):
        engine.score(HELLO, ["a"], version_id=1)
    engine.close()


LONG = SamplingParams(max_tokens=100, seed=5, temperature=1.5)


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


def test_a_new_version_answers_while_the_former_ends(directory: Path, tmp_path: Path) -> None:
    """And the former one's files may be gone: nothing that was begun is dropped."""
    first, second = tmp_path / "1", tmp_path / "2"
    for target in (first, second):
        shutil.copytree(directory, target)
    engine = LocalEngine(lambda version_id: tmp_path / str(version_id), threads=1)
    running = engine.stream(asked(n=4, params=LONG))
    before = next(running)
    shutil.rmtree(first)
    assert engine.generate(asked(n=1, version_id=2))
    ended = [event.answer for event in [before, *running] if event.answer is not None]
    assert len(ended) == 4
    assert all(answer.token_ids for answer in ended)
    engine.close()


def test_a_version_that_is_removed_while_it_answers_or_is_opened(directory: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(directory, tmp_path / "policy"))

    def where(_version_id: int) -> Path:
        if not copy.exists():
            raise GoneError("It was removed.")
        return copy

    engine = LocalEngine(where, threads=1)
    stream = engine.stream(asked(n=2))
    whole = engine.generate(asked(n=2))
    first = next(iter(stream))
    shutil.rmtree(copy)
    answers = [event.answer for event in [first, *stream] if event.answer is not None]
    assert sorted(answer.text for answer in answers) == sorted(answer.text for answer in whole)

    usable = iter([True, False])

    def removed_since(_version_id: int) -> Path:
        if next(usable):
            return copy
        raise GoneError("It was removed.")

    late = LocalEngine(removed_since, threads=1)
    with pytest.raises(GoneError):
        late.generate(asked(n=1))
    for each in (engine, late):
        each.close()


def test_answers_come_in_the_order_of_their_dice_whichever_ends_first(engine: LocalEngine) -> None:
    params = SamplingParams(max_tokens=90, seed=5)
    told = list(engine.stream(asked(n=16, params=params)))
    ends = {event.index: event.answer for event in told if event.answer is not None}
    assert list(ends) != sorted(ends), "all ended in order: the test tests nothing"
    assert engine.generate(asked(n=16, params=params)) == [ends[index] for index in range(16)]


def test_stop_strings_end_answers(engine: LocalEngine) -> None:
    [whole] = engine.generate(asked(n=1))
    mark = whole.text[len(whole.text) // 2]
    [cut] = engine.generate(asked(n=1, params=SamplingParams(max_tokens=12, seed=5, stop=(mark,))))
    assert cut.text == whole.text[: whole.text.index(mark)]
    assert cut.finish_reason == "stop"
    assert cut.token_ids == whole.token_ids[: len(cut.token_ids)]


def test_twins_are_drawn_again(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six answers of one token out of ten possible ones: plain throws give twins, drawing again does not."""
    params = SamplingParams(temperature=0.7, top_k=10, max_tokens=1, seed=2)
    plain = engine.generate(asked(n=6, params=params))
    assert len({answer.token_ids[0] for answer in plain}) < 6
    monkeypatch.setattr("app.lm.inference.generation.TRIES", 50)
    drawn = engine.generate(asked(n=6, params=params, distinct=True))
    assert len({answer.token_ids[0] for answer in drawn}) == 6
    assert drawn == engine.generate(asked(n=6, params=params, distinct=True))
    told = [event.answer for event in engine.stream(asked(n=6, params=params, distinct=True)) if event.answer]
    assert len(told) == 6, "a stream tells each answer once"
    greedy = SamplingParams(temperature=0, max_tokens=1)
    drawings: list[int] = []

    def count(n: int, *arguments: Any, **words: Any) -> list[Row]:
        drawings.append(n)
        return answer_rows(n, *arguments, **words)

    monkeypatch.setattr("app.lm.inference.generation.answer_rows", count)
    assert len(engine.generate(asked(n=3, params=greedy, distinct=True))) == 3
    assert drawings == [3], "greedy answers cannot differ, and are not drawn again"


def test_logprobs_on_request(engine: LocalEngine, tokenizer: Tokenizer) -> None:
    [plain] = engine.generate(asked(n=1))
    [told] = engine.generate(asked(n=1, logprobs=2))
    assert plain.logprobs is None
    assert told.logprobs is not None
    assert [one.token_id for one in told.logprobs] == told.token_ids == plain.token_ids
    first = engine.next_token(HELLO, params=PARAMS, k=2, version_id=1)
    assert [one.token_id for one in told.logprobs[0].top] == [one.token_id for one in first]
    assert told.logprobs[0].top[0].logprob == pytest.approx(float(torch.tensor(first[0].probability).log()), abs=1e-4)
    assert tokenizer.pieces(told.token_ids) == [one.text for one in told.logprobs]
    streamed = list(engine.stream(asked(n=1, logprobs=2)))[-1].answer
    assert streamed == told


def test_what_takes_too_long_is_told(directory: Path) -> None:
    """In the line, and in the middle of its answers."""
    engine = LocalEngine(lambda _: directory, threads=1, request_seconds=0.0)
    with pytest.raises(UnavailableError, match="longer than"):
        engine.generate(asked(n=1))
    engine._request_seconds = 60.0
    running = engine.stream(asked(n=2, params=LONG))
    next(running)
    for generation in list(engine._owners.values()):
        generation.deadline = 0.0
    with pytest.raises(UnavailableError, match="longer than"):
        list(running)
    assert engine.generate(asked(n=1))
    engine.close()


def test_a_thousand_at_once(directory: Path) -> None:
    """Some are refused at once, all others are answered, and the rows written side by side stay few."""
    engine = LocalEngine(lambda _: directory, threads=1, queue_size=20, max_rows=8)
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
    from app.lm.inference.batch import Batch

    engine = LocalEngine(lambda _: directory, threads=1)
    step = Batch.step

    def breaking(self: Batch) -> object:
        if any(row.params.max_tokens == 77 for row in self._slots):
            raise RuntimeError("out of memory")
        return step(self)

    monkeypatch.setattr(Batch, "step", breaking)
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
    engine = LocalEngine(places.__getitem__, load_scorer=lambda _: lambda *_: [0.5, math.nan], threads=1)
    params = SamplingParams(max_tokens=3, temperature=temperature)
    for ask in (
        lambda: engine.generate(asked(n=1, params=params, version_id=2)),
        lambda: engine.generate(asked(n=1, params=params, version_id=2, logprobs=1)),
        lambda: list(engine.stream(asked(n=1, params=params, version_id=2))),
        lambda: engine.next_token(HELLO, params=params, k=2, version_id=2),
        lambda: engine.score(HELLO, ["a", "b"], version_id=REWARD),
    ):
        with pytest.raises(UnavailableError, match=r"not finite.*Activate another version"):
            ask()
    assert engine.generate(asked(n=1, params=params))[0].token_ids
    engine.close()


def test_long_answers_hold_up_no_short_ones(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and line are full of long ones, which nobody reads to their end: a short one is written at once."""
    monkeypatch.setattr("app.lm.inference.generation.LONG_ANSWER_TOKENS", 50)
    endless = SamplingParams(max_tokens=110, seed=5, logit_bias=((4, -100.0),))
    engine = LocalEngine(lambda _: directory, threads=1, max_rows=4, queue_size=6)
    expected = engine.generate(asked(n=4))
    running = engine.stream(asked(n=1, params=endless))
    next(running)
    waiting = [engine.stream(asked(n=1, params=endless)) for _ in range(3)]
    with pytest.raises(CrowdedError, match=r"Too many long answers.* in a few seconds"):
        engine.generate(asked(n=1, params=endless))
    assert engine.generate(asked(n=4)) == expected
    assert len(engine._waiting) == 3, "the long ones ended meanwhile: the test tests nothing"
    ended = [event.answer for stream in (running, *waiting) for event in stream if event.answer is not None]
    assert [len(answer.token_ids) for answer in ended] == [110] * 4
    engine.close()


def test_a_prompt_makes_a_request_long_as_well(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.lm.inference.generation.LONG_TOKENS", 60)
    lanes = []
    for words in (2, 40):
        generation = Generation(asked(n=1, version_id=7, prompt=[{"role": "user", "content": "tea " * words}]))
        generation.prepare(engine._models.policy(1))
        lanes.append(generation.lane)
    assert lanes == [(7, False), (7, True)]
