"""What the SFT model is sure of, and whether a policy knows it still."""

from dataclasses import replace

import pytest
import torch

from app.lm.model import Llama
from app.training.policy import knowledge
from app.training.policy.knowledge import Memory, Questions, knowledge_figures, knows, memory_of
from tests.training.tiny import ASSISTANT, BOS, END, ENDS, PAD, USER, tiny_model

PROMPTS = [[BOS, USER, token, ASSISTANT] for token in (7, 9, 11, 20)]


def again(place: int, answer: list[int]) -> list[int] | None:
    """The first of them cannot go on."""
    return None if place == 0 else [*PROMPTS[place], *answer, USER, 30, ASSISTANT]


def remembered(sure: float = 0.0) -> Memory:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knowledge, "SURE", sure)
        memory = memory_of(tiny_model(), Questions(PROMPTS, again), max_tokens=6, ends=ENDS, pad_id=PAD)
    assert memory is not None
    return memory


def test_the_likeliest_answers_are_kept_in_one_turn_and_in_several() -> None:
    memory = remembered()
    assert (memory.num_questions, memory.packed.size) == (4, 7)
    rows = [memory.packed.ids[row][memory.packed.segments[row] == 0].tolist() for row in range(7)]
    answers = [memory.packed.tokens[row, 0][memory.packed.token_mask[row, 0]].tolist() for row in range(7)]
    assert rows[:4] == PROMPTS
    assert rows[4:] == [again(place, answers[place]) for place in (1, 2, 3)]
    assert memory.sure.equal(memory.packed.token_mask[:, 0])
    assert memory_of(tiny_model(), Questions([], again), max_tokens=6, ends=ENDS, pad_id=PAD) is None


def other_model() -> Llama:
    """What was likeliest is the least likely. (With another seed it would say its last token again, as the first.)"""
    model = tiny_model()
    with torch.no_grad():
        model.model.norm.weight.neg_()
    return model


def test_the_sft_model_knows_all_and_another_one_nothing() -> None:
    memory = remembered()
    assert knows(tiny_model(), memory).all()
    assert not knows(other_model(), memory).any()


def test_what_it_is_unsure_of_may_change() -> None:
    """Taste lives there: where an answer begins, ends, or is put otherwise."""
    assert knows(other_model(), remembered(sure=1.1)).all()
    with torch.no_grad():
        logprobs = knowledge._read(tiny_model(), remembered().packed)[0]
    half = float(logprobs[logprobs < 0].exp().median())
    sure = remembered(half).sure
    assert sure.equal((logprobs.exp() >= half) & remembered().packed.token_mask[:, 0])
    assert 0 < sure.sum() < remembered().sure.sum()


def test_one_forgotten_token_is_enough_and_padding_is_none() -> None:
    memory = remembered()
    tokens = memory.packed.tokens.clone()
    tokens[2, 0, 0] = (tokens[2, 0, 0] + 1) % 40 + END
    changed = replace(memory, packed=replace(memory.packed, tokens=tokens))
    assert knows(tiny_model(), changed).tolist() == [True, True, False, True, True, True, True]


def test_shares_of_all_and_of_several_turns() -> None:
    memory = remembered()
    known = torch.tensor([True, True, True, True, False, False, True])
    assert knowledge_figures(known, memory) == pytest.approx({"knowledge": 5 / 7, "knowledge/several_turns": 1 / 3})
    assert list(knowledge_figures(known[:4], memory)) == ["knowledge"]
