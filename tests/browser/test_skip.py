"""The reasons to skip: over the page, which does not move, by keys and by mouse."""

from playwright.sync_api import expect

from tests.browser.label_page import LabelPage

PLACES = "[...document.querySelectorAll('.answer, .bar, #submit-ranking')].map(each => each.getBoundingClientRect().y)"


def test_nothing_moves_when_they_open(label_page: LabelPage) -> None:
    page = label_page.open().page
    page.evaluate("scrollTo(0, 120)")
    before = page.evaluate(PLACES)
    label_page.press("s")
    expect(page.get_by_role("button", name="All four are bad")).to_be_focused()
    assert page.evaluate(PLACES) == before
    page.mouse.click(300, 300)
    expect(page.locator("#skip")).not_to_have_attribute("open", "")
    button = page.locator("#skip > summary").bounding_box()
    assert button is not None
    page.mouse.click(button["x"] + 20, button["y"] + 20)  # where it is: Playwright would scroll to it
    expect(page.locator("#skip")).to_have_attribute("open", "")
    assert page.evaluate(PLACES) == before


def test_escape_closes_them_and_nothing_else(label_page: LabelPage) -> None:
    """The focus is where it was, so that Enter means what it meant; a second Escape clears as ever."""
    page, group_id = label_page.open().page, label_page.group_id()
    label_page.press("b", "a", "d", "s", "Escape")
    expect(page.locator("#skip")).not_to_have_attribute("open", "")
    assert label_page.marks()["B"] == "1st"
    label_page.press("s", "s")
    expect(page.locator("#skip")).not_to_have_attribute("open", "")
    label_page.press("Enter")
    label_page.expect_next_card(group_id)
    assert label_page.skips() == []
    assert len(label_page.rankings()) == 1


def test_digits_choose_a_reason_only_while_they_are_open(label_page: LabelPage) -> None:
    group_id = label_page.open().group_id()
    label_page.press("2")
    assert label_page.marks()["B"] == "1st"
    label_page.press("s", "9", "5")
    label_page.expect_next_card(group_id)
    assert [skip.reason for skip in label_page.skips()] == ["too_similar"]


def test_the_reasons_close_when_the_focus_leaves_them(label_page: LabelPage) -> None:
    page = label_page.open().page
    label_page.press("s", "Shift+Tab", "Shift+Tab", "Shift+Tab")
    expect(page.locator("#skip")).not_to_have_attribute("open", "")
