"""An own prompt's answers stay where they are when they are done, with what is selected and what has the focus."""

import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.label_page import LabelPage, WritingEngine

SEEN = """() => ({
    scroll: scrollY,
    places: [...document.querySelectorAll(
        "#card-prompt, .answer, .answer:not(.own) :is(.answer-text, .letter, .ranks), .bar, .bar .primary")].map(
        (each) => { const { x, y } = each.getBoundingClientRect(); return [x, y]; }),
    heights: [...document.querySelectorAll(".answer-text")].map((each) => each.getBoundingClientRect().height),
    selected: getSelection().toString(),
    focus: document.activeElement.id,
})"""
SELECT = """() => {
    const text = document.querySelector("[data-pane]:not(.caret)");
    text.normalize();
    getSelection().setBaseAndExtent(text.firstChild, 0, text.firstChild, 5);
}"""


def ask(label: LabelPage, text: str) -> None:
    label.press("p")
    label.page.keyboard.type(text)
    label.press("Control+Enter")
    expect(label.page.locator("[data-stream]")).to_be_visible()
    expect(label.page.locator("#ask-text")).to_be_hidden()  # the form is done with, and gives the focus to the card


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_moves_when_the_answers_are_done(
    label_page: LabelPage, writing_engine: WritingEngine, width: int
) -> None:
    page = label_page.page
    page.set_viewport_size({"width": width, "height": 700})
    label_page.open()
    writing_engine.may_finish.clear()
    ask(label_page, "Does it stay?")
    page.evaluate("scrollTo(0, 200)")
    seen: list[dict[str, Any]] = []

    def hold(route: Route) -> None:
        """All is written, the card that ranks is on its way: what the reader has before them now is what stays."""
        expect(page.locator("[data-pane].caret")).to_have_count(0)
        page.evaluate(SELECT)
        seen.append(page.evaluate(SEEN))
        route.fallback()

    page.route("**/groups/*", hold)
    writing_engine.may_finish.set()
    expect(page.locator("#ranking-form")).to_be_visible()
    [before], after = seen, page.evaluate(SEEN)
    assert {name: after[name] for name in before if after[name] != before[name]} == {}
    assert before["selected"]
    assert before["scroll"] == 200
    label_page.press("d", "b", "a")
    assert label_page.marks()["D"] == "1st"


def test_who_writes_meanwhile_goes_on_writing(label_page: LabelPage, writing_engine: WritingEngine) -> None:
    page = label_page.open().page
    writing_engine.may_finish.clear()
    ask(label_page, "Does it let me write?")
    label_page.press("p")
    page.keyboard.type("And ")
    writing_engine.may_finish.set()
    expect(page.locator("#ranking-form")).to_be_visible()
    page.keyboard.type("then?")
    expect(page.locator("#ask-text")).to_have_value("And then?")


def test_a_reload_shows_the_same_answers_being_written(label_page: LabelPage, writing_engine: WritingEngine) -> None:
    """Its address is the card's own until it is ranked."""
    page = label_page.open().page
    writing_engine.may_finish.clear()
    ask(label_page, "Is it still here?")
    expect(page).to_have_url(re.compile(r"/groups/\d+$"))
    page.reload()
    expect(page.locator("[data-stream]")).to_be_visible()
    expect(page.locator("#card-prompt")).to_have_text("Is it still here?")
    writing_engine.may_finish.set()
    expect(page.locator("#ranking-form")).to_be_visible()
    group_id = label_page.group_id()
    label_page.press("a", "b", "c", "Enter")
    label_page.expect_next_card(group_id)
    expect(page).to_have_url(f"{label_page.server.url}/")
