"""Rows that join and leave a running batch: each is what it would be alone, and room is kept."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from app.hparams import SamplingParams
from app.lm.inference import batch as batch_module
from app.lm.inference.batch import Batch, Completion, Row, prompt_logits
from app.lm.inference.decoder import Decoder
from app.lm.inference.kv_cache import KVCache
from app.lm.inference.offline import answer_rows, sample_batch
from app.lm.model import Llama

END = frozenset({4})
SETTINGS = [
    SamplingParams(max_tokens=20, seed=1),
    SamplingParams(max_tokens=9, seed=2, temperature=0.7, top_k=30),
    SamplingParams(max_tokens=30, seed=3, top_p=0.8, repetition_penalty=1.4),
    SamplingParams(max_tokens=14, seed=4, min_p=0.05),
    SamplingParams(max_tokens=25, temperature=0.0),
]
PROMPTS = [[1, 2, 7, 8, 9, 3], [1, 2, 3], [1, *range(5, 95), 3], [1, 2, 30, 3], [1, 60, 61, 3]]


@pytest.fixture(scope="module")
def decoder(model: Llama) -> Decoder:
    return Decoder(model, torch.float32)


def rows_of(place: int, n: int = 3) -> list[Row]:
    return answer_rows(n, SETTINGS[place], END, seed=place)


def finish(batch: Batch) -> None:
    while batch.busy:
        batch.step()


def alone(decoder: Decoder, place: int) -> list[Completion]:
    batch, rows = Batch(decoder), rows_of(place)
    batch.add(PROMPTS[place], rows)
    finish(batch)
    return [row.completion for row in rows]


@pytest.mark.parametrize("read_tokens", [256, 16])
def test_answers_are_the_same_in_any_company(
    decoder: Decoder, read_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five requests with other settings, joining one after the other while the former are being written; a long prompt
    that is read in pieces is read as if in one."""
    expected = [alone(decoder, place) for place in range(5)]
    monkeypatch.setattr(batch_module, "READ_TOKENS", read_tokens)
    batch, groups = Batch(decoder), [rows_of(place) for place in range(5)]
    ended: list[Row] = []
    for place in (3, 0, 2, 4, 1):
        batch.add(PROMPTS[place], groups[place])
        for _ in range(3):
            ended += batch.step()
    while batch.busy:
        ended += batch.step()
    assert [[row.completion for row in rows] for rows in groups] == expected
    assert len(ended) == len(set(ended)) == 15


def test_settings_are_followed_in_a_mixed_batch(decoder: Decoder) -> None:
    """The greedy request is greedy although its neighbours are not."""
    groups = [alone(decoder, 4)[0], sample_batch(decoder, END, [PROMPTS[4]], n=1, params=SETTINGS[4])[0][0]]
    assert groups[0].token_ids == groups[1].token_ids
    ids = list(PROMPTS[4])
    for token in groups[0].token_ids:
        assert int(prompt_logits(decoder, ids).argmax()) == token
        ids.append(token)


def test_repetition_is_punished(decoder: Decoder) -> None:
    plain, strict = (
        sample_batch(decoder, frozenset(), [PROMPTS[0]], n=6, params=params)[0]
        for params in (SamplingParams(max_tokens=40, seed=5, repetition_penalty=penalty) for penalty in (1.0, 2.0))
    )
    different = [sum(len(set(one.token_ids)) for one in found) for found in (plain, strict)]
    assert different[1] > different[0]


@pytest.mark.parametrize("words", [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}], ids=str)
def test_the_narrowest_filter_is_greedy(decoder: Decoder, words: dict[str, Any]) -> None:
    narrow = SamplingParams(max_tokens=9, seed=1, **words)
    [[found]] = sample_batch(decoder, END, PROMPTS[:1], n=1, params=narrow)
    [[greedy]] = sample_batch(decoder, END, PROMPTS[:1], n=1, params=SamplingParams(max_tokens=9, temperature=0))
    assert found.token_ids == greedy.token_ids


def test_a_strong_penalty_lets_no_token_come_twice(decoder: Decoder) -> None:
    """Neither one of the prompt's nor one of the answer's own."""
    params = SamplingParams(max_tokens=40, temperature=0, repetition_penalty=1e6)
    [[found]] = sample_batch(decoder, frozenset(), PROMPTS[:1], n=1, params=params)
    assert len(set(found.token_ids)) == 40
    assert not set(found.token_ids) & set(PROMPTS[0])


def test_a_cancelled_row_leaves_and_others_stay_as_they_are(decoder: Decoder) -> None:
    expected = alone(decoder, 0)
    batch, staying, leaving = Batch(decoder), rows_of(0), rows_of(2)
    batch.add(PROMPTS[2], leaving)
    batch.add(PROMPTS[0], staying)
    for _ in range(2):
        batch.step()
    leaving[0].cancelled = leaving[2].cancelled = True
    gone = batch.step()
    assert set(gone) == {leaving[0], leaving[2]}
    assert len(leaving[0].completion.token_ids) == 2
    finish(batch)
    assert [row.completion for row in staying] == expected
    late = rows_of(1)
    batch.add(PROMPTS[1], late)
    for row in late:
        row.cancelled = True
    assert set(batch.step()) == set(late), "a row that was not begun leaves, too"
    assert not batch.busy


def test_room(decoder: Decoder) -> None:
    batch = Batch(decoder, max_rows=4)
    assert batch.has_room(9, 10_000), "what is alone is let in"
    batch.add(PROMPTS[0], rows_of(0))
    assert batch.has_room(1, 50)
    assert not batch.has_room(2, 50)
    small = Batch(decoder, max_bytes=KVCache.bytes_of(decoder.config, decoder.dtype, 8, 64))
    small.add(PROMPTS[1], rows_of(1))
    assert small.has_room(3, 64)
    assert not small.has_room(3, 128), "all rows would grow with the longest"
    assert not small.has_room(6, 64)


def test_a_long_prompt_is_read_in_pieces_while_others_are_written(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_module, "READ_TOKENS", 16)
    batch, quick, slow = Batch(decoder), rows_of(0), rows_of(2)
    batch.add(PROMPTS[0], quick)
    batch.step()
    batch.add(PROMPTS[2], slow)
    for _ in range(3):
        batch.step()
    assert len(quick[0].completion.token_ids) == 4
    assert slow[0].completion.token_ids == []


def test_alternatives_are_the_likeliest(decoder: Decoder) -> None:
    params = SamplingParams(max_tokens=5, seed=1, temperature=0.6, top_k=2)
    [row] = answer_rows(1, params, END, seed=1, logprobs=3)
    batch = Batch(decoder)
    batch.add(PROMPTS[0], [row])
    finish(batch)
    ids = list(PROMPTS[0])
    for token, logprob, top in zip(row.completion.token_ids, row.completion.logprobs, row.completion.top, strict=True):
        full = prompt_logits(decoder, ids).log_softmax(-1)
        assert logprob == pytest.approx(float(full[token]), abs=1e-4)
        assert [found for found, _ in top] == full.topk(3).indices.tolist()
        assert token in [found for found, _ in top[:2]], "top-k 2"
        ids.append(token)


NUDGES = [
    SamplingParams(max_tokens=12, temperature=0, logit_bias=((7, 2.5), (9, -4.0))),
    SamplingParams(max_tokens=12, temperature=0, frequency_penalty=0.8),
    SamplingParams(max_tokens=12, temperature=0, presence_penalty=1.7),
    SamplingParams(max_tokens=12, temperature=0, frequency_penalty=-0.3, presence_penalty=0.4, repetition_penalty=1.3),
]


@pytest.mark.parametrize("params", NUDGES)
def test_penalties_and_biases_are_those_of_the_reference(decoder: Decoder, params: SamplingParams) -> None:
    """mu[j] + bias[j], then the repetition penalty, then mu[j] - c[j] * frequency - (c[j] > 0) * presence, c the counts
    in the answer."""
    [row] = answer_rows(1, params, frozenset(), seed=1, logprobs=0)
    batch = Batch(decoder)
    batch.add(PROMPTS[0], [row])
    finish(batch)
    written: list[int] = []
    for token, logprob in zip(row.completion.token_ids, row.completion.logprobs, strict=True):
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
    """Rows that differ in these alone stand side by side: each is what it would be alone."""
    plain = SamplingParams(max_tokens=12, temperature=0)
    settings = [plain, *NUDGES, replace(plain, repetition_penalty=1.9), replace(plain, repetition_penalty=0.6)]

    def written(several: list[SamplingParams]) -> list[list[int]]:
        batch, rows = Batch(decoder), [answer_rows(1, params, frozenset(), seed=1)[0] for params in several]
        for row in rows:
            batch.add(PROMPTS[0], [row])
        finish(batch)
        return [row.completion.token_ids for row in rows]

    expected = [written([params])[0] for params in settings]
    assert len({tuple(ids) for ids in expected}) > 4, "settings that change nothing test nothing"
    assert written(settings) == expected


def test_penalties_and_biases_change_what_is_drawn(decoder: Decoder) -> None:
    def drawn(params: SamplingParams) -> list[int]:
        [row] = answer_rows(1, params, frozenset(), seed=1)
        batch = Batch(decoder)
        batch.add(PROMPTS[0], [row])
        finish(batch)
        return row.completion.token_ids

    plain = SamplingParams(max_tokens=30, seed=1)
    assert drawn(replace(plain, logit_bias=((9, 100.0),))) == [9] * 30
    assert len(set(drawn(replace(plain, logit_bias=((9, 100.0),), presence_penalty=2.0)))) == 1
    first = drawn(plain)
    assert first[0] not in drawn(replace(plain, logit_bias=((first[0], -100.0),)))
    assert len(set(drawn(replace(plain, frequency_penalty=2.0)))) > len(set(first))


def test_memory_is_given_back(decoder: Decoder) -> None:
    batch = Batch(decoder)
    batch.add(PROMPTS[2], rows_of(2))
    finish(batch)
    assert batch._cache.numbers.numel() == 0
