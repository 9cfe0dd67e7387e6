"""What is half made stays: over a reload, a look at another page, an own prompt, and beside another tab."""

from playwright.sync_api import Page, expect

from tests.browser.label_page import LabelPage

HALF = {"A": "2nd", "B": "1st", "C": "not ranked", "D": "not ranked"}
NOTHING = dict.fromkeys("ABCD", "not ranked")


def half_made(label: LabelPage, comment: str = "so far") -> int:
    """B, then A, and a comment; the id of their card."""
    group_id = label.open().group_id()
    label.press("b", "a", "m")
    label.page.keyboard.type(comment)
    label.press("Escape")
    return group_id


def expect_half(label: LabelPage, comment: str = "so far") -> None:
    expect(label.page.locator("#order")).to_contain_text("B › A")
    assert label.marks() == HALF
    expect(label.page.locator("#comment")).to_have_value(comment)


def drafts(page: Page) -> list[str]:
    script = "Object.keys({...localStorage, ...sessionStorage}).filter(name => name.startsWith('fourfold-draft'))"
    found: list[str] = page.evaluate(script)
    return found


def test_a_reload_and_another_page_lose_nothing(label_page: LabelPage) -> None:
    page, group_id = label_page.page, half_made(label_page)
    page.reload()
    expect_half(label_page)
    pages = page.get_by_role("navigation", name="Pages")
    pages.get_by_role("link", name="Train").click()
    expect(page).to_have_title("Train · Fourfold")
    pages.get_by_role("link", name="Label").click()
    expect_half(label_page)
    pages.get_by_role("link", name="Data").click()
    expect(page).to_have_title("Rankings · Fourfold")
    page.go_back()
    expect_half(label_page)
    label_page.press("Backspace")
    page.reload()
    expect(page.locator("#order")).to_contain_text("B")
    assert label_page.marks() == {**NOTHING, "B": "1st"}
    label_page.press("d", "a", "Enter")
    label_page.expect_next_card(group_id)
    assert label_page.by_letter(label_page.rankings()[0]) == {"B": 1, "D": 2, "A": 3, "C": 4}
    assert drafts(page) == []


def test_the_answer_that_was_placed_by_itself_is_still_free_after_a_reload(label_page: LabelPage) -> None:
    label_page.open().press("b", "a", "d")
    label_page.page.reload()
    expect(label_page.page.locator("#order")).to_contain_text("B › A › D › C")
    label_page.press("Shift+c")
    assert label_page.marks() == {"B": "1st", "A": "2nd", "D": "tied 3rd", "C": "tied 3rd"}


def test_a_cleared_card_leaves_no_draft(label_page: LabelPage) -> None:
    half_made(label_page, "")
    label_page.press("Escape")
    assert drafts(label_page.page) == []
    label_page.page.reload()
    expect(label_page.page.locator("#order")).to_contain_text("Best first")
    assert label_page.marks() == NOTHING


def test_the_card_comes_back_as_it_was_left_after_an_own_prompt(label_page: LabelPage) -> None:
    page, former = label_page.page, half_made(label_page)
    label_page.press("p")
    page.keyboard.type("What is a swan?")
    page.get_by_role("button", name="Write four answers").click()
    expect(page.locator("#card-kind")).to_have_text("Your prompt")
    expect(page.locator("#ranking-form")).to_be_visible()
    assert label_page.group_id() != former
    assert label_page.marks() == NOTHING
    label_page.press("d", "c", "b", "Enter")
    expect(page.locator("#ranking-form")).to_have_attribute("action", f"/groups/{former}/rankings")
    expect_half(label_page)
    label_page.press("p")
    expect(page.locator("#ask-text")).to_have_value("")


def test_a_prompt_that_was_typed_and_not_sent_is_still_there(label_page: LabelPage) -> None:
    page = label_page.open().page
    label_page.press("p")
    page.keyboard.type("Where do the swans")
    page.reload()
    expect(page.locator("#ask-text")).to_be_visible()
    expect(page.locator("#ask-text")).to_have_value("Where do the swans")


def test_two_tabs_keep_their_own(label_page: LabelPage) -> None:
    half_made(label_page)
    other = LabelPage(label_page.page.context.new_page(), label_page.server, label_page.name).open()
    expect_half(other)  # a new tab goes on where the other one is
    other.press("Escape", "d")
    assert other.marks() == {**NOTHING, "D": "1st"}
    label_page.page.reload()
    expect_half(label_page)
    other.page.reload()
    expect(other.page.locator("#order")).to_contain_text("D")
    assert other.marks() == {**NOTHING, "D": "1st"}
