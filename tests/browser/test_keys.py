"""Single keys on other keyboards: by what is printed on them, else by their place."""

import pytest
from playwright.sync_api import expect

from tests.browser.label_page import LabelPage


def press(label: LabelPage, key: str, code: str, **modifiers: object) -> None:
    options = {"key": key, "code": code, "bubbles": True, "cancelable": True, **modifiers}
    label.page.evaluate(
        "(options) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', options))", options
    )


def test_a_cyrillic_layout_ranks_skips_and_comments(label_page: LabelPage) -> None:
    page, group_id = label_page.page, label_page.open().group_id()
    press(label_page, "и", "KeyB")
    press(label_page, "Ф", "KeyA", shiftKey=True)
    press(label_page, "с", "KeyC")
    assert label_page.marks() == {"B": "tied 1st", "A": "tied 1st", "C": "3rd", "D": "4th"}
    press(label_page, "ь", "KeyM")
    expect(page.locator("#comment")).to_be_focused()
    press(label_page, "Escape", "Escape")
    press(label_page, "з", "KeyP")
    expect(page.locator("#ask-text")).to_be_focused()
    press(label_page, "Escape", "Escape")
    press(label_page, "ы", "KeyS")
    expect(page.locator("#skip")).to_have_attribute("open", "")
    press(label_page, "é", "Digit2")
    label_page.expect_next_card(group_id)
    assert [skip.reason for skip in label_page.skips()] == ["unsafe"]


def test_shift_and_a_digit_tie_only_where_shift_does_not_write_the_digit(label_page: LabelPage) -> None:
    label_page.open()
    press(label_page, "&", "Digit1")
    press(label_page, "2", "Digit2", shiftKey=True)  # AZERTY: this is how it writes a 2
    assert label_page.marks() == {"A": "1st", "B": "2nd", "C": "not ranked", "D": "not ranked"}
    press(label_page, "#", "Digit3", shiftKey=True)  # QWERTY: the 3 with Shift
    assert label_page.marks()["C"] == "tied 2nd"


@pytest.mark.parametrize(
    "modifiers", [{"ctrlKey": True}, {"metaKey": True}, {"altKey": True}, {"isComposing": True}, {"keyCode": 229}]
)
def test_other_peoples_keys_are_left_alone(label_page: LabelPage, modifiers: dict[str, object]) -> None:
    label_page.open()
    press(label_page, "a", "KeyA", **modifiers)
    press(label_page, "ф", "KeyA", **modifiers)
    assert set(label_page.marks().values()) == {"not ranked"}


def test_letters_in_a_text_field_are_text(label_page: LabelPage) -> None:
    label_page.open().press("m")
    press(label_page, "ф", "KeyA")
    assert set(label_page.marks().values()) == {"not ranked"}
