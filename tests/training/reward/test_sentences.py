"""Sentences: where they begin and end, and how likely each is."""

import pytest
import torch

from app.training.reward.sentences import least_window, sentence_spans, sentence_statistics

STOPS = frozenset({40, 41})


@pytest.mark.parametrize(
    ("answer", "spans"),
    [
        ([5, 6, 7, 40, 8, 9, 10, 4], [(0, 4), (4, 7)]),
        ([5, 6, 40, 41, 8, 9, 10, 40, 4], [(0, 4), (4, 8)]),
        ([5, 40, 6, 7, 8, 40, 4], [(0, 6)]),  # "1." is no sentence
        ([5, 6, 7, 40, 8, 4], [(0, 5)]),  # nor is a last word
        ([5, 6, 7, 4], [(0, 3)]),
        ([40, 40, 4], [(0, 2)]),
        ([4], [(0, 1)]),
    ],
)
def test_sentences_end_at_their_stops(answer: list[int], spans: list[tuple[int, int]]) -> None:
    assert sentence_spans(answer, STOPS) == spans


def test_statistics_are_of_each_sentence() -> None:
    logprobs, gained = torch.tensor([-1.0, -2.0, -3.0, -9.0, -1.0, -2.0]), torch.arange(6.0)
    made = sentence_statistics([(0, 3), (3, 5)], logprobs, gained)
    assert made.shape == (2, 6)
    assert made.tolist() == [[-2.0, -3.0, -3.0, -6.0, 1.0, 3.0], [-5.0, -9.0, -10.0, -10.0, 3.5, 7.0]]


def test_the_least_window() -> None:
    assert least_window(torch.tensor([0.0, -4.0, -2.0, 0.0]), 2).item() == -3.0
    assert least_window(torch.tensor([-1.0, -3.0]), 8).item() == -2.0
