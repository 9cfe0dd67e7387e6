"""The word for a policy agrees with the interval of the win rate that stands beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.policy_fit import FITS, NEXT, Found, next_step, told
from app.training.stopping import Reason

GAINS = st.floats(-2, 2)


def found(win_rate: float | None, error: float = 0.03, *, promised: float = 0.6, judged: float = 0.4) -> Found:
    return Found(promised, judged, 0.05, win_rate, error)


@pytest.mark.parametrize(
    ("case", "word"),
    [
        (found(0.70), "good fit"),
        (found(0.60, 0.04), "a little"),  # 52 to 68
        (found(0.55), "open"),  # 49 to 61
        (found(0.50, 0.02), "underfit"),  # 46 to 54
        (found(0.40), "worse"),
        (found(0.52, promised=0.1, judged=0.1), "hardly moved"),
        (found(0.52, promised=0.1, judged=0.4), "open"),  # one of the two saw it move
        (found(0.52, promised=0.3, judged=0.2), "open"),
        (found(0.60, promised=0.2, judged=0.2), "a little"),
        (found(0.40, promised=0.1, judged=0.1), "worse"),
        (found(0.60, judged=0.2), "overfit"),
        (found(None), "good fit"),
        (found(None, judged=0.24, promised=0.3), "underfit"),
        (found(None, judged=0.24, promised=0.24), "hardly moved"),
    ],
)
def test_the_word(case: Found, word: str) -> None:
    assert case.word == word


@given(promised=GAINS, judged=GAINS, error=st.floats(0, 1), rate=st.floats(0, 1), rate_error=st.floats(0, 0.3))
def test_no_word_contradicts_the_interval(
    promised: float, judged: float, error: float, rate: float, rate_error: float
) -> None:
    """Neither "better" where it holds a half, nor "hardly" or "open" where it does not."""
    case = Found(promised, judged, error, rate, rate_error)
    low, high = case.interval
    word = told(case, judge_is_other=True)
    assert 0 <= low <= rate <= high <= 1
    assert (word in ("worse", "hardly moved", "underfit", "open", "a little")) == (case.fit == "underfit")
    if word in ("good fit", "a little"):
        assert low > 0.5
    if word in ("hardly moved", "underfit", "open"):
        assert low <= 0.5 <= high
    if word == "underfit":
        assert high <= 0.55
    if word == "worse":
        assert high < 0.5


def test_every_word_has_its_sentence_and_its_steps() -> None:
    for word in FITS:
        for ended in ("", *Reason):
            for rising in (False, True):
                assert next_step(word, ended=ended, rising=rising, kl=0.1) in NEXT


def test_nothing_is_said_in_the_name_of_a_judge_that_is_the_scorer_itself() -> None:
    assert told(found(0.7), judge_is_other=False) == "fits itself"
    assert told(found(0.6, 0.04), judge_is_other=False) == "a little"


@pytest.mark.parametrize(
    ("word", "ended", "rising", "kl", "step"),
    [
        ("a little", "episodes", False, 3.0, "cut short"),
        ("a little", "plateau", False, 3.0, "a little"),
        ("open", "", False, 3.0, "unwatched"),
        ("open", "kl_budget", True, 3.0, "rising"),
        ("overfit", "episodes", True, 3.0, "overfit"),
        ("worse", "episodes", True, 3.0, "worse"),
        ("hardly moved", "episodes", False, 0.2, "hardly begun"),
        ("hardly moved", "episodes", False, 2.0, "hardly moved"),
    ],
)
def test_the_next_step(word: str, ended: str, rising: bool, kl: float, step: str) -> None:
    assert next_step(word, ended=ended, rising=rising, kl=kl) == step
