"""Properties of rankings and agreement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.preferences import (
    check_ranks,
    comparisons,
    competition_ranks,
    count_pairs,
    kendall_tau_b,
    normalize_ranks,
    pairwise_agreement,
    ranks_from_scores,
    ranks_in_order,
    tied_pairs,
)

raw_orders = st.lists(st.integers(1, 4), min_size=1, max_size=6)
order_pairs = st.integers(1, 6).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(1, 4), min_size=size, max_size=size)] * 2)
)


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


@given(order_pairs)
def test_tau_b_is_symmetric_bounded_and_flips_with_the_order(pair: tuple[list[int], list[int]]) -> None:
    first, second = pair
    tau = kendall_tau_b(first, second)
    assert tau == kendall_tau_b(second, first)
    assert sum(count_pairs(first, second)) == len(first) * (len(first) - 1) // 2
    reversed_tau = kendall_tau_b(first, [-rank for rank in second])
    if tau is None:
        assert reversed_tau is None
        assert len(set(first)) == 1 or len(set(second)) == 1
    else:
        assert -1 <= tau <= 1
        assert reversed_tau == -tau


@given(raw_orders)
def test_a_ranking_agrees_with_itself(order: list[int]) -> None:
    ties_everything = len(set(order)) == 1
    assert kendall_tau_b(order, order) == (None if ties_everything else pytest.approx(1.0))
    assert pairwise_agreement(order, order) == (None if ties_everything else 1.0)


def test_tau_b_by_hand() -> None:
    # four pairs are ordered by both (three alike), each ranking ties one more pair
    first, second = [1, 2, 2, 3], [1, 2, 3, 2]
    counts = count_pairs(first, second)
    assert counts == (3, 1, 1, 1, 0)
    assert kendall_tau_b(first, second) == pytest.approx((3 - 1) / 5)
    assert pairwise_agreement(first, second) == 0.75


def test_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="same answers"):
        count_pairs([1, 2], [1])
