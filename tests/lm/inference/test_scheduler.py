"""Sequences that join and leave: each is what it would be alone, and room is kept."""

import pytest

from app.lm.inference import scheduler as scheduler_module
from app.lm.inference.decoder import Decoder
from app.lm.inference.kv_cache import KVCache
from app.lm.inference.scheduler import Scheduler
from app.lm.inference.sequence import Sequence, SequenceGroup
from tests.lm.inference.sequences import PROMPTS, alone, finish, sequences_of, start


@pytest.mark.parametrize("piece_tokens", [256, 16])
def test_answers_are_the_same_in_any_company(decoder: Decoder, piece_tokens: int) -> None:
    """Five requests with other settings, joining one after the other while the former are being written; a long prompt
    that is prefilled in pieces is prefilled as if in one."""
    expected = [alone(decoder, place) for place in range(5)]
    scheduler, groups = Scheduler(decoder, piece_tokens=piece_tokens), [sequences_of(place) for place in range(5)]
    ended: list[Sequence] = []
    for place in (3, 0, 2, 4, 1):
        start(scheduler, PROMPTS[place], groups[place])
        for _ in range(3):
            ended += scheduler.step()
    while scheduler.busy:
        ended += scheduler.step()
    assert [[sequence.completion for sequence in sequences] for sequences in groups] == expected
    assert len(ended) == len(set(ended)) == 15


def test_a_cancelled_sequence_leaves_and_others_stay_as_they_are(decoder: Decoder) -> None:
    expected = alone(decoder, 0)
    scheduler, staying, leaving = Scheduler(decoder), sequences_of(0), sequences_of(2)
    start(scheduler, PROMPTS[2], leaving)
    start(scheduler, PROMPTS[0], staying)
    for _ in range(2):
        scheduler.step()
    leaving[0].cancelled = leaving[2].cancelled = True
    gone = scheduler.step()
    assert set(gone) == {leaving[0], leaving[2]}
    assert len(leaving[0].completion.token_ids) == 2
    finish(scheduler)
    assert [sequence.completion for sequence in staying] == expected
    late = sequences_of(1)
    start(scheduler, PROMPTS[1], late)
    for sequence in late:
        sequence.cancelled = True
    assert set(scheduler.step()) == set(late), "a sequence that was not begun leaves, too"
    assert not scheduler.busy


def test_room(decoder: Decoder) -> None:
    scheduler = Scheduler(decoder, max_sequences=4)
    assert scheduler.has_room(9, 10_000), "what is alone is let in"
    start(scheduler, PROMPTS[0], sequences_of(0))
    assert scheduler.has_room(1, 50)
    assert not scheduler.has_room(2, 50)
    small = Scheduler(decoder, max_bytes=KVCache.bytes_of(decoder.config, decoder.dtype, 8, 64))
    start(small, PROMPTS[1], sequences_of(1))
    assert small.has_room(3, 64)
    assert not small.has_room(3, 128), "all sequences would grow with the longest"
    assert not small.has_room(6, 64)


def test_a_long_prompt_is_prefilled_in_pieces_while_others_are_decoded(decoder: Decoder) -> None:
    scheduler, quick, slow = Scheduler(decoder, piece_tokens=16), sequences_of(0), sequences_of(2)
    start(scheduler, PROMPTS[0], quick)
    scheduler.step()
    start(scheduler, PROMPTS[2], slow)
    for _ in range(3):
        scheduler.step()
    assert len(quick[0].completion.token_ids) == 4
    assert slow[0].completion.token_ids == []


def test_short_prompts_are_prefilled_together_up_to_a_limit(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long one behind them waits for its turn."""
    monkeypatch.setattr(scheduler_module, "PREFILL_TOKENS", 10)
    scheduler, groups = Scheduler(decoder, piece_tokens=16), [sequences_of(place) for place in (0, 1, 3, 2)]
    for prompt, sequences in zip((PROMPTS[0], PROMPTS[1], PROMPTS[3], PROMPTS[2]), groups, strict=True):
        start(scheduler, prompt, sequences)
    scheduler.step()
    assert [len(sequences[0].completion.token_ids) for sequences in groups] == [1, 1, 0, 0]
    scheduler.step()
    assert [len(sequences[0].completion.token_ids) for sequences in groups] == [2, 2, 1, 0]
    finish(scheduler)
    assert [one.completion for one in groups[3]] == alone(decoder, 2)


class Failing(SequenceGroup):
    """Cannot take the answers of its sequences."""

    told: BaseException | None = None

    def sequences_ended(self, ended: list[Sequence]) -> bool:
        raise RuntimeError(f"{len(ended)} answers are no text")

    def fail(self, error: BaseException) -> None:
        super().fail(error)
        self.told = error


def test_a_group_that_cannot_take_its_answers_fails_alone(decoder: Decoder) -> None:
    """Although all of its sequences have ended already: whoever waits for it is told."""
    scheduler, broken, others = Scheduler(decoder), Failing(PROMPTS[1], sequences_of(1)), sequences_of(0)
    start(scheduler, PROMPTS[0], others)
    scheduler.add(broken)
    scheduler.admit()
    finish(scheduler)
    assert str(broken.told).endswith("answers are no text")
    assert [one.completion for one in others] == alone(decoder, 0)


def test_who_does_not_fit_waits_in_line(decoder: Decoder) -> None:
    """And keeps those behind it waiting, who would fit."""
    scheduler = Scheduler(decoder, max_sequences=4)
    first, wide, narrow = sequences_of(0), sequences_of(1), sequences_of(3, n=1)
    for prompt, sequences in ((PROMPTS[0], first), (PROMPTS[1], wide), (PROMPTS[3], narrow)):
        start(scheduler, prompt, sequences)
    assert scheduler.running == [first[0].group]
    assert list(scheduler.waiting) == [wide[0].group, narrow[0].group]
    finish_admitting(scheduler)
    assert [one.completion for one in wide] == alone(decoder, 1)
    assert all(one.ended for one in (*first, *wide, *narrow))


def finish_admitting(scheduler: Scheduler) -> None:
    while scheduler.busy:
        scheduler.admit()
        scheduler.step()


def test_memory_is_given_back(decoder: Decoder) -> None:
    scheduler = Scheduler(decoder)
    start(scheduler, PROMPTS[2], sequences_of(2))
    finish(scheduler)
    assert scheduler._batch._cache.numbers.numel() == 0
