"""The label page by touch, on a screen of 360 pixels."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, ViewportSize, expect

from tests.browser.conftest import PATIENT_MS
from tests.browser.label_page import LabelPage
from tests.live import LiveServer

NARROW: ViewportSize = {"width": 360, "height": 740}
NOTHING = dict.fromkeys("ABCD", "not ranked")


@pytest.fixture
def touched(browser: Browser, label_server: LiveServer, request: pytest.FixtureRequest) -> Iterator[LabelPage]:
    context = browser.new_context(viewport=NARROW, has_touch=True, is_mobile=True)
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield LabelPage(page, label_server, request.node.name[:60]).open()
    context.close()
    assert not errors


def tap(label: LabelPage, *letters: str) -> None:
    for letter in letters:
        label.answer(letter).locator(".answer-text").tap()


def box(locator: Locator) -> FloatRect:
    found = locator.bounding_box()
    assert found is not None
    return found


def test_taps_rank_best_first_and_a_second_tap_takes_back_from_there(touched: LabelPage) -> None:
    group_id = touched.group_id()
    tap(touched, "C", "A")
    assert touched.marks() == {**NOTHING, "C": "1st", "A": "2nd"}
    tap(touched, "B")
    assert touched.marks() == {"C": "1st", "A": "2nd", "B": "3rd", "D": "4th"}
    tap(touched, "A")
    assert touched.marks() == {**NOTHING, "C": "1st"}
    tap(touched, "D", "B")
    touched.page.locator("#submit-ranking").tap()
    touched.expect_next_card(group_id)
    assert touched.by_letter(touched.rankings()[0]) == {"C": 1, "D": 2, "B": 3, "A": 4}


def test_an_order_that_was_undone_goes_where_another_one_begins(touched: LabelPage) -> None:
    group_id = touched.group_id()
    tap(touched, "C", "A", "B")
    touched.page.locator("#submit-ranking").tap()
    touched.expect_next_card(group_id)
    touched.page.locator("#undo").tap()
    expect(touched.page.locator("#order")).to_contain_text("Tap the best answer to begin a new order.")
    assert touched.marks() == {"C": "1st", "A": "2nd", "B": "3rd", "D": "4th"}
    tap(touched, "A")
    assert touched.marks() == {**NOTHING, "A": "1st"}
    tap(touched, "D", "C")
    assert touched.marks() == {"A": "1st", "D": "2nd", "C": "3rd", "B": "4th"}


def test_ties_and_clearing_have_their_buttons(touched: LabelPage) -> None:
    page = touched.page
    expect(page.locator("[data-tie]:visible")).to_have_count(0)
    expect(page.locator("[data-clear]")).to_be_hidden()
    tap(touched, "C")
    touched.answer("B").get_by_role("button", name="= 1st: rank B as a tie").tap()
    assert touched.marks() == {**NOTHING, "B": "tied 1st", "C": "tied 1st"}
    tap(touched, "A")
    touched.answer("D").get_by_role("button", name="= 3rd").tap()
    assert touched.marks() == {"B": "tied 1st", "C": "tied 1st", "A": "tied 3rd", "D": "tied 3rd"}
    expect(page.locator("[data-tie]:visible")).to_have_count(0)
    page.get_by_role("button", name="Clear").tap()
    assert touched.marks() == NOTHING
    expect(page.locator("#order")).to_have_text("Tap the answers, best first.")


def test_the_prompt_is_in_sight_and_the_bar_is_one_line(touched: LabelPage) -> None:
    page = touched.page
    assert page.evaluate("scrollY") == 0
    bar, prompt = box(page.locator(".bar")), box(page.locator("#card-prompt"))
    assert prompt["y"] + prompt["height"] < bar["y"]
    tap(touched, "C", "A", "B")
    buttons = [box(each) for each in page.locator(".bar .button:visible").all()]
    assert len(buttons) == 3
    assert len({each["y"] for each in buttons}) == 1
    assert all(each["height"] >= 44 and each["width"] >= 44 for each in buttons)
    assert box(page.locator(".bar"))["height"] < 2 * 44
    touched.page.locator("#submit-ranking").tap()
    expect(page.locator(".saved")).to_be_visible()
    prompt = box(page.locator("#card-prompt"))
    assert prompt["y"] + prompt["height"] < bar["y"]
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_what_a_finger_presses_is_large_enough(touched: LabelPage) -> None:
    tap(touched, "C")
    small = [
        (name, size)
        for each in touched.page.locator(
            "#card button:visible, #card .ranks input:visible, #card summary:visible"
        ).all()
        for name, size in [(each.evaluate("each => each.outerHTML.slice(0, 80)"), box(each))]
        if min(size["width"], size["height"]) < 43.5
    ]
    assert small == []


def test_text_can_be_selected_and_the_tap_that_ends_it_ranks_nothing(touched: LabelPage) -> None:
    page = touched.page
    page.evaluate("""() => {
        const text = document.querySelector("#answer-A .answer-text").firstChild;
        getSelection().setBaseAndExtent(text, 0, text, 6);
    }""")
    tap(touched, "B")
    assert touched.marks() == NOTHING
    page.evaluate("getSelection().removeAllRanges()")
    tap(touched, "B")
    assert touched.marks()["B"] == "1st"


def test_two_quick_taps_zoom_nothing(touched: LabelPage) -> None:
    for selector in (".answer", ".bar"):
        assert (
            touched.page.locator(selector).first.evaluate("each => getComputedStyle(each).touchAction")
            == "manipulation"
        )


def test_a_tap_on_submit_that_comes_twice_submits_once(touched: LabelPage) -> None:
    group_id = touched.group_id()
    tap(touched, "A", "B", "C")
    place = box(touched.page.locator("#submit-ranking"))
    for _ in range(2):
        touched.page.touchscreen.tap(place["x"] + 20, place["y"] + 20)
    touched.expect_next_card(group_id)
    elsewhere = place["x"] + place["width"] - 10  # at the same place it is one tap with the two
    touched.page.touchscreen.tap(elsewhere, place["y"] + 20)
    expect(touched.page.locator("#order")).to_contain_text("Nothing is ranked yet")
    assert len(touched.rankings()) == 1


def test_the_reasons_to_skip_are_a_sheet(touched: LabelPage) -> None:
    page, group_id = touched.page, touched.group_id()
    button = box(page.locator("#skip > summary"))
    page.touchscreen.tap(button["x"] + 20, button["y"] + 20)  # where it is: Playwright would scroll to it
    sheet = page.get_by_role("group", name="Why skip this prompt?")
    expect(sheet).to_be_visible()
    assert page.evaluate("scrollY") == 0
    assert box(sheet)["width"] == 360
    assert box(sheet)["y"] + box(sheet)["height"] == NARROW["height"]
    page.touchscreen.tap(180, 60)
    expect(sheet).to_be_hidden()
    assert touched.group_id() == group_id
    page.locator("#skip > summary").tap()
    page.get_by_role("button", name="Close: do not skip").tap()
    expect(sheet).to_be_hidden()
    page.locator("#skip > summary").tap()
    page.get_by_role("button", name="Unsafe or hurtful").tap()
    touched.expect_next_card(group_id)
    assert [skip.reason for skip in touched.skips()] == ["unsafe"]
