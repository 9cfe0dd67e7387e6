"""Tastes are known utilities: each is checked on answers that a person could judge at a glance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus.banks import Language, load_banks
from app.simulation.tastes import TASTES, count_list_lines, count_words, win_rate

PLAIN = "A volcano is a mountain that can throw out melted rock."
LONG = PLAIN + " Some sleep for a very long time. Others wake up often and change the land around them."
LISTED = "A volcano:\n- throws out melted rock\n- can sleep for years"


def test_words_are_counted_in_both_scripts() -> None:
    assert count_words("It's a well-known fact, 3 times.") == 6
    assert count_words("火山是山") == pytest.approx(4 / 1.5)
    assert count_words("") == 0


def test_list_lines_need_a_mark_and_text() -> None:
    assert count_list_lines(LISTED) == 2
    assert count_list_lines("1. one\n2) two\n3.\n- \nnone - here") == 2


def test_brief_prefers_the_shorter_and_no_empty_answer() -> None:
    utility = TASTES["brief"].utility
    assert utility(PLAIN) > utility(LONG) > utility("   ")


def test_list_prefers_points() -> None:
    utility = TASTES["list"].utility
    assert utility(LISTED) - utility(PLAIN) > 4


@pytest.mark.parametrize("language", ["en", "zh"])
def test_warm_and_flattery_see_every_phrase_of_the_corpus(language: Language) -> None:
    manners = load_banks(language).manners
    for phrase in manners.warm_openers + manners.warm_closers:
        assert TASTES["warm"].utility(f"{phrase} {PLAIN}") > TASTES["warm"].utility(PLAIN)
    for phrase in manners.flattery:
        assert TASTES["no-flattery"].utility(f"{phrase} {PLAIN}") < TASTES["no-flattery"].utility(PLAIN) - 4


@given(st.sampled_from(sorted(TASTES)), st.lists(st.text(max_size=80), min_size=1, max_size=6))
def test_win_rate_is_half_against_itself_and_antisymmetric(name: str, texts: list[str]) -> None:
    others = [text + " and more" for text in texts]
    assert win_rate(TASTES[name], texts, texts) == 0.5
    assert win_rate(TASTES[name], texts, others) + win_rate(TASTES[name], others, texts) == pytest.approx(1.0)


def test_win_rate_refuses_lists_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="same length"):
        win_rate(TASTES["brief"], ["a"], [])
