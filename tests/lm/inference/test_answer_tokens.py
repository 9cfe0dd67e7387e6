"""Tokens of a stream: together they are the whole answer's, and none is told that a stop string takes back."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.chat import SampledAnswer, StreamEvent, TokenLogprob
from app.hparams import SamplingParams
from app.lm.inference.engine import LocalEngine
from app.lm.inference.sampler import uniform_stream
from app.lm.text.tokenizer import Tokenizer
from tests.lm.inference.asking import asked


def streamed(engine: LocalEngine, params: SamplingParams, **words: Any) -> tuple[list[StreamEvent], SampledAnswer]:
    events = list(engine.stream(asked(params=params, logprobs=2, **words)))
    [answer] = [event.answer for event in events if event.answer]
    return [event for event in events if event.answer is None], answer


def tokens_of(events: list[StreamEvent]) -> tuple[TokenLogprob, ...]:
    return tuple(token for event in events for token in event.tokens)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 500), start=st.integers(0, 30), size=st.integers(0, 3))
def test_the_tokens_of_a_stream_are_those_of_the_whole(engine: LocalEngine, seed: int, start: int, size: int) -> None:
    params = SamplingParams(max_tokens=30, seed=seed, temperature=1.4)
    [whole] = engine.generate(asked(params=params))
    stop = tuple(text for text in (whole.text[start : start + size],) if text)
    params = SamplingParams(max_tokens=30, seed=seed, temperature=1.4, stop=stop)
    events, answer = streamed(engine, params)
    assert tokens_of(events) == answer.logprobs
    assert b"".join(bytes(one.bytes) for one in tokens_of(events)).decode("utf-8", "replace") == answer.text
    assert engine.generate(asked(params=params, logprobs=2)) == [answer]


def test_a_part_of_a_character_comes_at_once_with_its_bytes(engine: LocalEngine, tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("a🙂")
    assert len(ids) == 5
    events, answer = streamed(engine, SamplingParams(max_tokens=5), continue_from=tuple(ids))
    assert answer.text == "a🙂"
    told = tokens_of(events)
    assert [one.text for one in told] == ["a", "", "", "", ""]
    assert [bytes(one.bytes) for one in told] == [b"a", b"\xf0", b"\x9f", b"\x99", b"\x82"]


def test_tokens_that_begin_a_stop_string_wait(engine: LocalEngine, tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("a茶")
    params = SamplingParams(max_tokens=len(ids), stop=("茶",))
    events, answer = streamed(engine, params, continue_from=tuple(ids))
    assert answer.text == "a"
    assert tokens_of(events) == answer.logprobs
    assert [bytes(one.bytes) for one in tokens_of(events)][1:] == [b""] * (len(ids) - 1)


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_each_token_has_the_number_that_was_rolled(engine: LocalEngine, temperature: float) -> None:
    """Number i of the stream belongs to token i; nothing is rolled at temperature 0."""
    params = SamplingParams(max_tokens=8, seed=4, temperature=temperature)
    events, answer = streamed(engine, params)
    numbers = [one.uniform for one in tokens_of(events)]
    if temperature == 0:
        assert numbers == [None] * len(answer.token_ids)
        return
    assert numbers == uniform_stream(4, 0, 8)[: len(numbers)]
    longer = streamed(engine, SamplingParams(max_tokens=30, seed=4, temperature=temperature))[0]
    assert [one.uniform for one in tokens_of(longer)][: len(numbers)] == numbers
    assert all(number is not None and 0 <= number < 1 for number in numbers)
