"""Whole answers: what a seed promises, and that they are the model's own."""

import pytest
import torch

from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.offline import sample_batch
from app.lm.model import Llama

END = 4
ENDS = frozenset({END})
PROMPTS = [[1, 2, 7, 8, 9, 3], [1, 2, 30, 3], [1, 2, 3]]


def ids_of(decoder: Decoder, prompts: list[list[int]], n: int, **words: object) -> list[list[list[int]]]:
    params = SamplingParams(max_tokens=12, **words)  # type: ignore[arg-type]
    groups = sample_batch(decoder, ENDS, prompts, n=n, params=params)
    return [[answer.token_ids for answer in group] for group in groups]


def test_same_seed_same_text(decoder: Decoder) -> None:
    first = ids_of(decoder, PROMPTS, 3, seed=11)
    assert first == ids_of(decoder, PROMPTS, 3, seed=11)
    assert first != ids_of(decoder, PROMPTS, 3, seed=12)
    generator = torch.Generator().manual_seed(1)
    params = SamplingParams(max_tokens=12)
    drawn = [sample_batch(decoder, ENDS, PROMPTS, n=1, params=params, generator=generator) for _ in range(2)]
    assert drawn[0] != drawn[1]


def test_every_answer_has_random_numbers_of_its_own(decoder: Decoder) -> None:
    """To one prompt, and to the same prompt asked twice."""
    groups = ids_of(decoder, [PROMPTS[0], PROMPTS[0]], 3, seed=11)
    assert len({tuple(answer) for group in groups for answer in group}) == 6


def test_an_answer_does_not_depend_on_its_neighbours(decoder: Decoder) -> None:
    alone = ids_of(decoder, PROMPTS[:1], 2, seed=11)
    assert ids_of(decoder, PROMPTS, 2, seed=11)[:1] == alone
    assert ids_of(decoder, PROMPTS[:1], 5, seed=11)[0][:2] == alone[0]


def test_logprobs_are_the_models_own(decoder: Decoder, model: Llama) -> None:
    """Prompts of several lengths, answers that end early: as if each were run alone, at temperature 1."""
    params = SamplingParams(temperature=0.7, max_tokens=12, seed=3)
    groups = sample_batch(decoder, ENDS, PROMPTS, n=4, params=params, logprobs=True)
    lengths = set()
    for prompt, group in zip(PROMPTS, groups, strict=True):
        for answer in group:
            lengths.add(len(answer.token_ids))
            assert (answer.finish_reason == "stop") == (answer.token_ids[-1] == END)
            with torch.no_grad():
                logits = model(torch.tensor([prompt + answer.token_ids]))[0, len(prompt) - 1 : -1]
            expected = logits.log_softmax(-1).gather(-1, torch.tensor(answer.token_ids)[:, None])[:, 0]
            torch.testing.assert_close(torch.tensor(answer.logprobs), expected, atol=1e-4, rtol=1e-4)
    assert len(lengths) > 1, "no answer ended early: the test tests nothing"


def test_greedy_is_greedy(decoder: Decoder, model: Llama) -> None:
    [[answer]] = ids_of(decoder, PROMPTS[:1], 1, temperature=0)
    ids = list(PROMPTS[0])
    for token in answer:
        with torch.no_grad():
            assert int(model(torch.tensor([ids]))[0, -1].argmax()) == token
        ids.append(token)


def test_stopped_in_the_middle(decoder: Decoder) -> None:
    asked = iter([False] * 4 + [True])
    groups = sample_batch(
        decoder, ENDS, PROMPTS, n=2, params=SamplingParams(max_tokens=12, seed=3), should_stop=lambda: next(asked)
    )
    assert max(len(answer.token_ids) for group in groups for answer in group) == 4


def test_few_sequences_at_once_give_the_same_answers(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    params = SamplingParams(max_tokens=12, seed=9)
    wide = sample_batch(decoder, ENDS, PROMPTS * 4, n=3, params=params)
    monkeypatch.setattr("app.lm.inference.offline.MAX_SEQUENCES", 5)
    assert sample_batch(decoder, ENDS, PROMPTS * 4, n=3, params=params) == wide


def test_nothing_to_do(decoder: Decoder) -> None:
    assert sample_batch(decoder, ENDS, [], n=4, params=SamplingParams()) == []
    [[answer]] = sample_batch(decoder, ENDS, PROMPTS[:1], n=1, params=SamplingParams(max_tokens=0))
    assert answer.token_ids == []
