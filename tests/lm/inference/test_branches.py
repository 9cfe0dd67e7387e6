"""Answers that begin with given tokens: each equals, to the token and the bit, the run that wrote these tokens itself.

What is given is prefilled with the prompt, what a run wrote itself was decoded: that both give the same bits is what
this rests on, and is tested first.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.chat import GenerationRequest, SampledAnswer
from app.errors import InvalidError
from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.engine import LocalEngine
from app.lm.inference.prefill import prefill_prompts
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer
from tests.lm.inference.asking import asked

SETTINGS = [
    SamplingParams(max_tokens=24, seed=3),
    SamplingParams(max_tokens=24, temperature=0),
    SamplingParams(max_tokens=24, temperature=0, repetition_penalty=1.5),
    SamplingParams(max_tokens=24, seed=4, repetition_penalty=1.4, temperature=1.3),
    SamplingParams(max_tokens=24, seed=5, frequency_penalty=1.5, presence_penalty=0.7, temperature=0.8),
    SamplingParams(max_tokens=24, seed=6, top_k=20, top_p=0.9, min_p=0.02),
    SamplingParams(max_tokens=24, seed=7, logit_bias=((40, 3.0), (60, -20.0))),
]


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def either_decoder(request: pytest.FixtureRequest, model: Llama) -> Decoder:
    return Decoder(model, request.param)


@torch.inference_mode()
def test_a_token_read_is_a_token_written_to_the_bit(either_decoder: Decoder) -> None:
    """States after each of 60 tokens, prefilled at once and decoded one by one, between others."""
    decoder, ids = either_decoder, [(7 * place) % 300 + 5 for place in range(60)]
    [states] = prefill_prompts(decoder, [ids], decoder.new_cache(1, len(ids)))
    cache = decoder.new_cache(3, len(ids))
    for place, token in enumerate(ids):
        rows, tokens = torch.arange(3), torch.tensor([token, 9, token + 1])
        decoded = decoder.states(tokens, rows, torch.full((3,), place), cache)
        assert torch.equal(decoded[0], states[place]), place
        assert torch.equal(decoder.logits(decoded)[0], decoder.logits(states[place : place + 1])[0]), place


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(SETTINGS) - 1), cut=st.integers(0, 24), index=st.integers(0, 2))
def test_a_branch_goes_on_as_the_run_did(engine: LocalEngine, place: int, cut: int, index: int) -> None:
    """Answer `index` of three, alone, from any of its tokens: tokens, log-probabilities and random numbers."""
    params = SETTINGS[place]
    whole = engine.generate(asked(params=params, n=3, logprobs=3))[index]
    begun = tuple(whole.token_ids[:cut])
    [branch] = engine.generate(asked(params=params, logprobs=3, continue_from=begun, index=index))
    assert branch == whole
    stream = engine.stream(asked(params=params, logprobs=3, continue_from=begun, index=index))
    assert [event.answer for event in stream if event.answer] == [whole]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(SETTINGS) - 1), begun=st.lists(st.integers(5, 300), min_size=1, max_size=20))
def test_other_tokens_are_taken_as_if_they_had_been_drawn(engine: LocalEngine, place: int, begun: list[int]) -> None:
    """A branch of a branch equals the branch: whatever tokens it begins with, it has but one way to go on."""
    params = SETTINGS[place]
    first = engine.generate(asked(params=params, n=2, logprobs=1, continue_from=tuple(begun)))
    assert all(answer.token_ids[: len(begun)] == begun for answer in first)
    for index, answer in enumerate(first):
        further = tuple(answer.token_ids[: len(begun) + 2])
        [again] = engine.generate(asked(params=params, logprobs=1, continue_from=further, index=index))
        assert again == answer


def pieces(engine: LocalEngine, request: GenerationRequest) -> tuple[str, SampledAnswer]:
    events = list(engine.stream(request))
    [answer] = [event.answer for event in events if event.answer]
    assert "".join(event.text for event in events) == answer.text
    return answer.text, answer


def test_a_stop_string_may_begin_in_what_is_given(engine: LocalEngine) -> None:
    [whole] = engine.generate(asked(params=SETTINGS[0]))
    assert len(whole.text) > 8
    for start in range(len(whole.text) - 3):
        params = replace(SETTINGS[0], stop=(whole.text[start : start + 3],))
        [stopped] = engine.generate(asked(params=params, logprobs=1))
        for cut in range(len(stopped.token_ids) + 1):
            request = asked(params=params, logprobs=1, continue_from=tuple(stopped.token_ids[:cut]))
            assert engine.generate(request) == [stopped], (start, cut)
        assert pieces(engine, request)[1] == stopped


def test_an_answer_that_is_over_within_what_is_given_ends_there(engine: LocalEngine, tokenizer: Tokenizer) -> None:
    end, ids = tokenizer.end_id, tokenizer.encode("tea and water")
    [ended] = engine.generate(asked(continue_from=(*ids, end), logprobs=1))
    assert (ended.text, ended.token_ids, ended.finish_reason) == ("tea and water", [*ids, end], "stop")
    assert ended.logprobs is not None
    assert [one.token_id for one in ended.logprobs] == [*ids, end]
    full = SamplingParams(max_tokens=len(ids), seed=1)
    [cut] = engine.generate(asked(continue_from=tuple(ids), params=full))
    assert (cut.token_ids, cut.finish_reason) == (ids, "length")
    text, stopped = pieces(
        engine, asked(continue_from=tuple(ids), params=SamplingParams(max_tokens=99, stop=("a an",)))
    )
    assert (text, stopped.finish_reason) == ("te", "stop")
    assert stopped.token_ids == ids[: len(stopped.token_ids)], "what is behind the stop string is left out"


def test_what_no_answer_begins_with_is_refused(engine: LocalEngine, tokenizer: Tokenizer) -> None:
    end, params = tokenizer.end_id, SamplingParams(max_tokens=3)

    def refused(says: str, *given: int) -> None:
        with pytest.raises(InvalidError, match=says) as refusal:
            engine.generate(asked(params=params, continue_from=given))
        assert refusal.value.param == "continue_from"

    refused("There is no token 99999; the last one is 319", 99_999)
    refused(r"has 4 tokens, and they count as part of the answer, which may have 3\. Raise max_tokens", 7, 7, 7, 7)
    refused(rf"Token 2 of continue_from \({end}\) ends an answer: nothing comes behind it", 7, end, 7)
    with pytest.raises(InvalidError, match="ends an answer"):
        engine.next_token(asked(continue_from=(7, end)), 3)


def test_special_tokens_that_end_nothing_are_taken(engine: LocalEngine, tokenizer: Tokenizer) -> None:
    """A model may write them, and so may a branch begin with them; they write no text."""
    assert tokenizer.user_id is not None
    [answer] = engine.generate(asked(continue_from=(tokenizer.user_id, *tokenizer.encode("tea"))))
    assert answer.text.startswith("tea")


@pytest.fixture
def busy(engine: LocalEngine) -> Iterator[None]:
    """Other answers are written meanwhile."""
    stream = engine.stream(asked(n=5, params=SamplingParams(max_tokens=90, seed=9, temperature=1.5)))
    next(stream)
    yield
    stream.close()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("params", SETTINGS)
def test_company_changes_no_branch(engine: LocalEngine, params: SamplingParams) -> None:
    whole = engine.generate(asked(params=params, n=4, logprobs=2))
    begun = tuple(whole[2].token_ids[:5])
    several = engine.generate(asked(params=params, n=2, logprobs=2, continue_from=begun, index=2))
    assert several[0] == whole[2]


def test_long_beginnings_are_noted_in_pieces(engine: LocalEngine) -> None:
    params = SamplingParams(max_tokens=110, seed=8, temperature=1.2, logit_bias=((4, -100.0),))
    [whole] = engine.generate(asked(prompt=[{"role": "user", "content": "a"}], params=params, logprobs=2))
    assert len(whole.token_ids) == 110
    begun = tuple(whole.token_ids[:100])
    request = asked(prompt=[{"role": "user", "content": "a"}], params=params, logprobs=2, continue_from=begun)
    assert engine.generate(request) == [whole]
