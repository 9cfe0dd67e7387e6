"""Names, headings, contrast: what a screen reader or a weak eye needs, on every page, light and dark.

Own checks instead of a library: they cover what these pages use, and need nothing to be installed.
"""

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.label_page import LabelPage
from tests.waiting import wait_for

CONTROLS = {
    *("button", "link", "textbox", "radio", "checkbox", "combobox", "searchbox", "progressbar", "dialog", "switch"),
    *("DisclosureTriangle", "region", "navigation", "radiogroup"),
}
DUPLICATE_IDS = """() => {
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    return ids.filter((id, at) => ids.indexOf(id) !== at);
}"""
FADED_IN = "Promise.allSettled(document.getAnimations().map((each) => each.finished)).then(() => null)"
WEAK_TEXT = (Path(__file__).parent / "weak_text.js").read_text(encoding="utf-8")


def accessibility_tree(page: Page) -> list[tuple[str, str]]:
    """Role and name of all that a screen reader is told; Chromium builds it a moment after a page is loaded."""
    session = page.context.new_cdp_session(page)

    def look() -> list[tuple[str, str]] | None:
        nodes: list[dict[str, Any]] = session.send("Accessibility.getFullAXTree")["nodes"]
        shown = [node for node in nodes if not node.get("ignored")]
        found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in shown]
        return found if any(role == "heading" for role, _ in found) else None

    return wait_for(look, "accessibility tree of the page")


def nameless(page: Page) -> list[str]:
    return [role for role, name in accessibility_tree(page) if role in CONTROLS and not name]


def check(page: Page) -> None:
    assert nameless(page) == []
    assert page.evaluate(DUPLICATE_IDS) == []
    assert page.evaluate(WEAK_TEXT) == []
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("html[lang]").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_readable(
    label_page: LabelPage, page_errors: list[str], scheme: Literal["light", "dark"]
) -> None:
    page = label_page.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    label_page.open()
    check(page)
    label_page.press("a", "=", "b", "c", "s")
    page.evaluate(FADED_IN)
    check(page)
    label_page.press("Escape", "p")
    check(page)
    label_page.press("Escape", "?")
    check(page)
    for path in ("/train", "/prompts", "/versions/1", "/nowhere"):
        page.goto(label_page.server.url + path)
        check(page)
    page_errors.clear()  # the browser logs the 404


def test_ranks_are_said_by_number_and_not_by_colour_alone(label_page: LabelPage) -> None:
    label_page.open().press("a", "Shift+B", "c")
    assert label_page.marks() == {"A": "tied 1st", "B": "tied 1st", "C": "3rd", "D": "4th"}
    expect(label_page.page.locator("#announcer")).to_contain_text("The order is A = B › C › D")


def test_the_keyboard_reaches_everything(label_page: LabelPage) -> None:
    page = label_page.open().page
    reached: set[str] = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
            )
        )
    assert {"skip-link", "handle", "comment", "submit-ranking"} <= reached
    assert page.locator(".skip-link").get_attribute("href") == "#main"
