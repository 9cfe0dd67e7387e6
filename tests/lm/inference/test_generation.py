"""One request's answers: their order, stop strings, answers that must differ, log-probabilities."""

from typing import Any

import pytest

from app.hparams import SamplingParams
from app.lm.inference.engine import LocalEngine
from app.lm.inference.generation import Generation
from app.lm.inference.sequence import Sequence, new_sequences
from app.lm.inference.token_bytes import token_text
from app.lm.text.tokenizer import Tokenizer
from tests.lm.inference.asking import asked


def test_answers_come_in_the_order_of_their_seeds_whichever_ends_first(engine: LocalEngine) -> None:
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
    """Six answers of one token out of ten possible ones: drawn once there are twins, drawn again there are none."""
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

    def count(n: int, *arguments: Any, **words: Any) -> list[Sequence]:
        drawings.append(n)
        return new_sequences(n, *arguments, **words)

    monkeypatch.setattr("app.lm.inference.generation.new_sequences", count)
    assert len(engine.generate(asked(n=3, params=greedy, distinct=True))) == 3
    assert drawings == [3], "greedy answers cannot differ, and are not drawn again"


def test_logprobs_on_request(engine: LocalEngine, tokenizer: Tokenizer) -> None:
    [plain] = engine.generate(asked(n=1))
    [told] = engine.generate(asked(n=1, logprobs=2))
    assert plain.logprobs is None
    assert told.logprobs is not None
    assert [one.token_id for one in told.logprobs] == told.token_ids == plain.token_ids
    first = engine.next_token(asked(), 2).tokens
    assert [(one.token_id, one.logprob) for one in told.logprobs[0].top] == [
        (one.token_id, one.logprob) for one in first
    ]
    assert [token_text(tokenizer, token) for token in told.token_ids] == [one.text for one in told.logprobs]
    streamed = list(engine.stream(asked(n=1, logprobs=2)))[-1].answer
    assert streamed == told


def test_a_prompt_makes_a_request_long_as_well(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.lm.inference.generation.LONG_TOKENS", 60)
    lanes = []
    for words in (2, 40):
        request = asked(n=1, version_id=7, prompt=[{"role": "user", "content": "tea " * words}])
        lanes.append(Generation(request, engine._models.policy(1)).lane)
    assert lanes == [(7, False), (7, True)]
