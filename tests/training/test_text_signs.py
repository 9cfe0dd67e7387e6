"""Signs of degenerate answers, each with the smallest text that has it and the nearest that has not."""

import pytest

from app.training.text_signs import is_echo, is_empty, repetition, text_signs

CAPITAL = "What is the capital of France?"


@pytest.mark.parametrize(("text", "empty"), [("", True), (" \n\t\u3000", True), ("?", False), ("是", False)])
def test_an_answer_is_empty_where_nothing_can_be_read(text: str, empty: bool) -> None:
    assert is_empty(text) is empty


@pytest.mark.parametrize(
    ("question", "text", "echo"),
    [
        (CAPITAL, "The capital of France.", True),
        (CAPITAL, "Paris.", False),
        (CAPITAL, "The capital of France is Paris.", False),
        (CAPITAL, "", False),
        (CAPITAL, "...", False),
        ("法国的首都是什么?", "法国的首都。", True),
        ("法国的首都是什么?", "巴黎。", False),
        ("Is it 7 or 8?", "7", True),
    ],
)
def test_an_echo_says_no_word_of_its_own(question: str, text: str, echo: bool) -> None:
    assert is_echo(question, text) is echo


@pytest.mark.parametrize(
    ("text", "share"),
    [("", 0.0), ("a b", 0.0), ("a b c", 0.0), ("a b c a b c", 0.25), ("go go go go go", 2 / 3), ("好好好好", 0.5)],
)
def test_repetition_is_the_share_of_runs_that_were_there(text: str, share: float) -> None:
    assert repetition(text) == pytest.approx(share)


def test_shares_are_over_all_answers() -> None:
    answers = [["The capital of France.", "Paris."], ["", "go go go go go"]]
    assert text_signs([CAPITAL, "Say something."], answers) == pytest.approx((0.25, 0.25, (2 / 3) / 4))
