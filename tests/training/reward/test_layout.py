"""How an answer is laid out: finite for any text, the same for marks of either script, and what people see first."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.training.reward.layout import MARKS, layout_of

SIZE = len(layout_of(""))


@given(st.text())
def test_any_text_has_as_many_numbers_and_all_are_finite(text: str) -> None:
    made = layout_of(text)
    assert made.shape == (SIZE,)
    assert made.dtype == torch.float32
    assert made.isfinite().all()
    assert (made >= 0).all()
    assert torch.equal(made, layout_of(f"\n {text}\n")), "space around it is nothing"


def test_nothing_has_no_layout() -> None:
    assert not layout_of("").any()
    assert not layout_of(" \n ").any()


@given(st.text("天地人,.?!:", min_size=1))
def test_marks_of_both_scripts_are_kin(text: str) -> None:
    chinese = text.translate(str.maketrans(",.?!:", "，。？！："))
    assert torch.equal(layout_of(text), layout_of(chinese))


@pytest.mark.parametrize("kind", MARKS)
def test_each_mark_is_of_one_kind(kind: str) -> None:
    others = "".join(marks for other, marks in MARKS.items() if other != kind)
    assert not set(MARKS[kind]) & set(others)


def differing(one: str, other: str) -> int:
    return int((layout_of(one) != layout_of(other)).sum())


def test_what_a_line_begins_with_is_seen() -> None:
    """Items count as such only where they begin a line."""
    flat, listed, numbered = "Tea, milk, bread", "- Tea\n- milk\n- bread", "1. Tea\n2. milk\n3. bread"
    bullets, numbers = layout_of(listed)[2].item(), layout_of(numbered)[3].item()
    assert [bullets, numbers] == pytest.approx([math.log1p(3)] * 2)
    assert layout_of(flat)[2:5].tolist() == [0.0, 0.0, 0.0]
    assert layout_of("一、茶\n二、牛奶")[3].item() == pytest.approx(math.log1p(2))
    assert layout_of("# Tea\nIs good.")[4].item() == pytest.approx(math.log1p(1))
    assert layout_of("well - he said - no")[2].item() == 0.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Do you like tea?", "Do you like tea."),  # the end
        ("It is. Is it tea?", "Is it tea? It is."),  # the end alone
        ("Tea is good. Milk is good.", "Tea is good.\n\nMilk is good."),  # paragraphs
        ("tea is good.", "TEA is good."),
        ("I have two cats.", "I have 2 cats."),
        ("Good!", "Good."),
        ("(tea) is good", "tea is good"),
        ("good 🙂", "good"),
        ("Tea: good", "Tea; good"),
        ("A short one. Then one that is much longer than it.", "One is as long here. As the other one is there."),
    ],
)
def test_what_people_see_first_is_told_apart(one: str, other: str) -> None:
    assert differing(one, other)


def test_other_words_in_the_same_layout_are_alike() -> None:
    assert not differing("I like tea. Do you?", "I hate pie. Do you?")
