"""Of the answers drawn to a prompt those are learned from whose scores differ most (Xu et al. 2025, section 3.2)."""

from itertools import combinations

import torch

from app.training.policy.choosing import best, most_different


def test_no_other_choice_has_a_larger_variance() -> None:
    scores = torch.randn(20, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    chosen = most_different(scores, 3)
    for row, places in zip(scores, chosen, strict=True):
        largest = max(row[list(each)].var(correction=0) for each in combinations(range(7), 3))
        torch.testing.assert_close(row[places].var(correction=0), largest)


def test_a_rare_liking_is_among_them() -> None:
    """One answer of eight is liked: it is kept wherever it stands."""
    for place in range(8):
        scores = torch.zeros(1, 8)
        scores[0, place] = 3.0
        assert place in most_different(scores, 4)[0].tolist()


def test_each_answer_is_kept_once_in_the_order_in_which_it_was_drawn() -> None:
    scores = torch.tensor([[0.5, 0.7, 0.5, 0.6], [-1.0, 0.0, 2.0, 1.0]])
    assert most_different(scores, 2).tolist() == [[0, 1], [0, 2]]
    assert most_different(scores, 4).tolist() == [[0, 1, 2, 3]] * 2


def test_the_best_are_the_highest_in_the_order_in_which_they_were_drawn() -> None:
    assert best(torch.tensor([[3.0, -1.0, 0.0, 5.0], [0.0, 1.0, 2.0, 0.5]]), 2).tolist() == [[0, 3], [1, 2]]
