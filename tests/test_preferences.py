"""Properties of ranks and of the comparisons made of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.preferences import (
    check_ranks,
    comparisons,
    competition_ranks,
    normalize_ranks,
    ranks_from_scores,
    ranks_in_order,
    tied_pairs,
)

raw_orders = st.lists(st.integers(1, 4), min_size=1, max_size=6)


@given(raw_orders)
def test_every_pair_is_a_comparison_or_a_tie_exactly_once(order: list[int]) -> None:
    pairs = [frozenset(pair) for pair in comparisons(order)] + [frozenset(pair) for pair in tied_pairs(order)]
    assert len(pairs) == len(set(pairs)) == len(order) * (len(order) - 1) // 2
    assert all(order[chosen] < order[rejected] for chosen, rejected in comparisons(order))
    assert all(order[i] == order[j] for i, j in tied_pairs(order))


@given(raw_orders)
def test_dense_and_competition_ranks_are_valid_and_say_the_same(order: list[int]) -> None:
    dense, competition = normalize_ranks(order), competition_ranks(order)
    check_ranks(dense, len(order))
    check_ranks(competition, len(order))
    assert normalize_ranks(competition) == dense == normalize_ranks(dense)
    assert set(comparisons(dense)) == set(comparisons(competition)) == set(comparisons(order))


@given(st.lists(st.integers(-1, 6), min_size=4, max_size=4))
def test_check_ranks_accepts_exactly_dense_or_competition(ranks: list[int]) -> None:
    valid = ranks in (normalize_ranks(ranks), competition_ranks(ranks))
    if valid:
        check_ranks(ranks, 4)
    else:
        with pytest.raises(ValueError, match=r"rank|Rank"):
            check_ranks(ranks, 4)


@pytest.mark.parametrize(
    "ranks", [[1, 2, 3], [0, 1, 2, 3], [1, 2, 3, 5], [1, 3, 3, 4], [2, 2, 2, 2], [True, 2, 3, 4], [1.0, 2, 3, 4]]
)
def test_bad_ranks_are_refused(ranks: list[int]) -> None:
    with pytest.raises(ValueError, match=r"rank|Rank"):
        check_ranks(ranks, 4)


def test_ranks_in_order_names_the_answers_at_fault() -> None:
    assert ranks_in_order({"a": 2, "b": 1, "c": 2}, ["b", "a", "c"]) == [1, 2, 2]
    with pytest.raises(ValueError, match=r"unknown: \['x'\]; missing: \['c'\]"):
        ranks_in_order({"a": 2, "b": 1, "x": 3}, ["a", "b", "c"])


def test_one_answer_too_few_or_too_many_is_enough_to_refuse() -> None:
    with pytest.raises(ValueError, match=r"missing: \[2\]"):
        ranks_in_order({1: 1}, [1, 2])
    with pytest.raises(ValueError, match=r"unknown: \[3\]"):
        ranks_in_order({1: 1, 2: 2, 3: 1}, [1, 2])


def test_ranks_from_scores() -> None:
    assert ranks_from_scores([0.5, 2.0, 0.5, -1.0]) == [2, 1, 2, 3]
