"""Signs of degenerate answers, each with the smallest text that has it and the nearest that has not."""

from dataclasses import asdict

import pytest

from app.training.text_signs import TextSigns, is_echo, is_empty, is_in_other_script, repetition, text_signs

CAPITAL = "What is the capital of France?"


@pytest.mark.parametrize(
    "text", ["", " \n\t\u3000", "\u200b\ufeff\u00ad", "\x00\x1b", "?", ".\n.\n.", "……", "😀👍🔥", "❤️", "__"]
)
def test_an_answer_without_a_word_is_empty(text: str) -> None:
    assert is_empty(text)


@pytest.mark.parametrize("text", ["是", "7", "½", "a.", "😀 yes", "नमस्ते", "مرحبا", "안녕"])
def test_a_single_word_or_number_is_an_answer(text: str) -> None:
    assert not is_empty(text)


@pytest.mark.parametrize(
    ("question", "text", "other"),
    [
        (CAPITAL, "巴黎。", True),
        (CAPITAL, "首都是 Paris,在法国的北边。", True),
        (CAPITAL, "Paris (巴黎).", False),
        (CAPITAL, "Париж.", True),
        (CAPITAL, "Ｐａｒｉｓ", False),
        (CAPITAL, "C'est Paris, é, ß.", False),
        (CAPITAL, "75,000 😀", False),
        ("What does 茶 mean?", "它是一种饮料。", False),
        ("法国的首都是什么?", "Paris.", True),
        ("日本首都?", "とうきょうです。トーキョー。", False),
        ("1 + 1 = ?", "二", False),
        ("프랑스의 수도는?", "파리입니다.", False),
    ],
)
def test_an_answer_in_letters_that_the_question_has_not(question: str, text: str, other: bool) -> None:
    assert is_in_other_script(question, text) is other


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
    answers = [["The capital of France.", "Paris."], ["", "go go go go go"], ["好", "好"], ["好", "1 2"]]
    found = text_signs([CAPITAL, "Say something.", CAPITAL, "好?"], answers)
    assert asdict(found) == pytest.approx(asdict(TextSigns(1 / 8, 2 / 8, 2 / 8, (2 / 3) / 8)))
