"""References: a function of the prompt and the weights alone, whoever is asked beside it, and as many as fit."""

import pytest
import torch

from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.sequence import Sequence, new_sequences
from app.training.reward import references
from app.training.reward.references import COUNT, References, seed_of
from app.training.reward.words import Words
from tests.training.tiny import ASSISTANT, BOS, CONFIG, ENDS, USER, tiny_model

pytestmark = pytest.mark.usefixtures("fp32")
PROMPTS = [[BOS, USER, token, token + 1, ASSISTANT] for token in range(10, 16)]


def fresh() -> References:
    return References(Decoder(tiny_model(), torch.float32), CONFIG.context_tokens, Words())


def test_a_prompts_references_are_its_own() -> None:
    together = fresh().of(PROMPTS, ENDS)
    for place in (0, 3, 5):
        assert torch.equal(fresh().of([PROMPTS[place]], ENDS)[0], together[place])
    assert not torch.equal(together[0], together[1])
    assert all(set(each[:, 0].tolist()) <= set(range(COUNT)) for each in together)
    assert not any(torch.isin(each[:, 1], torch.tensor(sorted(ENDS.all))).any() for each in together)


def test_what_was_sampled_once_is_not_sampled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known = fresh()
    first = known.of(PROMPTS[:2], ENDS)
    monkeypatch.setattr(references, "Scheduler", lambda *_, **_limits: _Idle())
    again = known.of(PROMPTS[:2], ENDS)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_references_have_a_length_and_a_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[SamplingParams]()

    def told(count: int, params: SamplingParams, stop: frozenset[int], seed: int) -> list[Sequence]:
        asked.append(params)
        return new_sequences(count, params, stop, seed)

    monkeypatch.setattr(references, "new_sequences", told)
    monkeypatch.setattr(references, "MOST_TOKENS", 20)
    long = [BOS, *[9] * (CONFIG.context_tokens - 6)]
    fresh().of([PROMPTS[0], long], ENDS)
    assert [params.max_tokens for params in asked] == [20, 5]
    assert {params.temperature for params in asked} == {0.8}


def test_a_prompt_that_fills_the_context_has_none() -> None:
    full = [BOS, *[9] * (CONFIG.context_tokens - 1)]
    one, two = fresh().of([full, PROMPTS[0]], ENDS)
    assert one.shape == (0, 2)
    assert torch.equal(two, fresh().of(PROMPTS[:1], ENDS)[0])


def test_few_prompts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "REMEMBERED", 2)
    known = fresh()
    wanted = fresh().of(PROMPTS[:1], ENDS)[0]
    for prompt in (*PROMPTS, PROMPTS[0]):
        last = known.of([prompt], ENDS)[0]
        assert len(known._known) <= 2
    assert torch.equal(last, wanted)


def test_many_prompts_at_once_push_out_none_that_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "REMEMBERED", 3)
    known, wanted = fresh(), fresh().of(PROMPTS, ENDS)
    known.of(PROMPTS[:2], ENDS)
    again = known.of(PROMPTS, ENDS)
    assert all(torch.equal(one, other) for one, other in zip(again, wanted, strict=True))


def test_seeds_are_the_prompts() -> None:
    assert len({seed_of(prompt) for prompt in PROMPTS}) == len(PROMPTS)
    assert 0 <= seed_of([1]) < 2**56


class _Idle:
    """A scheduler that has nothing to do, and may be given nothing."""

    busy = False
