"""An answer of one's own as the fifth, and the guidelines beside the card."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.db.models.groups import Completion
from tests.browser.label_page import LabelPage


def own_texts(label: LabelPage, group_id: int) -> list[str]:
    with label.server.runtime.read() as session:
        written = Completion.group_id == group_id, Completion.labeler_id.is_not(None)
        return list(session.scalars(select(Completion.text).where(*written)))


def test_an_answer_is_edited_into_a_better_one_and_ranked_as_e(label_page: LabelPage) -> None:
    page, group_id = label_page.open().page, label_page.group_id()
    label_page.press("b")
    text = label_page.answer("C").locator(".answer-text").inner_text()
    label_page.answer("C").get_by_role("button", name="Edit C into a better answer").click()
    expect(page.locator("#own-text")).to_be_focused()
    page.keyboard.type(" And abcde.")
    label_page.press("Escape", "e", "=", "a", "c")
    expect(page.locator("#order")).to_contain_text("B › A = E › C › D")
    page.reload()
    expect(page.locator("#order")).to_contain_text("B › A = E › C › D")
    expect(page.locator("#own-text")).to_have_value(f"{text} And abcde.")
    label_page.press("Enter")
    label_page.expect_next_card(group_id)
    expect(page.locator("#told")).to_contain_text("B › A = E › C › D was saved.")
    assert own_texts(label_page, group_id) == [f"{text} And abcde."]
    assert sorted(label_page.rankings()[0].ranks.values()) == [1, 2, 2, 4, 5]
    label_page.press("u")
    expect(page.locator("#own-text")).to_have_value(f"{text} And abcde.")
    expect(page.locator("#order")).to_contain_text("B › A = E › C › D")


def test_an_empty_own_answer_is_none(label_page: LabelPage) -> None:
    page, group_id = label_page.open().page, label_page.group_id()
    label_page.press("a", "b", "c", "w")
    expect(page.locator("#own-text")).to_be_focused()
    page.keyboard.type("Mine")
    expect(page.locator("#order")).to_contain_text("D, E left")
    for _ in "Mine":
        label_page.press("Backspace")
    label_page.press("Escape", "d", "Enter")
    label_page.expect_next_card(group_id)
    assert own_texts(label_page, group_id) == []
    assert sorted(label_page.rankings()[0].ranks.values()) == [1, 2, 3, 4]


def test_what_was_written_is_not_replaced_by_another_answer(label_page: LabelPage) -> None:
    page = label_page.open().page
    page.locator("#answer-A [data-edit]").click()
    page.locator("#answer-B [data-edit]").click()  # nothing was changed yet: B takes A's place
    expect(page.locator("#own-text")).to_have_value(label_page.answer("B").locator(".answer-text").inner_text())
    page.keyboard.type("!")
    page.locator("#answer-A [data-edit]").click()
    value = label_page.answer("B").locator(".answer-text").inner_text() + "!"
    expect(page.locator("#own-text")).to_have_value(value)
    expect(page.locator("#announcer")).to_contain_text("Your own answer is kept as it is.")


@pytest.mark.parametrize("width", [1280, 360])
def test_the_guidelines_open_beside_the_card(label_page: LabelPage, width: int) -> None:
    page = label_page.page
    page.set_viewport_size({"width": width, "height": 740})
    label_page.open().press("g")
    sheet = page.get_by_role("region", name="Guidelines")
    expect(sheet).to_be_visible()
    box, answer = sheet.bounding_box(), label_page.answer("B").bounding_box()
    assert box is not None
    assert answer is not None
    if width == 1280:
        assert answer["x"] + answer["width"] <= box["x"]
    else:
        assert box["y"] + box["height"] == 740
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    label_page.press("b")  # the card is ranked while they are read
    assert label_page.marks()["B"] == "1st"
    if width == 1280:
        page.reload()
        expect(sheet).to_be_visible()
    label_page.press("g")
    expect(sheet).to_be_hidden()
    assert label_page.marks()["B"] == "1st"


def test_escape_in_the_guidelines_closes_them_alone(label_page: LabelPage) -> None:
    page = label_page.page
    page.set_viewport_size({"width": 360, "height": 740})
    label_page.open().press("b", "g", "Escape")
    expect(page.get_by_role("region", name="Guidelines")).to_be_hidden()
    assert label_page.marks()["B"] == "1st"


def test_a_skip_is_taken_back(label_page: LabelPage) -> None:
    page, group_id = label_page.open().page, label_page.group_id()
    label_page.press("b", "s", "3")
    label_page.expect_next_card(group_id)
    expect(page.locator("#told")).to_contain_text("The prompt was skipped.")
    second = label_page.group_id()
    page.get_by_role("button", name="Undo").click()
    label_page.expect_next_card(second)
    assert label_page.group_id() == group_id
    expect(page.locator("#announcer")).to_contain_text("Skip undone.")
    expect(page.locator("#told")).to_be_empty()
