"""Tokens are drawn by each sequence's own settings, and their log-probabilities are the model's own."""

from typing import Any

import pytest

from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.offline import sample_batch
from app.lm.inference.prefill import prompt_logits
from app.lm.inference.scheduler import Scheduler
from app.lm.inference.sequence import new_sequences
from tests.lm.inference.sequences import END, PROMPTS, SETTINGS, alone, finish, start


def test_settings_are_followed_in_a_mixed_batch(decoder: Decoder) -> None:
    """The greedy request is greedy although its neighbours are not."""
    groups = [alone(decoder, 4)[0], sample_batch(decoder, END, [PROMPTS[4]], n=1, params=SETTINGS[4])[0][0]]
    assert groups[0].token_ids == groups[1].token_ids
    ids = list(PROMPTS[4])
    for token in groups[0].token_ids:
        assert int(prompt_logits(decoder, ids).argmax()) == token
        ids.append(token)


@pytest.mark.parametrize("words", [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}], ids=str)
def test_the_narrowest_filter_is_greedy(decoder: Decoder, words: dict[str, Any]) -> None:
    narrow = SamplingParams(max_tokens=9, seed=1, **words)
    [[narrowed]] = sample_batch(decoder, END, PROMPTS[:1], n=1, params=narrow)
    [[greedy]] = sample_batch(decoder, END, PROMPTS[:1], n=1, params=SamplingParams(max_tokens=9, temperature=0))
    assert narrowed.token_ids == greedy.token_ids


def test_alternatives_are_the_likeliest(decoder: Decoder) -> None:
    params = SamplingParams(max_tokens=5, seed=1, temperature=0.6, top_k=2)
    [sequence] = new_sequences(1, params, END, seed=1, logprobs=3)
    scheduler = Scheduler(decoder)
    start(scheduler, PROMPTS[0], [sequence])
    finish(scheduler)
    ids, answer = list(PROMPTS[0]), sequence.completion
    for token, logprob, top in zip(answer.token_ids, answer.logprobs, answer.top, strict=True):
        full = prompt_logits(decoder, ids).log_softmax(-1)
        assert logprob == pytest.approx(float(full[token]), abs=1e-4)
        assert [other for other, _ in top] == full.topk(3).indices.tolist()
        assert token in [other for other, _ in top[:2]], "top-k 2"
        ids.append(token)
