"""The three stages of a distribution: what is shown is what is drawn from, and adds up to one."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.hparams import SamplingParams
from app.lm.inference.distribution import distribution
from app.lm.inference.engine import LocalEngine
from app.lm.inference.sampler import BrokenModelError, draw
from app.lm.text.tokenizer import Tokenizer
from tests.lm.inference.asking import PARAMS, asked

SETTINGS = [
    SamplingParams(),
    SamplingParams(temperature=0),
    SamplingParams(temperature=0, repetition_penalty=1.7),
    SamplingParams(temperature=0.6, top_k=12, repetition_penalty=1.3),
    SamplingParams(temperature=1.6, top_p=0.7, frequency_penalty=1.2, presence_penalty=0.4),
    SamplingParams(temperature=0.9, min_p=0.1, logit_bias=((7, 4.0), (9, -50.0))),
]


@settings(max_examples=25, deadline=None)
@given(place=st.integers(0, len(SETTINGS) - 1), seed=st.integers(0, 1_000), k=st.integers(1, 400))
def test_the_stages_add_up_whatever_is_listed(tokenizer: Tokenizer, place: int, seed: int, k: int) -> None:
    logits = 6 * torch.randn(tokenizer.vocab_size, generator=torch.Generator().manual_seed(seed))
    told = distribution(tokenizer, logits, [1, 2, 7, 3], [8, 8, 9], SETTINGS[place], k)
    assert len(told.tokens) == min(k, told.vocabulary)
    assert told.rest.count == told.vocabulary - len(told.tokens)
    for stage in ("probability", "tempered", "filtered"):
        total = math.fsum(getattr(one, stage) for one in (*told.tokens, told.rest))
        assert total == pytest.approx(1, abs=1e-5), stage
    if SETTINGS[place].temperature > 0:
        assert all(one.tempered > 0 for one in told.tokens[:20]), "nothing is filtered before the third stage"
    logprobs = np.frombuffer(told.all_logprobs, "<f4")
    assert logprobs.tolist() == pytest.approx(logits.log_softmax(-1).tolist(), abs=1e-5)
    assert (logprobs + told.log_normalizer).tolist() == pytest.approx(logits.tolist(), abs=1e-4)
    for one in told.tokens:
        assert one.logprob == pytest.approx(float(logprobs[one.token_id]), abs=1e-6)
        assert one.probability == pytest.approx(math.exp(one.logprob), abs=1e-6)
    assert [one.probability for one in told.tokens] == sorted((one.probability for one in told.tokens), reverse=True)


@pytest.mark.parametrize("params", SETTINGS)
def test_an_answer_rolls_what_is_shown(engine: LocalEngine, params: SamplingParams) -> None:
    """Each token of an answer is where its random number falls in the sum of `filtered`, in the order of ids."""
    params = SamplingParams(**{**vars(params), "max_tokens": 6, "seed": 11})
    [answer] = engine.generate(asked(params=params, logprobs=0))
    assert answer.logprobs is not None
    for place, one in enumerate(answer.logprobs):
        begun = tuple(answer.token_ids[:place])
        told = engine.next_token(asked(params=params, continue_from=begun), 10**6)
        by_id = sorted(told.tokens, key=lambda token: token.token_id)
        filtered = torch.tensor([token.filtered for token in by_id], dtype=torch.float64)
        if params.temperature == 0:
            assert (one.uniform, int(filtered.argmax())) == (None, one.token_id)
            assert filtered.max() == 1
            continue
        assert one.uniform is not None
        assert int(draw(filtered.log()[None], torch.tensor([one.uniform]))) == one.token_id
        assert by_id[one.token_id].logprob == one.logprob, "the same number to the bit"


def test_what_is_impossible_is_not_listed(tokenizer: Tokenizer) -> None:
    logits = torch.zeros(tokenizer.vocab_size).index_fill(0, torch.arange(4, tokenizer.vocab_size), -math.inf)
    told = distribution(tokenizer, logits, [1], [], SamplingParams(top_k=3), 100)
    assert [one.token_id for one in told.tokens] == [0, 1, 2, 3], "of equal ones the first"
    assert [one.probability for one in told.tokens] == [0.25] * 4
    assert (told.rest.count, told.rest.probability, told.rest.filtered) == (tokenizer.vocab_size - 4, 0, 0)
    assert np.frombuffer(told.all_logprobs, "<f4")[5] == -math.inf


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("temperature", [0, 1])
def test_a_broken_model_has_no_distribution(tokenizer: Tokenizer, number: float, temperature: float) -> None:
    logits = torch.zeros(tokenizer.vocab_size)
    logits[7] = number
    with pytest.raises(BrokenModelError, match="Activate another version"):
        distribution(tokenizer, logits, [1], [], SamplingParams(temperature=temperature), 3)
    with pytest.raises(BrokenModelError):
        distribution(tokenizer, torch.full_like(logits, -math.inf), [1], [], PARAMS, 3)


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.7])
def test_penalties_count_in_the_second_stage_already(tokenizer: Tokenizer, temperature: float) -> None:
    """Where nothing is filtered it is the third one, too."""
    logits = 6 * torch.randn(tokenizer.vocab_size, generator=torch.Generator().manual_seed(5))
    params = SamplingParams(
        temperature=temperature, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.5, frequency_penalty=0.5
    )
    told = distribution(tokenizer, logits, [1, 2, 7, 3], [8, 8, 9], params, 10**6)
    assert [one.tempered for one in told.tokens] == [one.filtered for one in told.tokens]
