"""Rare words: against a slow count, and what an answer shares with references."""

import math

import pytest
import torch

from app.training.reward.rare_words import RareWords

ANSWERS = [torch.tensor(words) for words in ([1, 5, 9], [1, 5], [1, 5, 7], [1, 9], [9])]


def test_rarity_is_the_logarithm_of_the_inverse_frequency() -> None:
    rare = RareWords.of_answers(ANSWERS)
    assert rare.vocabulary.tolist() == [1, 5, 9], "7 stands in one answer alone"
    wanted = [math.log(6 / 4), math.log(6 / 3), math.log(6 / 3), math.log(6)]
    assert rare.rarity.tolist() == pytest.approx(wanted)


def test_presence_is_the_rarity_of_what_is_there() -> None:
    rare = RareWords.of_answers(ANSWERS)
    assert rare.presence(torch.tensor([5, 7, 11])).tolist() == pytest.approx([0.0, math.log(2), 0.0])
    assert rare.presence(torch.zeros(0, dtype=torch.int64)).tolist() == [0.0, 0.0, 0.0]


def test_likeness_is_the_cosine_with_each_reference_and_the_share_that_any_has() -> None:
    rare = RareWords.of_answers(ANSWERS)
    references = torch.tensor([[0, 1], [0, 5], [1, 9], [2, 8]])
    own = torch.tensor([1, 5, 12])
    one, two, new = math.log(6 / 4) ** 2, math.log(2) ** 2, math.log(6) ** 2
    first = (one + two) / math.sqrt((one + two + new) * (one + two))
    wanted = [first / 3, first, 0.0, (one + two) / (one + two + new)]
    assert rare.likeness(own, references).tolist() == pytest.approx(wanted, abs=1e-6)


def test_nothing_to_compare_is_no_likeness() -> None:
    rare = RareWords.of_answers(ANSWERS)
    nothing = torch.zeros(0, dtype=torch.int64)
    assert rare.likeness(nothing, torch.tensor([[0, 1]])).tolist() == [0.0] * 4
    assert rare.likeness(torch.tensor([1]), torch.zeros(0, 2, dtype=torch.int64)).tolist() == [0.0] * 4
