"""Penalties and biases of whole answers, against their definition and beside neighbours that have none."""

from dataclasses import replace

import pytest

from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.offline import sample_batch
from app.lm.inference.prefill import prompt_logits
from app.lm.inference.scheduler import Scheduler
from app.lm.inference.sequence import new_sequences
from tests.lm.inference.sequences import PROMPTS, finish, start

NUDGES = [
    SamplingParams(max_tokens=12, temperature=0, logit_bias=((7, 2.5), (9, -4.0))),
    SamplingParams(max_tokens=12, temperature=0, frequency_penalty=0.8),
    SamplingParams(max_tokens=12, temperature=0, presence_penalty=1.7),
    SamplingParams(max_tokens=12, temperature=0, frequency_penalty=-0.3, presence_penalty=0.4, repetition_penalty=1.3),
]


def test_repetition_is_punished(decoder: Decoder) -> None:
    plain, strict = (
        sample_batch(decoder, frozenset(), [PROMPTS[0]], n=6, params=params)[0]
        for params in (SamplingParams(max_tokens=40, seed=5, repetition_penalty=penalty) for penalty in (1.0, 2.0))
    )
    different = [sum(len(set(one.token_ids)) for one in answer) for answer in (plain, strict)]
    assert different[1] > different[0]


def test_a_strong_penalty_lets_no_token_come_twice(decoder: Decoder) -> None:
    """Neither one of the prompt's nor one of the answer's own."""
    params = SamplingParams(max_tokens=40, temperature=0, repetition_penalty=1e6)
    [[answer]] = sample_batch(decoder, frozenset(), PROMPTS[:1], n=1, params=params)
    assert len(set(answer.token_ids)) == 40
    assert not set(answer.token_ids) & set(PROMPTS[0])


@pytest.mark.parametrize("params", NUDGES)
def test_penalties_and_biases_are_those_of_the_reference(decoder: Decoder, params: SamplingParams) -> None:
    """mu[j] + bias[j], then the repetition penalty, then mu[j] - c[j] * frequency - (c[j] > 0) * presence, c the counts
    in the answer."""
    [sequence] = new_sequences(1, params, frozenset(), seed=1, logprobs=0)
    scheduler = Scheduler(decoder)
    start(scheduler, PROMPTS[0], [sequence])
    finish(scheduler)
    written: list[int] = []
    for token, logprob in zip(sequence.completion.token_ids, sequence.completion.logprobs, strict=True):
        plain = prompt_logits(decoder, [*PROMPTS[0], *written])
        logits = plain.clone()
        for biased, amount in params.logit_bias:
            logits[biased] += amount
        for one in {*PROMPTS[0], *written}:
            logits[one] *= params.repetition_penalty if logits[one] < 0 else 1 / params.repetition_penalty
        for one in set(written):
            logits[one] -= written.count(one) * params.frequency_penalty + params.presence_penalty
        assert token == int(logits.argmax())
        assert logprob == pytest.approx(float(plain.log_softmax(-1)[token]), abs=1e-4), "the model's own"
        written.append(token)


def test_penalties_and_biases_touch_no_neighbour(decoder: Decoder) -> None:
    """Sequences that differ in these alone stand side by side: each is what it would be alone."""
    plain = SamplingParams(max_tokens=12, temperature=0)
    settings = [plain, *NUDGES, replace(plain, repetition_penalty=1.9), replace(plain, repetition_penalty=0.6)]

    def written(several: list[SamplingParams]) -> list[list[int]]:
        scheduler = Scheduler(decoder)
        sequences = [new_sequences(1, params, frozenset(), seed=1)[0] for params in several]
        for sequence in sequences:
            start(scheduler, PROMPTS[0], [sequence])
        finish(scheduler)
        return [sequence.completion.token_ids for sequence in sequences]

    expected = [written([params])[0] for params in settings]
    assert len({tuple(ids) for ids in expected}) > 4, "settings that change nothing test nothing"
    assert written(settings) == expected


def test_penalties_and_biases_change_what_is_drawn(decoder: Decoder) -> None:
    def drawn(params: SamplingParams) -> list[int]:
        [sequence] = new_sequences(1, params, frozenset(), seed=1)
        scheduler = Scheduler(decoder)
        start(scheduler, PROMPTS[0], [sequence])
        finish(scheduler)
        return sequence.completion.token_ids

    plain = SamplingParams(max_tokens=30, seed=1)
    assert drawn(replace(plain, logit_bias=((9, 100.0),))) == [9] * 30
    assert len(set(drawn(replace(plain, logit_bias=((9, 100.0),), presence_penalty=2.0)))) == 1
    first = drawn(plain)
    assert first[0] not in drawn(replace(plain, logit_bias=((first[0], -100.0),)))
    assert len(set(drawn(replace(plain, frequency_penalty=2.0)))) > len(set(first))
