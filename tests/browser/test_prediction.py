"""What the reward model had predicted, in Chromium: it comes by itself, moves nothing, opens by key and by touch, and
its page and states are without a finding of axe, in both languages, at 1280 and 360 pixels, light and dark."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests import databases
from tests.browser.conftest import LOOKS, PATIENT_MS
from tests.browser.label_page import LabelPage, WritingEngine
from tests.browser.test_accessibility import AXE, FADED_IN, RUN_AXE
from tests.live import LiveServer, live_server, quick_settings
from tests.web.test_prediction import add_reward

BELOW_THE_STRIP = """() => document.querySelector("#card").getBoundingClientRect().top
    - document.querySelector("#strip").getBoundingClientRect().bottom"""
"""Where the card begins; the strip above it is read anew by itself."""


@pytest.fixture
def server(tiny_model_dir: Path, installed_data: Path, tmp_path: Path) -> Iterator[LiveServer]:
    data, engine = databases.copy_data(installed_data, tmp_path / "data"), WritingEngine()
    with live_server(quick_settings(data, tiny_model_dir, ready_groups=4), lambda _s, _d: engine) as running:
        add_reward(running)
        yield running


def rank(page: Page) -> None:
    page.evaluate("document.activeElement.blur()")
    for key in "ABCD":
        page.keyboard.press(key)
    page.keyboard.press("Enter")


@LOOKS
def test_it_comes_after_the_ranking_and_moves_nothing(
    browser: Browser, server: LiveServer, locale: str, width: int, scheme: str
) -> None:
    context = browser.new_context(
        locale=locale, viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    page.add_init_script(path=AXE)
    held: list[Route] = []
    page.route("**/prediction", lambda route: held.append(route))
    LabelPage(page, server, "ada").open()
    assert page.locator(".prediction").count() == 0, "never before a ranking"
    with page.expect_request("**/prediction"):
        rank(page)
    place = page.locator("#told .prediction")
    expect(place.get_by_role("link")).to_be_visible()
    expect(page.locator("#card[data-mounted]")).to_be_visible()  # the next card does not wait for it
    before = page.evaluate(BELOW_THE_STRIP)
    held[0].continue_()
    summary = page.locator("#prediction summary")
    expect(summary).to_contain_text("%")
    assert page.evaluate(BELOW_THE_STRIP) == before
    box = summary.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#prediction table")).to_be_visible()
    page.evaluate(FADED_IN)
    assert page.evaluate(RUN_AXE) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.unroute("**/prediction")
    page.locator("#prediction a").first.click()
    expect(page.locator(".predicted-answers li")).to_have_count(4)
    assert page.evaluate(RUN_AXE) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()


@pytest.mark.parametrize("status", [500, None], ids=["an error", "no answer"])
def test_a_server_that_fails_to_tell_raises_no_alarm(
    page: Page, server: LiveServer, page_errors: list[str], status: int | None
) -> None:
    held: list[Route] = []
    page.route("**/prediction", lambda route: held.append(route))
    LabelPage(page, server, "bob").open()
    with page.expect_request("**/prediction"):
        rank(page)
    expect(page.locator("#told .prediction a")).to_be_visible()
    with page.expect_event("console"):
        if status is None:
            held[0].abort()
        else:
            held[0].fulfill(status=status, body="broken")
    expect(page.locator("#told .prediction a")).to_be_visible()
    expect(page.locator("#alerts")).to_be_empty()
    page_errors.clear()
