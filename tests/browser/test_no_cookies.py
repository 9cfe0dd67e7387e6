"""A browser that is set to keep no cookies: Chromium then keeps nothing else for the page, and gives it no locks."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ARGUMENTS, chromium_path
from tests.live import LiveServer

BLOCKED = {"profile": {"default_content_setting_values": {"cookies": 2}}}
SAID = "Your browser sent no cookies"


@pytest.fixture
def forgetful(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    preferences = tmp_path / "profile" / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text(json.dumps(BLOCKED), encoding="utf-8")
    context = browser.browser_type.launch_persistent_context(
        tmp_path / "profile", executable_path=chromium_path(whole=True), args=ARGUMENTS
    )
    yield context.pages[0]
    context.close()


def test_it_is_told_why_it_gets_no_card(forgetful: Page, label_server: LiveServer) -> None:
    forgetful.goto(label_server.url)
    expect(forgetful.get_by_role("heading", name="Your browser keeps no cookies")).to_be_visible()


def test_what_it_sends_is_refused_with_the_reason(forgetful: Page, label_server: LiveServer) -> None:
    forgetful.goto(label_server.url)
    forgetful.keyboard.press("p")
    forgetful.keyboard.type("Is anybody there?")
    forgetful.keyboard.press("Control+Enter")
    expect(forgetful.locator("#alerts")).to_contain_text(SAID)
    expect(forgetful.get_by_label("Your prompt")).to_have_value("Is anybody there?")


def test_a_plain_form_is_refused_with_the_reason(forgetful: Page, label_server: LiveServer) -> None:
    forgetful.goto(label_server.url + "/data/prompts")
    forgetful.locator("#add > summary").click()
    forgetful.locator("#add-text").fill("Is anybody there?")
    forgetful.get_by_role("button", name="Add", exact=True).click()
    expect(forgetful.get_by_role("main")).to_contain_text(SAID)
